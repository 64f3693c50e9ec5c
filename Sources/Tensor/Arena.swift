/// A stack of Float32 memory: allocation moves a mark, freeing moves it back, blocks are kept for reuse.
///
/// A training step needs the same tens of megabytes each time; taking them from the system each time costs a
/// page fault per 4 KiB. Values are uninitialised when handed out and aligned to 64 bytes.
package final class Arena {
    /// A place in the stack to release back to.
    package struct Mark: Equatable {
        var block: Int
        var used: Int
    }

    private var blocks: [UnsafeMutableBufferPointer<Float>] = []
    private var top = Mark(block: 0, used: 0)
    private static let blockCountMin = 1 << 16

    package init() {}

    deinit {
        for block in blocks { block.deallocate() }
    }

    /// The number of bytes held, used or not.
    package var bytesHeld: Int { blocks.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride }

    /// Uninitialised room for `count` values, valid until the mark taken before it is released.
    package func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        precondition(count >= 0)
        let padded = (max(count, 1) + 15) & ~15
        while top.block < blocks.count {
            let block = blocks[top.block]
            if block.count - top.used >= padded {
                defer { top.used += padded }
                return block.baseAddress! + top.used
            }
            if top.used == 0, top.block == blocks.count - 1 {
                blocks.removeLast().deallocate()
            } else {
                top = Mark(block: top.block + 1, used: 0)
            }
        }
        blocks.append(Self.makeBlock(padded, after: blocks.last?.count ?? 0))
        top = Mark(block: blocks.count - 1, used: padded)
        return blocks[top.block].baseAddress!
    }

    /// Room for `count` values, all zero.
    package func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
        let room = allocate(count)
        room.update(repeating: 0, count: count)
        return room
    }

    /// The present top, to ``release(to:)`` later.
    package func mark() -> Mark { top }

    /// Takes back everything allocated since the mark; its pointers must not be used any more.
    package func release(to mark: Mark) { top = mark }

    /// Takes back everything.
    package func reset() { top = Mark(block: 0, used: 0) }

    private static func makeBlock(_ count: Int, after last: Int) -> UnsafeMutableBufferPointer<Float> {
        let size = max(count, blockCountMin, min(2 * last, 1 << 24))
        let raw = UnsafeMutableRawBufferPointer.allocate(
            byteCount: size * MemoryLayout<Float>.stride, alignment: 64)
        return raw.bindMemory(to: Float.self)
    }
}
