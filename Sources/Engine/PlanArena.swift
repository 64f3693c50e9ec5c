/// The working memory of one worker for one plan: made once, reused for every query.
///
/// Belongs to one thread at a time.
package final class PlanArena {
    let base: UnsafeMutableRawPointer
    /// The bytes held.
    package let bytesHeld: Int

    private let block: UnsafeMutableRawBufferPointer

    init(_ layout: ArenaLayout) {
        bytesHeld = layout.bytes
        // Zeros, since padding between rows is read, with weights of zero: it must be finite. Whole large pages, of
        // which the last would not be one otherwise.
        block = LargePages.allocate(bytes: roundUp(max(layout.bytes, 1), to: LargePages.bytes))
        // A block has at least a page.
        base = block.baseAddress!
    }

    deinit { block.deallocate() }

    /// The floats of a region.
    func floats(_ region: Region) -> UnsafeMutablePointer<Float> {
        (base + region.offset).assumingMemoryBound(to: Float.self)
    }

    /// The start of a region, whatever it holds.
    func raw(_ region: Region) -> UnsafeMutableRawPointer { base + region.offset }
}

/// A part of an arena.
struct Region {
    let offset: Int
}

/// Where a plan's activations lie in each of its arenas.
struct ArenaLayout {
    private(set) var bytes = 0

    /// A region of so many bytes on a cache line of its own.
    mutating func reserve(bytes count: Int) -> Region {
        defer { bytes += roundUp(count, to: 64) + 64 }
        return Region(offset: bytes)
    }

    /// A region of rows of padded columns.
    mutating func reserve(rows: Int, _ columns: Int, _ kind: Kind) -> Region {
        reserve(bytes: rows * roundUp(columns) * kind.size)
    }
}
