extension JSONScanner {
    /// The string at the scanner, decoded; at most `keyBytesMax` bytes of UTF-8.
    ///
    /// Comparing decoded bytes, not `String`s, keeps names apart that Unicode calls equivalent.
    mutating func key() throws(Failure) -> [UInt8] {
        let start = position
        var bytes: [UInt8] = []
        try string { bytes.count <= Self.keyBytesMax ? bytes.append(contentsOf: $0) : () }
        guard bytes.count <= Self.keyBytesMax else {
            throw failure(.keyTooLong(most: Self.keyBytesMax), at: start)
        }
        return bytes
    }

    /// Skips the string at the scanner, checking its escapes and its UTF-8.
    mutating func skipString() throws(Failure) { try string { _ in } }

    /// Reads a string, handing its decoded UTF-8 to `emit` piece by piece.
    private mutating func string(_ emit: (UnsafeBufferPointer<UInt8>) -> Void) throws(Failure) {
        guard position < end, base[position] == UInt8(ascii: "\"") else { throw unexpected }
        position += 1
        while true {
            let start = position
            while position < end, isPlain(base[position]) { position += 1 }
            if position > start { emit(UnsafeBufferPointer(start: base + start, count: position - start)) }
            guard position < end else { throw failure(.endOfInput) }
            switch base[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try escape(emit)
            case 0x80...: try multibyte(emit)
            default: throw failure(.badString)
            }
        }
    }

    /// True for ASCII that stands for itself inside a string.
    @inline(__always)
    private func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// One character beyond ASCII: well-formed UTF-8 as Unicode's table 3-7 has it.
    private mutating func multibyte(_ emit: (UnsafeBufferPointer<UInt8>) -> Void) throws(Failure) {
        let lead = base[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: throw failure(.badUTF8)
        }
        guard position + length <= end, second.contains(base[position + 1]) else { throw failure(.badUTF8) }
        for offset in 2..<max(2, length) where base[position + offset] & 0xC0 != 0x80 {
            throw failure(.badUTF8)
        }
        emit(UnsafeBufferPointer(start: base + position, count: length))
        position += length
    }

    /// One escape (RFC 8259 §7).
    private mutating func escape(_ emit: (UnsafeBufferPointer<UInt8>) -> Void) throws(Failure) {
        let start = position
        guard position + 1 < end else { throw failure(.endOfInput, at: end) }
        let letter = base[position + 1]
        position += 2
        let scalar: UnicodeScalar
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = UnicodeScalar(letter)
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        case UInt8(ascii: "u"):
            guard let decoded = UnicodeScalar(try codePoint(escapeStart: start)) else {
                throw failure(.badEscape, at: start)
            }
            scalar = decoded
        default: throw failure(.badEscape, at: start)
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { buffer in
            var count = 0
            for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                buffer[count] = unit
                count += 1
            }
            emit(UnsafeBufferPointer(start: buffer.baseAddress, count: count))
        }
    }

    /// The code point of an escape of four hexadecimal digits, whose `\u` was taken, or of the pair of escapes that a
    /// supplementary one needs.
    private mutating func codePoint(escapeStart: Int) throws(Failure) -> UInt32 {
        let first = try fourDigits(escapeStart: escapeStart)
        guard (0xD800...0xDBFF).contains(first) else { return first }
        guard position + 1 < end, base[position] == UInt8(ascii: "\\"),
            base[position + 1] == UInt8(ascii: "u")
        else {
            throw failure(.badEscape, at: escapeStart)
        }
        position += 2
        let second = try fourDigits(escapeStart: escapeStart)
        guard (0xDC00...0xDFFF).contains(second) else { throw failure(.badEscape, at: escapeStart) }
        return 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
    }

    private mutating func fourDigits(escapeStart: Int) throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < end else { throw failure(.endOfInput) }
            let byte = base[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw failure(.badEscape, at: escapeStart)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
