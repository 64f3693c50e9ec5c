import Synchronization
import Transport

/// How many connections each client address holds open, over all loops.
///
/// Asked once at the accept and once at the close, and only when a limit is set, so one lock is enough. It holds as
/// many entries as there are clients with a connection, which the limit on connections bounds.
final class ClientTally: Sendable {
    private let counts = Mutex<[AddressPrefix: Int]>([:])

    /// Counts a connection; false when the client has `limit` already, and then nothing is counted.
    func enter(_ client: AddressPrefix, limit: Int) -> Bool {
        counts.withLock { counts in
            let count = counts[client, default: 0]
            guard count < limit else { return false }
            counts[client] = count + 1
            return true
        }
    }

    /// Forgets a connection that had entered.
    func leave(_ client: AddressPrefix) {
        counts.withLock { counts in
            guard let count = counts[client] else { return }
            counts[client] = count > 1 ? count - 1 : nil
        }
    }

    /// Clients with a connection.
    var clients: Int { counts.withLock { $0.count } }
}
