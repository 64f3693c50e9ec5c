import Synchronization

/// For each bucket of a histogram family a request that fell into it of late, by its trace: the way from a slow bucket to what
/// was slow.
///
/// A bucket takes a new one at most once a second, so that recording costs one load as a rule; one that cannot be written
/// at once, because a scrape reads, is let go.
final class Exemplars: Sendable {
    struct Exemplar {
        let traceHigh: UInt64
        let traceLow: UInt64
        let nanoseconds: UInt64
    }

    /// The second, by the caller's clock and plus one, in which a cell was last written.
    private let seconds: AtomicCells
    private let kept = Mutex<[Int: Exemplar]>([:])

    init(cells: Int) { seconds = AtomicCells(count: cells, shards: 1) }

    func offer(_ exemplar: Exemplar, cell: Int, second: UInt64) {
        guard seconds.sum(of: cell) != second &+ 1 else { return }
        seconds.set(second &+ 1, at: cell)
        kept.withLockIfAvailable { $0[cell] = exemplar }
    }

    func exemplar(of cell: Int) -> Exemplar? { kept.withLock { $0[cell] } }
}

/// The trace that a recorded request belongs to, and when it was recorded.
package struct TraceMark: Sendable {
    let traceHigh: UInt64
    let traceLow: UInt64
    let second: UInt64

    /// A trace by the halves of its id, at a second of any clock that goes on.
    package init(high: UInt64, low: UInt64, second: UInt64) {
        traceHigh = high
        traceLow = low
        self.second = second
    }
}

/// What exposes numbers of its own; the composition root hands each a registry.
package protocol MetricSource: Sendable {
    /// Registers everything it has to say. **Throws** when a name cannot be exposed.
    func expose(in registry: MetricRegistry) throws(MetricError)
}
