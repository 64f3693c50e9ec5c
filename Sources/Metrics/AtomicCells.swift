import Synchronization

/// A fixed number of 64-bit atomics in one block, split into shards that do not share a cache line.
///
/// An array cannot hold atomics, and one object each would cost an allocation and a pointer a series.
///
/// `@unchecked Sendable` because: the block is allocated in `init`, never moves, is freed in `deinit`, and is only
/// touched through atomics.
final class AtomicCells: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    /// Cells a shard takes, rounded up to whole cache lines.
    private let stride: Int
    /// Cells a shard uses.
    let count: Int
    let shards: Int

    init(count: Int, shards: Int) {
        precondition(count > 0 && shards > 0, "cells and shards are at least one")
        self.count = count
        self.shards = shards
        stride = (count + 15) / 16 * 16
        cells = .allocate(capacity: stride * shards)
        for index in 0..<stride * shards { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: stride * shards)
        cells.deallocate()
    }

    /// Adds to one cell of one shard. A shard that does not exist is folded onto one that does.
    func add(_ amount: UInt64, to cell: Int, shard: Int) {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        let shard = Int(UInt(bitPattern: shard) % UInt(shards))
        cells[shard * stride + cell].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Replaces one cell of the first shard.
    func set(_ value: UInt64, at cell: Int) {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        cells[cell].store(value, ordering: .relaxed)
    }

    /// The sum of one cell over the shards.
    func sum(of cell: Int) -> UInt64 {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        var sum: UInt64 = 0
        for shard in 0..<shards { sum &+= cells[shard * stride + cell].load(ordering: .relaxed) }
        return sum
    }
}
