/// Classes of bytes and comparisons over raw memory, for the parser's inner loops.
///
/// Pointers stay inside this target; every function reads exactly the `count` bytes it is told of.
enum Bytes {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3A

    /// Whether `byte` may stand in a token.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool { ByteClass.contains(byte, ByteClass.token) }

    /// How many bytes from the front are token bytes.
    @inline(__always)
    static func tokenLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
        ByteClass.length(base, count, ByteClass.token)
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    @inline(__always)
    static func isWhitespace(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    /// ASCII letters to lower case, every other byte unchanged.
    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Whether the bytes at `base` are `literal` exactly; the caller has compared the lengths.
    @inline(__always)
    static func equal(_ base: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
        let other = literal.utf8Start
        var index = 0
        while index < literal.utf8CodeUnitCount {
            if base[index] != other[index] { return false }
            index &+= 1
        }
        return true
    }

    /// Whether both places hold the same `count` bytes; eight are compared at once.
    @inline(__always)
    static func equal(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        guard count >= 8 else {
            return (0..<count).allSatisfy {
                left.load(fromByteOffset: $0, as: UInt8.self)
                    == right.load(fromByteOffset: $0, as: UInt8.self)
            }
        }
        var index = 0
        while index < count {
            // The last word overlaps the one before it.
            let place = min(index, count &- 8)
            let word = left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            if word != right.loadUnaligned(fromByteOffset: place, as: UInt64.self) { return false }
            index &+= 8
        }
        return true
    }

    /// Whether the bytes at `base` are `literal` in any case, where the lengths are known to be equal.
    ///
    /// `literal` is lower-case letters, digits and hyphens, and the bytes hold no controls: then setting bit 5
    /// maps nothing but the upper-case letters onto them, and eight bytes compare at once.
    @inline(__always)
    static func isLiteral(_ base: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        let left = UnsafeRawPointer(base)
        let right = UnsafeRawPointer(literal.utf8Start)
        let bits: UInt64 = 0x2020_2020_2020_2020
        if count >= 8 {
            var index = 0
            while index < count {
                // The last word overlaps the one before it.
                let place = min(index, count &- 8)
                let word = left.loadUnaligned(fromByteOffset: place, as: UInt64.self) | bits
                if word != right.loadUnaligned(fromByteOffset: place, as: UInt64.self) { return false }
                index &+= 8
            }
            return true
        }
        if count >= 4 {
            let first = left.loadUnaligned(as: UInt32.self) | UInt32(truncatingIfNeeded: bits)
            let last = left.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return first == right.loadUnaligned(as: UInt32.self)
                && last | UInt32(truncatingIfNeeded: bits)
                    == right.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
        }
        return equalIgnoringCase(base, literal.utf8Start, count)
    }

    /// Whether `count` bytes at both places are equal, ASCII letters in either case.
    @inline(__always)
    static func equalIgnoringCase(
        _ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int
    ) -> Bool {
        var index = 0
        while index < count {
            if lowercased(left[index]) != lowercased(right[index]) { return false }
            index &+= 1
        }
        return true
    }
}
