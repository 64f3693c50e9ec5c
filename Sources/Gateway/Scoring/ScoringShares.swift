/// How many rows each client has: waiting, with workers, and let by without a score. Each step is O(log `rowsMax`).
struct ScoringShares {
    private struct Share {
        var waiting = 0
        var working = 0
        var passing = 0
        /// Whether one of them waits, or is with a worker, beyond the bound.
        var hasReserved = false

        var rows: Int { waiting + working + passing }
    }

    /// Of those who have any.
    private var shares: [ScoringClient: Share] = [:]
    /// Work beyond the bound, of all clients.
    private var reserved = 0
    /// Rows that are let by, of all clients.
    private(set) var passing = 0
    /// Of what waits.
    private var sums: CappedSums

    /// Shares of a queue of so many rows.
    init(rowsMax: Int) { sums = CappedSums(cap: rowsMax) }

    /// A client's rows that are not done.
    func unfinished(_ client: ScoringClient) -> Int { shares[client]?.rows ?? 0 }

    /// The waiting rows of one client that would have `need` more, and of the others as far as they do not exceed those; only
    /// the client's own where it would have more than the queue.
    func contending(_ need: Int, of client: ScoringClient) -> Int {
        let waiting = shares[client]?.waiting ?? 0
        let own = need + waiting
        return own > sums.cap ? own : own + sums.sum(upTo: own) - waiting
    }

    /// So many rows more wait, or fewer.
    mutating func wait(_ count: Int, of client: ScoringClient?) { change(client) { $0.waiting += count } }

    /// So many that waited are with a worker now.
    mutating func work(_ count: Int, of client: ScoringClient?) {
        change(client) {
            $0.waiting -= count
            $0.working += count
        }
    }

    /// A worker is done with so many.
    mutating func finish(_ count: Int, of client: ScoringClient?) { change(client) { $0.working -= count } }

    /// Whether one of as many places beyond the bound as there are within is free, and the client has none.
    func mayReserve(for client: ScoringClient?) -> Bool {
        reserved < sums.cap && client.flatMap { shares[$0] }?.hasReserved != true
    }

    /// A client's work, which waits already, has such a place.
    mutating func beginReserved(of client: ScoringClient?) {
        reserved += 1
        change(client) { $0.hasReserved = true }
    }

    /// It has it no more.
    mutating func endReserved(of client: ScoringClient?) {
        reserved -= 1
        change(client) { $0.hasReserved = false }
    }

    /// Lets a row of a client by; false where one is under way.
    mutating func pass(_ client: ScoringClient) -> Bool {
        guard shares[client]?.passing ?? 0 == 0 else { return false }
        change(client) { $0.passing = 1 }
        passing += 1
        return true
    }

    /// That row has gone by.
    mutating func endPass(of client: ScoringClient) {
        change(client) { $0.passing = 0 }
        passing -= 1
    }

    private mutating func change(_ client: ScoringClient?, _ body: (inout Share) -> Void) {
        guard let client else { return }
        let before = shares[client] ?? Share()
        var share = before
        body(&share)
        sums.change(from: before.waiting, to: share.waiting)
        shares[client] = share.rows > 0 ? share : nil
    }
}
