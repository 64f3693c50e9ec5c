import Observe
import Synchronization

/// The logs that any generation of a gateway writes: one that a reload has replaced goes on for the exchanges that began with it.
final class OpenLogs: Sendable {
    private struct Entry {
        weak var writer: RotatingLogWriter?
    }

    private let entries = Mutex<[Entry]>([])

    /// Remembers a log for as long as somebody keeps it.
    func add(_ writer: RotatingLogWriter) {
        entries.withLock { entries in
            entries.removeAll { $0.writer == nil }
            entries.append(Entry(writer: writer))
        }
    }

    /// Writes out what waits in each of them.
    func close(within limit: Duration) {
        for writer in entries.withLock({ $0.compactMap(\.writer) }) { _ = writer.close(within: limit) }
    }
}
