import Glibc

/// Memory on large pages where the system has them: what a query walks through is megabytes apart, more pages of 4 KiB
/// than the processor keeps translations for.
enum LargePages {
    /// The size of a large page.
    static let bytes = 2 << 20

    /// Zeroed memory, aligned to a large page; `deallocate` it.
    static func allocate(bytes count: Int) -> UnsafeMutableRawBufferPointer {
        let size = roundUp(max(count, 1), to: 4096)
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: bytes)
        #if os(Linux)
            // Only a hint: where the system declines, the pages stay small.
            _ = madvise(block.baseAddress, size, MADV_HUGEPAGE)
        #endif
        block.initializeMemory(as: UInt8.self, repeating: 0)
        return block
    }
}
