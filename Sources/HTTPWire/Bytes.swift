/// Classes of bytes and comparisons over raw memory, for the parser's inner loops.
///
/// Pointers stay inside this target; every function reads exactly the `count` bytes it is told of.
enum Bytes {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let colon: UInt8 = 0x3A

    /// `tchar` of RFC 9110 §5.6.2 as two 64-bit sets, bytes 0–63 and 64–127.
    private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
    private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    /// Whether `byte` may stand in a token.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        // Letters and the hyphen are nearly all of it.
        if (byte | 0x20) &- 0x61 < 26 || byte == 0x2D { return true }
        let set = byte < 64 ? tokenLow : tokenHigh
        return byte < 128 && (set &>> UInt64(byte & 63)) & 1 == 1
    }

    /// How many bytes from the front are token bytes.
    @inline(__always)
    static func tokenLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
        var index = 0
        while index < count, isToken(base[index]) { index &+= 1 }
        return index
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
