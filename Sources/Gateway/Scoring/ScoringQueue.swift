import Engine
import Transport

/// What waits for a scoring worker: a bounded queue for each model, served by turns. A value without threads or clock, so
/// that its order can be tested by itself.
///
/// Models share the workers by start-time fair queueing (Goyal, Vin and Cheng 1996): each lane has a tag that grows by
/// the operations of what was taken from it, and the waiting lane with the least tag is next. A lane that was empty
/// starts at the tag in service, so that nobody saves up turns. Within a lane its clients share in the same way; a client's own
/// work is served as it came, as is that of all where they are not told apart.
///
/// The bound is on rows, over all lanes, and shared too (max-min fairness): what others have beyond what a client would have
/// does not count against it. A client with nothing waiting gets a row in as long as there are fewer clients than `rowsMax`. In
/// all there are never more than rowsMax · (1 + 1/2 + 1/3 + …) rows, a term for each client, since the client with the k-th most
/// rows has at most rowsMax / k, and a batch that is larger than the queue. Where clients are not told apart, a query of a model
/// with fewer rows takes the place of the newest of the model with the most.
///
/// What comes, is refused, taken or taken back costs O(log n) of what waits, whoever asks: refusing must be cheaper than asking.
///
/// Of what goes without a score, a client's only row is told from one of many (`isCrowding`): with the latter a client might have
/// brought it about. A row that is let by counts as its client's until it is answered.
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

        /// All of it.
        var operations: Double {
            switch self {
            case .job(_, let operations, _): operations
            case .query(let query): Double(query.rows) * query.plan.operations
            }
        }

        /// Nil for jobs.
        var model: ObjectIdentifier? {
            if case .query(let query) = self { ObjectIdentifier(query.plan) } else { nil }
        }

        /// Nil for jobs.
        fileprivate var place: ScoringPlace? {
            if case .query(let query) = self { query.place } else { nil }
        }
    }

    /// Rows of a query that are examined in one turn.
    struct Slice {
        let query: ScoringQuery
        var rows: Range<Int>
    }

    /// Rows of a client that a worker has.
    struct Share {
        let place: ScoringPlace
        let client: ScoringClient?
        let rows: Int
    }

    /// What one worker does next.
    struct Turn {
        enum Work {
            case job(ScoringPool.Job)
            /// Slices of queries to one plan, of at least one row together.
            case rows(Plan, [Slice])
        }

        let work: Work
        /// To be given back by `finish` when it is done.
        let shares: [Share]
    }

    /// A query that leaves the queue without a score, and has yet to be told.
    struct Ended {
        let query: ScoringQuery
        let outcome: ScoringQuery.Outcome
    }

    /// What became of work that came.
    enum Placing {
        /// It waits; these had to go for it.
        case queued(displaced: [Ended])
        /// There is no room.
        case full
        /// There is no room, and it is not its client's only row.
        case crowded
    }

    /// What a piece of work counts for until it is done, told or taken back.
    private struct Held {
        let client: ScoringClient?
        let model: ObjectIdentifier?
        /// Where its rows wait, if any do.
        let slot: Int
        /// It is beyond the bound.
        let isReserved: Bool
        var waiting: Int
        var working = 0
    }

    let rowsMax: Int
    /// The most rows of a turn; nil for as many as the plan gains from.
    let turnRowsMax: Int?
    private var lanes: [ScoringLane] = []
    /// What clients have.
    var shares: ScoringShares
    private var held: [ScoringPlace: Held] = [:]
    private var tagInService = 0.0
    /// The most that leave as late in one step.
    static let lateMax = 256
    private var nextNumber: UInt64 = 0

    init(rowsMax: Int, turnRowsMax: Int?) {
        (self.rowsMax, self.turnRowsMax) = (rowsMax, turnRowsMax)
        shares = ScoringShares(rowsMax: rowsMax)
    }

    /// Pieces of work that count for somebody.
    var heldCount: Int { held.count }

    /// Rows that wait.
    var rows: Int { lanes.reduce(0) { $0 + $1.rows } }

    var isEmpty: Bool { lanes.allSatisfy(\.isEmpty) }

    /// Whether a worker need not wait for more: the next lane has a turn's rows, or something else waits as well.
    var hasWholeTurn: Bool {
        let rows = rows
        guard let lane = next(), lanes[lane].rows == rows, case .query(let query) = lanes[lane].first.work
        else { return true }
        return rows >= turnRowsMax ?? query.plan.rowsTogether
    }

    // MARK: Coming

    /// Queues work if there is room, or room can be made; a query at its own place, a job at `place`. A client of nil is not told
    /// from others; `together` are the rows of the request that it is of, where those are more. What `mayBeReserved` has a place
    /// beyond the bound where there is no other: a client one, all together as many as within.
    mutating func add(
        _ work: Work, at place: ScoringPlace = ScoringPlace(), of client: ScoringClient?, together: Int = 1,
        mayBeReserved: Bool = false
    ) -> Placing {
        let isCrowding = client.map { shares.unfinished($0) + max(work.rows, together) > 1 } ?? false
        var (displaced, isReserved) = ([Ended](), false)
        if !fits(work.rows, of: client) {
            if mayBeReserved, shares.mayReserve(for: client) {
                isReserved = true
            } else if client == nil, let found = displace(for: work.model, work.rows) {
                displaced = found
            } else {
                return isCrowding ? .crowded : .full
            }
        }
        let entry = ScoringLane.Entry(
            work: work, place: work.place ?? place, client: client, number: nextNumber,
            isCrowding: isCrowding)
        nextNumber += 1
        let slot = lanes[lane(of: work.model)].append(entry)
        shares.wait(work.rows, of: client)
        if isReserved { shares.beginReserved(of: client) }
        held[entry.place] = Held(
            client: client, model: work.model, slot: slot, isReserved: isReserved, waiting: work.rows)
        return .queued(displaced: displaced)
    }

    /// Work larger than the whole queue is taken while the queue is not full, one of a client: otherwise it could never be done.
    private func fits(_ need: Int, of client: ScoringClient?) -> Bool {
        let rows = rows
        if rows == 0 || rows + need <= rowsMax { return true }
        guard let client else { return false }
        if need > rowsMax { return rows < rowsMax && shares.unfinished(client) == 0 }
        return shares.contending(need, of: client) <= rowsMax
    }

    private mutating func lane(of model: ObjectIdentifier?) -> Int {
        if let index = lanes.firstIndex(where: { $0.model == model }) {
            if lanes[index].isEmpty { lanes[index].tag = max(lanes[index].tag, tagInService) }
            return index
        }
        lanes.append(ScoringLane(model: model, tag: tagInService))
        return lanes.count - 1
    }

    /// Removes the newest queries of the longest lane until there is room; nil, and nothing is removed, where that would leave it
    /// shorter than the lane of `model`, which gains `need` rows.
    private mutating func displace(for model: ObjectIdentifier?, _ need: Int) -> [Ended]? {
        guard let longest = lanes.indices.max(by: { lanes[$0].rows < lanes[$1].rows }),
            lanes[longest].model != model
        else { return nil }
        let gaining = need + (lanes.first { $0.model == model }?.rows ?? 0)
        return lanes[longest].newest(freeing: rows + need - rowsMax, leaving: gaining)?.map { slot in
            end(lanes[longest].remove(slot)) { .displaced(isCrowding: $0) }
        }
    }

    /// What is to be told of a query that has been removed from its lane.
    private mutating func end(
        _ entry: ScoringLane.Entry, as outcome: (Bool) -> ScoringQuery.Outcome
    ) -> Ended {
        guard let query = entry.displaceable else { preconditionFailure("nobody is told of jobs") }
        release(entry.place)
        return Ended(query: query, outcome: outcome(entry.isCrowding))
    }

    // MARK: Going

    /// The next turn of one of `workers` that are free now, nil when nothing waits; queries whose deadline has passed are
    /// removed on the way, into `late`. Nil as well where there are more of those than a lock should be held for.
    ///
    /// A turn takes no more than its part of what waits in its lane, so that rows do not queue behind one worker while
    /// others idle.
    mutating func take(now: MonotonicTime, workers: Int, late: inout [Ended]) -> Turn? {
        while let index = next() {
            let gone = lanes[index].removeLate(now: now, most: Self.lateMax)
            late += gone.map { end($0) { .late(isCrowding: $0) } }
            if lanes[index].hasLate(now: now) { return nil }
            guard !lanes[index].isEmpty else { continue }
            tagInService = lanes[index].tag
            defer { forgetIdleLanes() }
            guard case .query(let first) = lanes[index].first.work else {
                return lanes[index].takeJob().map { turn(.job($0.job), [$0.share]) }
            }
            let most = turnRowsMax ?? first.plan.rowsTogether
            let part = (lanes[index].rows + workers - 1) / max(1, workers)
            let taken = lanes[index].takeRows(max(1, min(most, part)))
            return turn(.rows(first.plan, taken.slices), taken.shares)
        }
        return nil
    }

    private mutating func turn(_ work: Turn.Work, _ taken: [Share]) -> Turn {
        for share in taken {
            held[share.place]?.waiting -= share.rows
            held[share.place]?.working += share.rows
            shares.work(share.rows, of: share.client)
        }
        return Turn(work: work, shares: taken)
    }

    /// A worker is done with a turn, with which these places have all that they asked for.
    mutating func finish(_ done: [Share], told: [ScoringPlace] = []) {
        for share in done {
            // What was taken back in the meantime has been given back.
            guard var left = held[share.place] else { continue }
            left.working -= share.rows
            shares.finish(share.rows, of: share.client)
            held[share.place] = left
            if left.waiting + left.working == 0 { release(share.place) }
        }
        // Of a query's other turns a worker may not have said yet that they are done.
        for place in told { release(place) }
    }

    /// Takes back what nobody waits for any more: nothing of it counts from now on. Returns what waited, which must not be let go of
    /// while a lock is held that somebody in it might want.
    mutating func leave(_ place: ScoringPlace) -> Work? {
        guard let left = held[place] else { return nil }
        release(place)
        guard left.waiting > 0, let lane = lanes.firstIndex(where: { $0.model == left.model }) else {
            return nil
        }
        return lanes[lane].remove(left.slot).work
    }

    private mutating func release(_ place: ScoringPlace) {
        guard let left = held.removeValue(forKey: place) else { return }
        shares.wait(-left.waiting, of: left.client)
        shares.finish(left.working, of: left.client)
        if left.isReserved { shares.endReserved(of: left.client) }
    }

    /// The waiting lane that is served next.
    private func next() -> Int? {
        lanes.indices.filter { !lanes[$0].isEmpty }.min {
            (lanes[$0].tag, lanes[$0].first.number) < (lanes[$1].tag, lanes[$1].first.number)
        }
    }

    /// A lane without entries matters only while its tag lies ahead.
    private mutating func forgetIdleLanes() {
        lanes.removeAll { $0.isEmpty && $0.tag <= tagInService }
    }
}
