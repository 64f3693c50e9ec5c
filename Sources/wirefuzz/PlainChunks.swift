/// A chunk decoder as plain as can be, written apart from the parser's: the oracle of what it accepts.
enum PlainChunks {
    /// The body and how many bytes of the stream it took; nil when it is cut short or not to be accepted.
    ///
    /// **Source** RFC 9112 §7.1, without optional white space, with the parser's default bounds.
    static func decode(_ bytes: [UInt8]) -> (body: [UInt8], consumed: Int)? {
        var body: [UInt8] = []
        var place = 0
        while true {
            guard let line = line(bytes, place), line.count + 2 < 512 else { return nil }
            place += line.count + 2
            let digits = Array(line.prefix { isHex($0) })
            guard (1...16).contains(digits.count), isExtension(Array(line[digits.count...])) else {
                return nil
            }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
            if size == 0 { break }
            guard size <= bytes.count - place else { return nil }
            body += bytes[place..<place + size]
            place += size
            guard bytes.count >= place + 2, bytes[place] == 13, bytes[place + 1] == 10 else { return nil }
            place += 2
        }
        while let line = line(bytes, place) {
            place += line.count + 2
            if line.isEmpty { return (body, place) }
            guard isTrailer(line) else { return nil }
        }
        return nil
    }

    /// Up to the next LF, which CR must precede and no other CR.
    private static func line(_ bytes: [UInt8], _ start: Int) -> [UInt8]? {
        guard let end = bytes[start...].firstIndex(of: 10), end > start, bytes[end - 1] == 13 else {
            return nil
        }
        let line = Array(bytes[start..<end - 1])
        return line.contains(13) ? nil : line
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func isText(_ byte: UInt8) -> Bool { byte == 9 || byte >= 32 && byte != 127 }

    private static func isExtension(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        while let first = rest.first {
            guard first == 59 else { return false }
            rest = rest.dropFirst()
            guard let letter = rest.first, isToken(letter) else { return false }
            rest = rest.drop { isToken($0) }
            guard rest.first == 61 else { continue }
            rest = rest.dropFirst()
            guard let value = rest.first else { return false }
            if value == 34 {
                guard let behind = behindQuotes(rest.dropFirst()) else { return false }
                rest = behind
            } else {
                guard isToken(value) else { return false }
                rest = rest.drop { isToken($0) }
            }
        }
        return true
    }

    /// What follows the closing quote.
    private static func behindQuotes(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = text
        while let byte = rest.first {
            guard isText(byte) else { return nil }
            rest = rest.dropFirst()
            if byte == 34 { return rest }
            guard byte == 92 else { continue }
            guard let escaped = rest.first, isText(escaped) else { return nil }
            rest = rest.dropFirst()
        }
        return nil
    }

    private static func isTrailer(_ line: [UInt8]) -> Bool {
        guard let colon = line.firstIndex(of: 58), colon > 0, line[..<colon].allSatisfy(isToken),
            line[colon...].allSatisfy(isText)
        else { return false }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        let forbidden = [
            "host", "trailer", "upgrade", "connection", "content-length", "content_length",
            "transfer-encoding",
            "transfer_encoding",
        ]
        return !forbidden.contains(name)
    }
}
