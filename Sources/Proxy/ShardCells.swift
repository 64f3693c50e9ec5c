import Synchronization

/// What one loop tells the others, and whoever asks, of its load. Written by its loop alone, so that a change is a load and a
/// store and no locked instruction.
final class ShardCells: Sendable {
    /// Keeps neighbouring objects' hot words off this one's cache line.
    private let front = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    private let requestsCell = Atomic<Int>(0)
    private let countCell = Atomic<Int>(0)
    private let bytesCell = Atomic<Int>(0)
    private let back = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))

    /// Requests under way.
    var requests: Int { requestsCell.load(ordering: .relaxed) }

    /// Requests whose head was complete, since the start.
    var count: Int { countCell.load(ordering: .relaxed) }

    /// Counts one. **Runs on** the loop.
    func countRequest() { countCell.store(count &+ 1, ordering: .relaxed) }

    /// Memory that its connections' bytes take. **Units**: bytes.
    var bytes: Int { bytesCell.load(ordering: .relaxed) }

    /// **Runs on** the loop.
    func addRequests(_ change: Int) { requestsCell.store(requests &+ change, ordering: .relaxed) }

    /// **Runs on** the loop.
    func addBytes(_ change: Int) { bytesCell.store(bytes &+ change, ordering: .relaxed) }
}
