/// A number of JSON as whole numbers have it, exactly: an integer that is rounded to a Float first might be another's.
enum WholeNumber: Hashable {
    /// One of 64 bits and a sign.
    case of(magnitude: UInt64, isNegative: Bool)
    /// One with a fraction.
    case fraction
    /// One of more than 64 bits.
    case tooLarge
}

extension JSONScanner {
    /// The number at the scanner as a whole one, in whatever way it is written: 25, 25.0 and 2.5e1 are the same.
    ///
    /// Throws: as `number` does.
    @inline(__always)
    mutating func whole() throws(Failure) -> WholeNumber {
        var next = position
        let isNegative = next < end && base[next] == UInt8(ascii: "-")
        if isNegative { next += 1 }
        let start = next
        var magnitude: UInt64 = 0
        takeDigits(&next, &magnitude)
        let digits = next - start
        let isPlain =
            next >= end || (base[next] != UInt8(ascii: ".") && base[next] | 0x20 != UInt8(ascii: "e"))
        if isPlain, digits > 0, digits <= DecimalFloat.digitsMax,
            digits == 1 || base[start] != UInt8(ascii: "0")
        {
            position = next
            return .of(magnitude: magnitude, isNegative: isNegative)
        }
        return try longWhole(from: start, isNegative: isNegative)
    }

    /// A number with a point, an exponent or many digits, or none at all.
    private mutating func longWhole(from start: Int, isNegative: Bool) throws(Failure) -> WholeNumber {
        _ = try number()
        var magnitude: UInt64 = 0
        // The number is magnitude · 10^power; zeros are counted until a digit shows that they are no last ones.
        var (power, zeros) = (0, 0)
        var (isTooLarge, isFraction) = (false, false)
        var next = start
        while next < position {
            let byte = base[next]
            if byte | 0x20 == UInt8(ascii: "e") {
                power += try takeExponent(&next)
                break
            }
            next += 1
            if byte == UInt8(ascii: ".") {
                isFraction = true
                continue
            }
            if isFraction { power -= 1 }
            let digit = UInt64(byte &- UInt8(ascii: "0"))
            zeros += 1
            guard digit > 0 else { continue }
            if !Self.scale(&magnitude, by: zeros, adding: digit) { isTooLarge = true }
            zeros = 0
        }
        power += zeros
        guard magnitude > 0 || isTooLarge else { return .of(magnitude: 0, isNegative: isNegative) }
        guard power >= 0 else { return .fraction }
        guard !isTooLarge, Self.scale(&magnitude, by: power, adding: 0) else { return .tooLarge }
        return .of(magnitude: magnitude, isNegative: isNegative)
    }

    /// magnitude · 10^power + digit; false where 64 bits do not hold it.
    private static func scale(_ magnitude: inout UInt64, by power: Int, adding digit: UInt64) -> Bool {
        if magnitude > 0 {
            guard power < 20 else { return false }
            for _ in 0..<power {
                let (product, isOver) = magnitude.multipliedReportingOverflow(by: 10)
                guard !isOver else { return false }
                magnitude = product
            }
        }
        let (sum, isOver) = magnitude.addingReportingOverflow(digit)
        if !isOver { magnitude = sum }
        return !isOver
    }
}
