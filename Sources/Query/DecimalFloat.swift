/// Correct rounding of mantissa · 10^exponent to Float for the exponents that pictures have.
///
/// All arithmetic is exact: 10¹⁹ fits 64 bits, so a product fits 128, and a quotient of 64 bits with its remainder
/// decides every rounding (a Float needs 24 bits and to know whether something follows). No table of approximate
/// powers and no error analysis is needed, unlike in methods made for Double's range.
enum DecimalFloat {
    /// So many decimal digits always fit 64 bits.
    static let digitsMax = 19

    /// Powers of ten that 64 bits hold.
    private static let powers: [UInt64] = (0...19).reduce(into: []) { powers, _ in
        powers.append((powers.last.map { $0 * 10 }) ?? 1)
    }

    /// Powers of ten that Float holds exactly; literals, so that no lazy initialisation is checked for every number.
    private static let exactPowers: [Float] = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10]

    /// mantissa · 10^exponent rounded to nearest, ties to even; infinite where too large.
    ///
    /// Nil where these means do not decide: exponents beyond ±19 that neither overflow nor vanish.
    @inline(__always)
    static func make(_ mantissa: UInt64, _ exponent: Int) -> Float? {
        // Both operands are exact and IEEE 754 rounds the one operation correctly.
        if mantissa <= 1 << 24, exponent <= 0, exponent >= -10 {
            return exponent == 0 ? Float(mantissa) : Float(mantissa) / exactPower(-exponent)
        }
        return makeExactly(mantissa, exponent)
    }

    @inline(__always)
    private static func exactPower(_ exponent: Int) -> Float {
        exactPowers.withUnsafeBufferPointer { $0[exponent] }
    }

    private static func makeExactly(_ mantissa: UInt64, _ exponent: Int) -> Float? {
        if mantissa == 0 { return 0 }
        // 2⁶⁴ · 10⁻⁶⁵ is less than half the least Float; 10³⁹ is more than the largest.
        if exponent < -65 { return 0 }
        if exponent > 38 { return .infinity }
        if exponent < -19 || exponent > 19 { return nil }
        return exponent < 0 ? quotient(mantissa, powers[-exponent]) : product(mantissa, powers[exponent])
    }

    /// mantissa / divisor.
    private static func quotient(_ mantissa: UInt64, _ divisor: UInt64) -> Float {
        // With both shifted to the top, the quotient of 128 by 64 bits has 63 or 64 bits.
        let up = mantissa.leadingZeroBitCount
        let divisorUp = divisor.leadingZeroBitCount
        let shifted = mantissa << UInt64(up)
        let (quotient, remainder) = (divisor << UInt64(divisorUp))
            .dividingFullWidth((shifted >> 1, shifted << 63))
        return rounded(quotient, followedBySomething: remainder != 0, exponent: divisorUp - up - 63)
    }

    /// mantissa · factor.
    private static func product(_ mantissa: UInt64, _ factor: UInt64) -> Float {
        let (high, low) = mantissa.multipliedFullWidth(by: factor)
        guard high != 0 else { return rounded(low, followedBySomething: false, exponent: 0) }
        let up = UInt64(high.leadingZeroBitCount)
        let top = up == 0 ? high : high << up | low >> (64 - up)
        return rounded(top, followedBySomething: low << up != 0, exponent: 64 - Int(up))
    }

    /// (bits + something less than one)·2^exponent, which is in the range of normal Floats; bits is not 0.
    private static func rounded(_ bits: UInt64, followedBySomething: Bool, exponent: Int) -> Float {
        let up = bits.leadingZeroBitCount
        let top = bits << UInt64(up)
        let rest = top & (1 << 40 - 1)
        var kept = top >> 40
        let half: UInt64 = 1 << 39
        if rest > half || (rest == half && (followedBySomething || kept & 1 == 1)) { kept += 1 }
        // A carry out of the 24 bits moves on into the exponent's field, as it should.
        let biased = UInt32(exponent - up + 63 + 127)
        return Float(bitPattern: biased << 23 + UInt32(kept - 1 << 23))
    }
}
