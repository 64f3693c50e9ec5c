import Synchronization

/// Leave for one row of a client to go by without a score; the client has no other until it is given back, by `end` or by letting go
/// of it.
package final class ScoringPass: Sendable {
    private let pool: ScoringPool
    /// Nil where clients are not told apart, and once it is given back.
    private let client: Mutex<ScoringClient?>

    init(_ client: ScoringClient?, of pool: ScoringPool) {
        self.pool = pool
        self.client = Mutex(client)
    }

    deinit { end() }

    /// The row has gone by.
    func end() {
        let client = client.withLock { client -> ScoringClient? in
            defer { client = nil }
            return client
        }
        if let client { pool.passed(client) }
    }
}
