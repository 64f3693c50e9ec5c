import Engine
import Transport

/// What waits for one model, or all jobs: the clients' work in the order of start-time fair queueing, so that what one client
/// has waiting delays another by turns, not by all of it.
///
/// A client's work is a list, first come, first served. The list has a tag: the operations that were served when its first work
/// came, and those of its work that were served since. The least is next, the first come among equals. What leaves unserved
/// changes no tag, so that it is not held against what was behind it. Each step is O(log n) of the clients and entries.
struct ScoringLane {
    struct Entry {
        let work: ScoringQueue.Work
        let place: ScoringPlace
        let client: ScoringClient?
        /// Counts from the queue's first entry on.
        let number: UInt64
        /// It was not its client's only row when it came.
        let isCrowding: Bool
        /// Rows that earlier turns have had.
        var taken = 0
        /// Its neighbours in its client's list.
        fileprivate var before: Int?
        fileprivate var behind: Int?

        init(
            work: ScoringQueue.Work, place: ScoringPlace, client: ScoringClient?, number: UInt64,
            isCrowding: Bool
        ) {
            (self.work, self.place, self.client) = (work, place, client)
            (self.number, self.isCrowding) = (number, isCrowding)
        }

        var waiting: Int { work.rows - taken }
        /// Nothing of it has begun, and there is somebody to tell.
        var displaceable: ScoringQuery? {
            if case .query(let query) = work, taken == 0 { query } else { nil }
        }
    }

    /// What a client has in this lane.
    private struct Flow {
        let client: ScoringClient?
        /// Of the first entry, or of what comes next.
        var tag: Double
        /// Slots of entries; nil where there are none.
        var first: Int?
        var last: Int?
    }

    /// A key that numbers decide between equals of.
    private struct Order<Key: Comparable>: Comparable {
        let key: Key
        let number: UInt64

        static func < (one: Self, other: Self) -> Bool {
            one.key == other.key ? one.number < other.number : one.key < other.key
        }
    }

    /// Nil for jobs.
    let model: ObjectIdentifier?
    /// Operations served, as the queue counts them between its lanes.
    var tag: Double
    private(set) var rows = 0
    private var entries = Slots<Entry>()
    private var flows = Slots<Flow>()
    /// The slots of flows.
    private var clients: [ScoringClient?: Int] = [:]
    /// The flows with entries, the next one first.
    private var active = IndexedHeap<Order<Double>>()
    /// Those without whose last entry was served ahead of others, by their tags.
    private var ahead = IndexedHeap<Double>()
    /// The entries that can become late.
    private var deadlines = IndexedHeap<Order<MonotonicTime>>()
    /// The tag of what was served last: where clients begin that are not ahead.
    private var service = 0.0
    /// Among so many that are ahead nobody gains much by being forgotten.
    static let aheadMax = 1_024

    init(model: ObjectIdentifier?, tag: Double) { (self.model, self.tag) = (model, tag) }

    var isEmpty: Bool { active.isEmpty }
    /// What is next. Only for lanes that are not empty.
    var first: Entry { entries[firstSlot] }
    /// How many clients' tags are kept.
    var flowCount: Int { flows.count }

    private var firstSlot: Int {
        guard let flow = active.first, let slot = flows[flow.item].first else {
            preconditionFailure("an empty lane has no first entry")
        }
        return slot
    }

    // MARK: Coming

    /// Queues an entry behind those of its client. Returns its slot, which is good until its last row is taken or it is removed.
    mutating func append(_ entry: Entry) -> Int {
        let flow = self.flow(of: entry.client)
        var entry = entry
        entry.before = flows[flow].last
        let slot = entries.insert(entry)
        if let last = flows[flow].last {
            entries[last].behind = slot
        } else {
            ahead.remove(flow)
            flows[flow].first = slot
            flows[flow].tag = max(flows[flow].tag, service)
            active.set(flow, Order(key: flows[flow].tag, number: entry.number))
        }
        flows[flow].last = slot
        rows += entry.work.rows
        if case .query(let query) = entry.work, query.deadline < .never {
            deadlines.set(slot, Order(key: query.deadline, number: entry.number))
        }
        return slot
    }

    private mutating func flow(of client: ScoringClient?) -> Int {
        if let flow = clients[client] { return flow }
        let flow = flows.insert(Flow(client: client, tag: service))
        clients[client] = flow
        return flow
    }

    // MARK: Going

    /// Takes the job that is next; nil where a query is.
    mutating func takeJob() -> (job: ScoringPool.Job, share: ScoringQueue.Share)? {
        let entry = first
        guard case .job(let rows, let operations, let job) = entry.work else { return nil }
        serve(rows, operations)
        return (job, ScoringQueue.Share(place: entry.place, client: entry.client, rows: rows))
    }

    /// Takes up to `room` rows, a part of them of each client in turn.
    mutating func takeRows(_ room: Int) -> (slices: [ScoringQueue.Slice], shares: [ScoringQueue.Share]) {
        var (slices, taken, room) = ([ScoringQueue.Slice](), [ScoringQueue.Share](), room)
        let part = max(1, room / max(1, active.count))
        while room > 0, !isEmpty, case .query(let query) = first.work {
            let entry = first
            let count = min(room, part, entry.waiting)
            let rows = entry.taken..<entry.taken + count
            if let last = slices.last, last.query === query, last.rows.upperBound == rows.lowerBound {
                slices[slices.count - 1].rows = last.rows.lowerBound..<rows.upperBound
            } else {
                slices.append(ScoringQueue.Slice(query: query, rows: rows))
            }
            taken.append(ScoringQueue.Share(place: entry.place, client: entry.client, rows: count))
            room -= count
            serve(count, Double(count) * query.plan.operations)
        }
        return (slices, taken)
    }

    /// Removes an entry that is not served any further.
    mutating func remove(_ slot: Int) -> Entry {
        deadlines.remove(slot)
        let entry = entries.remove(slot)
        rows -= entry.waiting
        guard let flow = clients[entry.client] else {
            preconditionFailure("an entry is in its client's list")
        }
        if let before = entry.before {
            entries[before].behind = entry.behind
        } else {
            flows[flow].first = entry.behind
        }
        if let behind = entry.behind {
            entries[behind].before = entry.before
        } else {
            flows[flow].last = entry.before
        }
        settle(flow)
        return entry
    }

    /// Removes what has waited too long, up to so many.
    mutating func removeLate(now: MonotonicTime, most: Int) -> [Entry] {
        var late: [Entry] = []
        while late.count < most, let next = deadlines.first, next.key.key < now {
            late.append(remove(next.item))
        }
        return late
    }

    /// Whether there is any left.
    func hasLate(now: MonotonicTime) -> Bool { deadlines.first.map { $0.key.key < now } ?? false }

    /// The newest queries of those whose clients are not told apart, which have so many rows together; nil where there are not so
    /// many that nothing of has begun, or fewer than `least` rows would be left.
    func newest(freeing excess: Int, leaving least: Int) -> [Int]? {
        var (freed, found) = (0, [Int]())
        var next = clients[nil].flatMap { flows[$0].last }
        while freed < excess {
            guard let slot = next, entries[slot].displaceable != nil,
                rows - freed - entries[slot].waiting >= least
            else { return nil }
            found.append(slot)
            freed += entries[slot].waiting
            next = entries[slot].before
        }
        return found
    }

    // MARK: Small parts

    /// Serves so many rows of the first entry.
    private mutating func serve(_ count: Int, _ operations: Double) {
        let slot = firstSlot
        guard let flow = clients[entries[slot].client] else {
            preconditionFailure("an entry is in its client's list")
        }
        deadlines.remove(slot)
        rows -= count
        tag += operations
        service = flows[flow].tag
        flows[flow].tag += operations
        entries[slot].taken += count
        if entries[slot].waiting > 0 { settle(flow) } else { _ = remove(slot) }
    }

    /// Puts a flow where its tag and its first entry have it now. What it was served ahead of others is remembered until they
    /// have caught up, or there are none.
    private mutating func settle(_ flow: Int) {
        if let first = flows[flow].first {
            return active.set(flow, Order(key: flows[flow].tag, number: entries[first].number))
        }
        active.remove(flow)
        guard !isEmpty else { return forgetAll() }
        ahead.set(flow, flows[flow].tag)
        while let least = ahead.first, least.key <= service || ahead.count > Self.aheadMax {
            ahead.remove(least.item)
            clients[flows.remove(least.item).client] = nil
        }
    }

    private mutating func forgetAll() {
        clients = [:]
        flows.removeAll()
        entries.removeAll()
        ahead.removeAll()
        deadlines.removeAll()
        active.removeAll()
    }
}
