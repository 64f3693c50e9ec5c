import Synchronization

@testable import Proxy

/// Exchanges that a test answers when it likes.
final class Kept: Sendable {
    private let exchanges = Mutex<[Exchange]>([])

    var count: Int { exchanges.withLock(\.count) }

    func keep(_ exchange: Exchange) { exchanges.withLock { $0.append(exchange) } }

    /// Calls `body` with each, on its loop, and lets go of them.
    func each(_ body: @escaping @Sendable (Exchange) -> Void) {
        let all = exchanges.withLock { kept in
            defer { kept = [] }
            return kept
        }
        for exchange in all { exchange.loop.sync { @Sendable in body(exchange) } }
    }
}
