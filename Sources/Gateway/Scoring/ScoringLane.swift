import Engine
import Transport

/// What waits for one model, or all jobs: the clients' work in the order of start-time fair queueing, so that what one client
/// has waiting delays another by turns, not by all of it.
///
/// Each piece of work has a tag: the operations that were served when it came, or those after its client's work before it. The
/// least is next, the first come among equals; rows that remain of a long query move up by those that were taken.
struct ScoringLane {
    struct Entry {
        let work: ScoringQueue.Work
        let client: ScoringClient?
        /// Counts from the queue's first entry on.
        let number: UInt64
        /// It was not its client's only row when it came.
        let isCrowding: Bool
        var tag = 0.0
        /// Rows that earlier turns have had.
        var taken = 0

        var waiting: Int { work.rows - taken }
        /// Those of the rows that wait.
        var operations: Double { work.operations * Double(waiting) / Double(work.rows) }
        /// Nothing of it has begun, and there is somebody to tell.
        var displaceable: ScoringQuery? {
            if case .query(let query) = work, taken == 0 { query } else { nil }
        }
        var isWanted: Bool { if case .query(let query) = work { query.isWanted() } else { true } }
    }

    /// What a client has in this lane.
    private struct Flow {
        var entries = 0
        /// The tag of what comes next.
        var end: Double
    }

    /// Nil for jobs.
    let model: ObjectIdentifier?
    /// Operations served, as the queue counts them between its lanes.
    var tag: Double
    private(set) var rows = 0
    /// In order from `head` on.
    private var entries: [Entry] = []
    private var head = 0
    /// Of those who have entries, and of those whose last one was served ahead of others.
    private var flows: [ScoringClient?: Flow] = [:]
    /// Flows with entries.
    private var active = 0
    /// Past so many flows those that do not matter any more are looked for.
    private var flowsMax = flowsLeast
    private static let flowsLeast = 64
    private static let aheadMax = 1_024
    /// The tag of what was served last: where clients begin that are not ahead.
    private var service = 0.0
    /// No entry's deadline is before it.
    private var nextDeadline = MonotonicTime.never

    init(model: ObjectIdentifier?, tag: Double) { (self.model, self.tag) = (model, tag) }

    var isEmpty: Bool { head == entries.count }
    /// What is next. Only for lanes that are not empty.
    var first: Entry { entries[head] }
    /// What waits, in order.
    var waiting: ArraySlice<Entry> { entries[head...] }

    /// Queues an entry behind those of its client.
    mutating func append(_ entry: Entry, _ shares: inout ScoringShares) {
        var (entry, flow) = (entry, flows[entry.client] ?? Flow(end: service))
        entry.tag = max(flow.end, service)
        flow.end = entry.tag + entry.work.operations
        flow.entries += 1
        if flow.entries == 1 { active += 1 }
        flows[entry.client] = flow
        rows += entry.work.rows
        shares.wait(entry.work.rows, of: entry.client)
        if case .query(let query) = entry.work { nextDeadline = min(nextDeadline, query.deadline) }
        insert(entry)
    }

    /// Takes the job that is next; nil where a query is.
    mutating func takeJob(_ shares: inout ScoringShares) -> (job: ScoringPool.Job, share: ScoringQueue.Share)?
    {
        let entry = first
        guard case .job(let rows, let operations, let job) = entry.work else { return nil }
        serve(rows, operations, &shares)
        return (job, ScoringQueue.Share(client: entry.client, rows: rows))
    }

    /// Takes up to `room` rows, a part of them of each client in turn.
    mutating func takeRows(
        _ room: Int, _ shares: inout ScoringShares
    ) -> (slices: [ScoringQueue.Slice], shares: [ScoringQueue.Share]) {
        var (slices, taken, room) = ([ScoringQueue.Slice](), [ScoringQueue.Share](), room)
        let part = max(1, room / max(1, active))
        while room > 0, !isEmpty, case .query(let query) = first.work {
            let entry = first
            let count = min(room, part, entry.waiting)
            let rows = entry.taken..<entry.taken + count
            if let last = slices.last, last.query === query, last.rows.upperBound == rows.lowerBound {
                slices[slices.count - 1].rows = last.rows.lowerBound..<rows.upperBound
            } else {
                slices.append(ScoringQueue.Slice(query: query, rows: rows))
            }
            taken.append(ScoringQueue.Share(client: entry.client, rows: count))
            room -= count
            serve(count, Double(count) * query.plan.operations, &shares)
            if !isEmpty, !first.isWanted { dropUnwanted(&shares) }
        }
        return (slices, taken)
    }

    /// Removes what nobody waits for any more, and what has waited too long, which is returned.
    mutating func tidy(now: MonotonicTime, _ shares: inout ScoringShares) -> [ScoringQueue.Ended] {
        guard nextDeadline < now || (!isEmpty && !first.isWanted) else { return [] }
        var (late, next) = ([ScoringQueue.Ended](), MonotonicTime.never)
        remove(&shares) { entry in
            guard entry.isWanted else { return true }
            guard let query = entry.displaceable else { return false }
            guard query.deadline < now else {
                next = min(next, query.deadline)
                return false
            }
            late.append(.init(query: query, outcome: .late(isCrowding: entry.isCrowding)))
            return true
        }
        nextDeadline = next
        return late
    }

    /// Removes what nobody waits for any more.
    mutating func dropUnwanted(_ shares: inout ScoringShares) {
        // Most often there is nothing, and a full queue is looked through for each query that comes.
        if waiting.contains(where: { !$0.isWanted }) { remove(&shares) { !$0.isWanted } }
    }

    /// Removes the entries of these numbers.
    mutating func remove(_ numbers: Set<UInt64>, _ shares: inout ScoringShares) {
        remove(&shares) { numbers.contains($0.number) }
    }

    // MARK: Small parts

    /// Serves so many rows of the first entry.
    private mutating func serve(_ count: Int, _ operations: Double, _ shares: inout ScoringShares) {
        var entry = first
        head += 1
        // Moved down once half of the room is spent: each entry is moved once on average.
        if head * 2 >= entries.count {
            entries.removeFirst(head)
            head = 0
        }
        rows -= count
        shares.work(count, of: entry.client)
        tag += operations
        service = entry.tag
        entry.taken += count
        entry.tag += operations
        if entry.waiting > 0 { insert(entry) } else { leave(entry.client) }
    }

    /// Removes entries that are not served: what their clients have behind them moves up, since nobody has done that work.
    private mutating func remove(_ shares: inout ScoringShares, where isGone: (Entry) -> Bool) {
        var (left, gone) = ([Entry](), [Entry]())
        var operations: [ScoringClient?: Double] = [:]
        for var entry in waiting {
            if isGone(entry) {
                gone.append(entry)
                operations[entry.client, default: 0] += entry.operations
            } else {
                if let less = operations[entry.client] { entry.tag = max(service, entry.tag - less) }
                left.append(entry)
            }
        }
        guard !gone.isEmpty else { return }
        (entries, head) = (left.sorted { ($0.tag, $0.number) < ($1.tag, $1.number) }, 0)
        for entry in gone {
            rows -= entry.waiting
            shares.wait(-entry.waiting, of: entry.client)
            flows[entry.client]?.end -= entry.operations
            leave(entry.client)
        }
    }

    /// A client has one entry less. What it was served ahead of others is remembered until they have caught up, or there are none.
    private mutating func leave(_ client: ScoringClient?) {
        guard var flow = flows[client] else { return }
        flow.entries -= 1
        if flow.entries == 0 { active -= 1 }
        flows[client] = flow
        if isEmpty { flows = [:] }
        guard flows.count > flowsMax else { return }
        flows = flows.filter { $0.value.entries > 0 || $0.value.end > service }
        // Among so many that are ahead nobody gains much by being forgotten.
        if flows.count > active + Self.aheadMax { flows = flows.filter { $0.value.entries > 0 } }
        flowsMax = 2 * flows.count + Self.flowsLeast
    }

    private mutating func insert(_ entry: Entry) {
        var (low, high) = (head, entries.count)
        while low < high {
            let middle = (low + high) / 2
            let other = entries[middle]
            if (other.tag, other.number) < (entry.tag, entry.number) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        entries.insert(entry, at: low)
    }
}
