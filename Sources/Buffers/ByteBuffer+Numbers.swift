extension ByteBuffer {
    /// Appends the decimal digits of a number.
    package mutating func append(decimal value: Int) {
        if value < 0 { append(0x2D) }
        append(decimal: UInt64(value.magnitude))
    }

    /// Appends the decimal digits of a number.
    package mutating func append(decimal value: UInt64) {
        if value < 10 { return append(0x30 &+ UInt8(truncatingIfNeeded: value)) }
        if value < 100 { return append(pair: UInt32(truncatingIfNeeded: value)) }
        // Digits come last first, and there are twenty at most.
        reserve(20)
        var digits = 0
        var rest = value
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        rest = value
        var place = length &+ digits
        while rest > 0 {
            let tenth = rest / 10
            place &-= 1
            base[place] = 0x30 &+ UInt8(truncatingIfNeeded: rest &- tenth &* 10)
            rest = tenth
        }
        length &+= digits
    }

    /// Appends a number below 100 in two digits.
    @inlinable @inline(__always)
    package mutating func append(pair number: UInt32) {
        reserve(2)
        let tens = number / 10
        base[length] = 0x30 &+ UInt8(truncatingIfNeeded: tens)
        base[length &+ 1] = 0x30 &+ UInt8(truncatingIfNeeded: number &- tens &* 10)
        length &+= 2
    }

    /// Appends the sixteen hexadecimal digits of a number.
    @inlinable @inline(__always)
    package mutating func append(hex value: UInt64) {
        append(word: Self.digits(value >> 32))
        append(word: Self.digits(value & 0xFFFF_FFFF))
    }

    /// Eight digits of a number of 32 bits, the first in the lowest byte: each half's nibbles are spread to bytes, then all
    /// become digits at once.
    @inlinable
    static func digits(_ value: UInt64) -> UInt64 {
        var bytes = value
        bytes = (bytes | bytes << 16) & 0x0000_FFFF_0000_FFFF
        bytes = (bytes | bytes << 8) & 0x00FF_00FF_00FF_00FF
        bytes = (bytes | bytes << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // A nibble above 9 carries into its high half when 6 is added.
        let letters = (bytes &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let text = bytes &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
        return text.byteSwapped
    }
}
