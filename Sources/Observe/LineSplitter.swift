/// Bytes to lines, in memory bounded by the longest line allowed.
struct LineSplitter {
    /// **Units** bytes; a longer line is skipped and counted.
    static let lineBytesMax = 1 << 20

    private var held: [UInt8] = []
    private var isSkipping = false
    /// Lines that were too long.
    private(set) var overlong = 0

    /// Gives every line that ends in these bytes to `take`, without its newline.
    mutating func split(_ bytes: ArraySlice<UInt8>, _ take: (ArraySlice<UInt8>) -> Void) {
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            finish(rest[..<end], take)
            rest = rest[(end + 1)...]
        }
        hold(rest)
    }

    /// Gives what is left behind the last newline to `take`.
    mutating func end(_ take: (ArraySlice<UInt8>) -> Void) {
        if isSkipping || !held.isEmpty { finish([], take) }
    }

    private mutating func finish(_ tail: ArraySlice<UInt8>, _ take: (ArraySlice<UInt8>) -> Void) {
        hold(tail)
        if isSkipping { overlong += 1 } else { take(held[...]) }
        held.removeAll(keepingCapacity: true)
        isSkipping = false
    }

    private mutating func hold(_ bytes: ArraySlice<UInt8>) {
        guard !isSkipping else { return }
        guard held.count + bytes.count <= LineSplitter.lineBytesMax else {
            isSkipping = true
            return held.removeAll()
        }
        held += bytes
    }
}
