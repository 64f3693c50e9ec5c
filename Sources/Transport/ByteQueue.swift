/// Bytes that wait for a socket, first in first out. Holds no memory while it is empty.
package struct ByteQueue {
    private var storage: [UInt8] = []
    private var head = 0

    /// An empty queue.
    package init() {}

    /// How many bytes wait.
    package var count: Int { storage.count - head }

    /// Bytes of memory held.
    package var capacity: Int { storage.capacity }

    /// Calls `body` with the bytes that wait.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[head...])) }
    }

    /// Lets `body` append to the storage; it must not change what is there.
    package mutating func append(_ body: (inout [UInt8]) -> Void, _ pool: BufferPool) {
        if storage.capacity == 0 { storage = pool.take() }
        body(&storage)
    }

    /// Adds `bytes` at the end.
    package mutating func append(_ bytes: UnsafeRawBufferPointer, _ pool: BufferPool) {
        guard bytes.count > 0 else { return }
        if storage.capacity == 0 { storage = pool.take() }
        if head > 0, head >= count { compact() }
        storage.append(contentsOf: bytes)
    }

    /// Drops the first `count` bytes; an emptied queue gives its memory back.
    package mutating func consume(_ count: Int, _ pool: BufferPool) {
        head += count
        guard head >= storage.count else { return }
        head = 0
        var empty: [UInt8] = []
        swap(&empty, &storage)
        pool.give(empty)
    }

    /// Drops what is behind the first `count` bytes.
    package mutating func truncate(to count: Int, _ pool: BufferPool) {
        storage.removeLast(self.count - count)
        consume(0, pool)
    }

    private mutating func compact() {
        storage.removeFirst(head)
        head = 0
    }
}

/// Emptied buffers of one loop, so that a busy loop allocates none and an idle connection holds none.
package final class BufferPool {
    /// Bytes of a new buffer.
    static let capacity = 16 * 1024
    /// Larger ones are given back to the system.
    static let capacityMax = 128 * 1024
    private static let countMax = 64
    private var buffers: [[UInt8]] = []

    /// An empty buffer with some capacity.
    package func take() -> [UInt8] {
        if let buffer = buffers.popLast() { return buffer }
        var buffer: [UInt8] = []
        buffer.reserveCapacity(Self.capacity)
        return buffer
    }

    /// Takes a buffer back, whatever it holds.
    package func give(_ buffer: consuming [UInt8]) {
        guard buffers.count < Self.countMax, (1...Self.capacityMax).contains(buffer.capacity) else { return }
        buffer.removeAll(keepingCapacity: true)
        buffers.append(buffer)
    }
}
