import Synchronization

/// A fixed number of 64-bit atomics in one block, split into shards that do not share a cache line.
///
/// An array cannot hold atomics, and one object each would cost an allocation and a pointer a series.
///
/// `@unchecked Sendable` because: the block is allocated in `init`, never moves, is freed in `deinit`, and is only
/// touched through atomics.
final class AtomicCells: @unchecked Sendable {
    private let block: CellBlock
    /// The block's, here too so that adding follows one pointer less.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let stride: Int
    /// Cells a shard uses.
    let count: Int
    let shards: Int
    /// What the cells of an earlier block had counted, and go on counting for those who still write there.
    private let inherited: Inherited?

    /// The numbers of earlier cells that some of these continue.
    struct Inherited {
        /// Cells that may still be written to: by what was under way when others took their place.
        private final class Source {
            let block: CellBlock
            /// For each new cell the earlier one, if it continues one.
            let places: [Int?]
            /// Gone once nobody writes any more.
            weak var owner: AtomicCells?

            init(_ block: CellBlock, _ places: [Int?], _ owner: AtomicCells?) {
                (self.block, self.places, self.owner) = (block, places, owner)
            }

            func sum(of cell: Int) -> UInt64 { places[cell].map(block.sum(of:)) ?? 0 }
        }

        private var sources: [Source]
        private var settled: [UInt64]

        /// What `source` has counted, and those that it continues; `places` names for each new cell the earlier one, if it
        /// continues one.
        ///
        /// The numbers of cells that nobody writes to any more are taken over as they are, so that there are no more blocks
        /// than generations in use.
        init(_ source: AtomicCells, places: [Int?]) {
            sources = [Source(source.block, places, source)]
            settled = places.map { _ in 0 }
            guard let inherited = source.inherited else { return }
            settled = places.map { $0.map { inherited.settled[$0] } ?? 0 }
            for older in inherited.sources {
                // Asked first: what is written before the owner goes is in the sum.
                let owner = older.owner
                let kept = Source(older.block, places.map { $0.flatMap { older.places[$0] } }, owner)
                if owner != nil {
                    sources.append(kept)
                } else {
                    for cell in settled.indices { settled[cell] &+= kept.sum(of: cell) }
                }
            }
        }

        func sum(of cell: Int) -> UInt64 { sources.reduce(settled[cell]) { $0 &+ $1.sum(of: cell) } }
    }

    init(count: Int, shards: Int, inherited: Inherited? = nil) {
        precondition(count > 0 && shards > 0, "cells and shards are at least one")
        self.count = count
        self.shards = shards
        self.inherited = inherited
        block = CellBlock(count: count, shards: shards)
        cells = block.cells
        stride = block.stride
    }

    /// Adds to one cell of one shard. A shard that does not exist is folded onto one that does.
    func add(_ amount: UInt64, to cell: Int, shard: Int) {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        let shard = Int(UInt(bitPattern: shard) % UInt(shards))
        cells[shard * stride + cell].wrappingAdd(amount, ordering: .relaxed)
    }

    /// Adds to one cell of a shard that nobody else adds to: a load and a store, and no locked instruction. The loops have
    /// the shards from 1 on.
    @inline(__always)
    func addAlone(_ amount: UInt64, to cell: Int, loop: Int) {
        precondition(cell >= 0 && cell < count && loop >= 0, "a cell of this block")
        guard loop &+ 1 < shards else { return add(amount, to: cell, shard: 0) }
        let place = cells + ((loop &+ 1) &* stride &+ cell)
        place.pointee.store(place.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Replaces one cell of the first shard.
    func set(_ value: UInt64, at cell: Int) {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        cells[cell].store(value, ordering: .relaxed)
    }

    /// The sum of one cell over the shards, and of what it continues.
    func sum(of cell: Int) -> UInt64 { block.sum(of: cell) &+ (inherited?.sum(of: cell) ?? 0) }
}

/// The memory of some cells.
///
/// `@unchecked Sendable` because: allocated in `init`, freed in `deinit`, and only touched through atomics.
private final class CellBlock: @unchecked Sendable {
    let cells: UnsafeMutablePointer<Atomic<UInt64>>
    /// Cells a shard takes, rounded up to whole cache lines.
    let stride: Int
    private let count: Int
    private let shards: Int

    init(count: Int, shards: Int) {
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

    func sum(of cell: Int) -> UInt64 {
        precondition(cell >= 0 && cell < count, "a cell of this block")
        var sum: UInt64 = 0
        for shard in 0..<shards { sum &+= cells[shard * stride + cell].load(ordering: .relaxed) }
        return sum
    }
}
