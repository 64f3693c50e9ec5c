/// Bytes put together piece by piece, in memory of its own that it keeps.
///
/// A head or a line of a log is some forty appends of a few bytes. An array asks at each whether its storage is shared and
/// calls a copy of any length; this asks whether there is room, and a piece known at compile time becomes a few stores.
///
/// Public, because Swift 6.3 inlines nothing of a package type into another room.
public struct ByteBuffer: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    /// How many bytes it holds.
    @inlinable package var count: Int { length }
    @usableFromInline var length = 0

    /// An empty buffer that takes `capacity` bytes before it grows.
    package init(capacity: Int = 1024) {
        self.capacity = max(capacity, 16)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// Whether it holds none.
    @inlinable package var isEmpty: Bool { length == 0 }

    /// Lends the bytes.
    @inlinable package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeRawBufferPointer(start: base, count: length))
    }

    /// The bytes as an array of their own.
    package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: length)) }

    /// Empties it; it keeps its memory up to `capacityMax` bytes.
    package mutating func removeAll(keepingAtMost capacityMax: Int = 64 << 10) {
        length = 0
        guard capacity > capacityMax else { return }
        base.deallocate()
        capacity = 1024
        base = .allocate(capacity: capacity)
    }

    /// Makes room for so many more bytes.
    @inlinable @inline(__always)
    package mutating func reserve(_ more: Int) {
        if capacity &- length < more { grow(more) }
    }

    @usableFromInline @inline(never)
    mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, length + more)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        moved.update(from: base, count: length)
        base.deallocate()
        base = moved
        capacity = larger
    }

    // MARK: Appending

    /// Appends one byte.
    @inlinable @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        base[length] = byte
        length &+= 1
    }

    /// Appends text known at compile time.
    @inlinable @inline(__always)
    package mutating func append(_ text: StaticString) {
        append(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes from elsewhere.
    @inlinable @inline(__always)
    package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + length).copyMemory(from: source, byteCount: bytes.count)
        length &+= bytes.count
    }

    /// Appends bytes from elsewhere.
    @inlinable
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        append(bytes.assumingMemoryBound(to: UInt8.self))
    }

    /// Appends an array's bytes.
    @inlinable
    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append($0) }
    }

    /// Appends text in UTF-8.
    package mutating func append(string text: String) {
        var text = text
        text.withUTF8 { append($0) }
    }

    /// Appends a word's bytes in memory order.
    @inlinable @inline(__always)
    package mutating func append(word: UInt64) {
        reserve(8)
        UnsafeMutableRawPointer(base + length).storeBytes(of: word, as: UInt64.self)
        length &+= 8
    }
}
