extension JSONScanner {
    /// The number at the scanner, correctly rounded to Float; infinite where it is too large for one.
    ///
    /// Throws: for what RFC 8259 §6 does not allow, and for more than `numberBytesMax` characters.
    @inline(__always)
    mutating func number() throws(Failure) -> Float {
        let start = position
        var next = position
        let isNegative = next < end && base[next] == UInt8(ascii: "-")
        if isNegative { next += 1 }
        let digitsStart = next
        var mantissa: UInt64 = 0
        takeDigits(&next, &mantissa)
        let wholeDigits = next - digitsStart
        guard wholeDigits > 0 else { throw numberFailure(at: next) }
        guard wholeDigits == 1 || base[digitsStart] != UInt8(ascii: "0") else { throw failure(.badNumber) }
        var exponent = 0
        var digits = wholeDigits
        if next < end, base[next] == UInt8(ascii: ".") {
            next += 1
            let fractionStart = next
            takeDigits(&next, &mantissa)
            exponent = fractionStart - next
            guard exponent < 0 else { throw numberFailure(at: next) }
            digits -= exponent
        }
        if next < end, base[next] | 0x20 == UInt8(ascii: "e") {
            exponent += try takeExponent(&next)
        }
        position = next
        let magnitude =
            digits <= DecimalFloat.digitsMax
            ? DecimalFloat.make(mantissa, exponent) ?? slowNumber(from: digitsStart)
            : try longNumber(from: digitsStart, start: start, exponent: exponent)
        return isNegative ? -magnitude : magnitude
    }

    /// Adds digits to `mantissa`, which wraps around after nineteen; the caller counts.
    @inline(__always)
    func takeDigits(_ next: inout Int, _ mantissa: inout UInt64) {
        while next < end {
            let digit = base[next] &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            next += 1
        }
    }

    private func numberFailure(at next: Int) -> Failure {
        if next >= end { return failure(.endOfInput, at: end) }
        return next == position ? unexpected : failure(.badNumber)
    }

    /// The value of an exponent, held within what no mantissa of bounded length can make up for.
    func takeExponent(_ next: inout Int) throws(Failure) -> Int {
        next += 1
        var isNegative = false
        if next < end, base[next] == UInt8(ascii: "-") || base[next] == UInt8(ascii: "+") {
            isNegative = base[next] == UInt8(ascii: "-")
            next += 1
        }
        let start = next
        var value = 0
        while next < end {
            let digit = base[next] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = min(value * 10 + Int(digit), 100_000)
            next += 1
        }
        guard next > start else { throw numberFailure(at: next) }
        return isNegative ? -value : value
    }

    /// A number of more digits than a mantissa holds: leading zeros are dropped, and where nineteen digits decide
    /// the rounding whatever follows, they are enough.
    private func longNumber(from digitsStart: Int, start: Int, exponent: Int) throws(Failure) -> Float {
        guard position - start <= Self.numberBytesMax else {
            throw failure(.numberTooLong(most: Self.numberBytesMax), at: start)
        }
        var mantissa: UInt64 = 0
        var kept = 0
        var dropped = 0
        var isExact = true
        for offset in digitsStart..<position {
            let byte = base[offset]
            if byte == UInt8(ascii: ".") { continue }
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            if kept == DecimalFloat.digitsMax {
                dropped += 1
                if digit != 0 { isExact = false }
            } else if kept > 0 || digit != 0 {
                mantissa = mantissa * 10 + UInt64(digit)
                kept += 1
            }
        }
        let lower = DecimalFloat.make(mantissa, exponent + dropped)
        let upper = isExact ? lower : DecimalFloat.make(mantissa + 1, exponent + dropped)
        if let lower, lower == upper { return lower }
        return slowNumber(from: digitsStart)
    }

    /// The standard library's correctly rounded conversion, for the few numbers that need more than 128 bits.
    private func slowNumber(from digitsStart: Int) -> Float {
        let text = UnsafeBufferPointer(start: base + digitsStart, count: position - digitsStart)
        // The grammar was checked; text that the library refuses all the same must not pass for a pixel.
        return Float(String(decoding: text, as: UTF8.self)) ?? .infinity
    }
}
