import Engine
import Transport

/// What waits for a scoring worker: a bounded queue for each model, served by turns. A value without threads or clock, so
/// that its order can be tested by itself.
///
/// Models share the workers by start-time fair queueing (Goyal, Vin and Cheng 1996): each lane has a tag that grows by
/// the operations of what was taken from it, and the waiting lane with the least tag is next. A lane that was empty
/// starts at the tag in service, so that nobody saves up turns. Within a lane, first come is first served; among equal
/// tags the one whose head came first.
///
/// The bound is on rows, over all lanes. When it is reached, a query of a model with fewer rows takes the place of the
/// newest of the model with the most: a flood of one model costs that model.
struct ScoringQueue {
    /// Something to do, in one turn or more.
    enum Work {
        /// Code that runs by itself, in the place of so many rows.
        case job(rows: Int, operations: Double, ScoringPool.Job)
        /// Rows to examine.
        case query(ScoringQuery)

        var rows: Int {
            switch self {
            case .job(let rows, _, _): rows
            case .query(let query): query.rows
            }
        }
    }

    /// Rows of a query that are examined in one turn.
    struct Slice {
        let query: ScoringQuery
        let rows: Range<Int>
    }

    /// What one worker does next.
    enum Turn {
        case job(ScoringPool.Job)
        /// Slices of queries to one plan, of at least one row together.
        case rows(Plan, [Slice])
    }

    private struct Entry {
        let work: Work
        /// Counts from the queue's first entry on.
        let number: UInt64
        /// Rows that earlier turns have had.
        var taken = 0

        var waiting: Int { work.rows - taken }
        /// Nothing of it has begun, and there is somebody to tell.
        var displaceable: ScoringQuery? {
            if case .query(let query) = work, taken == 0 { query } else { nil }
        }
    }

    private struct Lane {
        /// Nil for jobs.
        let model: ObjectIdentifier?
        var tag: Double
        var entries: [Entry] = []
        var head = 0
        var rows = 0

        var isEmpty: Bool { head == entries.count }
        var number: UInt64 { entries[head].number }

        mutating func removeHead() {
            rows -= entries[head].waiting
            head += 1
            // Moved down once half of the room is spent: each entry is moved once on average.
            guard head * 2 >= entries.count else { return }
            entries.removeFirst(head)
            head = 0
        }
    }

    let rowsMax: Int
    /// The most rows of a turn; nil for as many as the plan gains from.
    let turnRowsMax: Int?
    /// Rows that wait.
    private(set) var rows = 0
    private var waitingJobs = 0
    private var lanes: [Lane] = []
    private var tagInService = 0.0
    private var nextNumber: UInt64 = 0

    init(rowsMax: Int, turnRowsMax: Int?) {
        (self.rowsMax, self.turnRowsMax) = (rowsMax, turnRowsMax)
    }

    var isEmpty: Bool { rows == 0 }

    /// Whether a worker need not wait for more: the next lane has a turn's rows, or something else waits as well.
    var hasWholeTurn: Bool {
        guard waitingJobs == 0, let lane = next(), lanes[lane].rows == rows else { return true }
        guard case .query(let query) = lanes[lane].entries[lanes[lane].head].work else { return true }
        return rows >= turnRowsMax ?? query.plan.rowsTogether
    }

    /// Queues work if there is room, or room can be made by displacing queries, which are returned; nil when not.
    ///
    /// Work larger than the whole queue is taken when nothing waits: otherwise it could never be done.
    mutating func add(_ work: Work) -> [ScoringQuery]? {
        var model: ObjectIdentifier?
        if case .query(let query) = work { model = ObjectIdentifier(query.plan) }
        var displaced: [ScoringQuery] = []
        if rows > 0, rows + work.rows > rowsMax {
            guard let found = displace(rows + work.rows - rowsMax, by: work.rows, of: model) else {
                return nil
            }
            displaced = found
        }
        let lane = lane(of: model)
        lanes[lane].entries.append(Entry(work: work, number: nextNumber))
        lanes[lane].rows += work.rows
        rows += work.rows
        if model == nil { waitingJobs += 1 }
        nextNumber += 1
        return displaced
    }

    private mutating func lane(of model: ObjectIdentifier?) -> Int {
        if let index = lanes.firstIndex(where: { $0.model == model }) {
            if lanes[index].isEmpty { lanes[index].tag = max(lanes[index].tag, tagInService) }
            return index
        }
        lanes.append(Lane(model: model, tag: tagInService))
        return lanes.count - 1
    }

    /// Removes the newest queries of the longest lane until `need` rows are free; nil, and nothing is removed, where that
    /// would leave it shorter than the lane that gains `gain` rows.
    private mutating func displace(
        _ need: Int, by gain: Int, of model: ObjectIdentifier?
    ) -> [ScoringQuery]? {
        guard let longest = lanes.indices.max(by: { lanes[$0].rows < lanes[$1].rows }),
            lanes[longest].model != model
        else { return nil }
        let gaining = gain + (lanes.first { $0.model == model }?.rows ?? 0)
        var (freed, found) = (0, [ScoringQuery]())
        for entry in lanes[longest].entries[lanes[longest].head...].reversed() where freed < need {
            guard let query = entry.displaceable else { return nil }
            found.append(query)
            freed += query.rows
        }
        guard freed >= need, lanes[longest].rows - freed >= gaining else { return nil }
        lanes[longest].entries.removeLast(found.count)
        lanes[longest].rows -= freed
        rows -= freed
        return found
    }

    /// The next turn of one of `workers` that are free now, nil when nothing waits; queries whose deadline has passed are
    /// removed on the way, into `late`.
    ///
    /// A turn takes no more than its part of what waits in its lane, so that rows do not queue behind one worker while
    /// others idle.
    mutating func take(now: MonotonicTime, workers: Int, late: inout [ScoringQuery]) -> Turn? {
        while let index = next() {
            drop(from: index, now: now, late: &late)
            guard !lanes[index].isEmpty else { continue }
            tagInService = lanes[index].tag
            defer { forgetIdleLanes() }
            if case .job(let rows, let operations, let job) = lanes[index].entries[lanes[index].head].work {
                lanes[index].removeHead()
                lanes[index].tag += operations
                self.rows -= rows
                waitingJobs -= 1
                return .job(job)
            }
            return takeRows(from: index, workers: workers, now: now, late: &late)
        }
        return nil
    }

    /// The waiting lane that is served next.
    private func next() -> Int? {
        lanes.indices.filter { !lanes[$0].isEmpty }.min {
            (lanes[$0].tag, lanes[$0].number) < (lanes[$1].tag, lanes[$1].number)
        }
    }

    /// A lane without entries matters only while its tag lies ahead.
    private mutating func forgetIdleLanes() {
        lanes.removeAll { $0.isEmpty && $0.tag <= tagInService }
    }

    private mutating func takeRows(
        from index: Int, workers: Int, now: MonotonicTime, late: inout [ScoringQuery]
    ) -> Turn? {
        guard case .query(let first) = lanes[index].entries[lanes[index].head].work else { return nil }
        let most = turnRowsMax ?? first.plan.rowsTogether
        let share = (lanes[index].rows + workers - 1) / max(1, workers)
        var room = max(1, min(most, share))
        var slices: [Slice] = []
        while room > 0, !lanes[index].isEmpty {
            let entry = lanes[index].entries[lanes[index].head]
            guard case .query(let query) = entry.work else { break }
            let count = min(room, entry.waiting)
            slices.append(Slice(query: query, rows: entry.taken..<entry.taken + count))
            room -= count
            rows -= count
            lanes[index].tag += Double(count) * query.plan.operations
            if count == entry.waiting {
                lanes[index].removeHead()
            } else {
                lanes[index].entries[lanes[index].head].taken += count
                lanes[index].rows -= count
            }
            drop(from: index, now: now, late: &late)
        }
        return .rows(first.plan, slices)
    }

    /// Removes heads that nobody waits for any more, and those that have waited too long.
    private mutating func drop(from index: Int, now: MonotonicTime, late: inout [ScoringQuery]) {
        while !lanes[index].isEmpty {
            let entry = lanes[index].entries[lanes[index].head]
            guard case .query(let query) = entry.work else { return }
            let isWanted = query.isWanted()
            let isLate = entry.taken == 0 && query.deadline < now
            guard !isWanted || isLate else { return }
            if isWanted { late.append(query) }
            rows -= entry.waiting
            lanes[index].removeHead()
        }
    }
}
