/// One JSON object on one line, written field by field into bytes.
///
/// Hand-written because it stands on the way of every query: no dictionaries, no boxes, no reflection. Keys are string
/// literals of this package and need no escaping.
package struct JSONLine: Sendable {
    /// The object so far; complete after `end()`.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// An open object with room for `capacity` bytes.
    package init(capacity: Int = 512) {
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    /// Closes the object and its line.
    package mutating func end() {
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Adds a text, or null.
    package mutating func field(_ key: StaticString, _ value: String?) {
        name(key)
        if let value { string(value) } else { null() }
    }

    /// Adds a whole number, or null.
    package mutating func field(_ key: StaticString, _ value: Int64?) {
        name(key)
        if let value { digits(value) } else { null() }
    }

    /// Adds a whole number, or null.
    package mutating func field(_ key: StaticString, _ value: Int?) {
        field(key, value.map(Int64.init))
    }

    /// Adds a number in the shortest form that reads back the same; null for one that is not finite.
    package mutating func field(_ key: StaticString, _ value: Double?) {
        name(key)
        guard let value, value.isFinite else { return null() }
        bytes.append(contentsOf: value.description.utf8)
    }

    /// Adds a number of so many decimals at most, as times are written; null for one that is not finite.
    package mutating func field(_ key: StaticString, _ value: Double?, decimals: Int) {
        guard let value, value.isFinite, abs(value) < 1e12 else { return field(key, value) }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        field(key, (value * scale).rounded() / scale)
    }

    /// Adds a boolean.
    package mutating func field(_ key: StaticString, _ value: Bool) {
        name(key)
        bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
    }

    /// Adds a moment as RFC 3339 in UTC with milliseconds.
    package mutating func field(_ key: StaticString, _ value: WallTime) {
        name(key)
        bytes.append(UInt8(ascii: "\""))
        value.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a list of texts.
    package mutating func field(_ key: StaticString, _ values: [String]) {
        name(key)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            string(value)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Adds an object whose fields `build` adds.
    package mutating func object(_ key: StaticString, _ build: (inout JSONLine) -> Void) {
        name(key)
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        build(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Adds a list of objects, the fields of each added by `build`.
    package mutating func list<Element>(
        _ key: StaticString, _ elements: some Sequence<Element>, _ build: (inout JSONLine, Element) -> Void
    ) {
        name(key)
        bytes.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            bytes.append(contentsOf: index > 0 ? ",{".utf8 : "{".utf8)
            needsComma = false
            build(&self, element)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    private mutating func name(_ key: StaticString) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
        bytes.append(UInt8(ascii: "\""))
        key.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func null() {
        bytes.append(contentsOf: "null".utf8)
    }

    private mutating func digits(_ value: Int64) {
        bytes.append(contentsOf: value.description.utf8)
    }

    /// **Source** RFC 8259 §7: quote, backslash and controls must be escaped. DEL, U+2028 and U+2029 are escaped besides,
    /// because terminals and line-based tools act on them.
    private mutating func string(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        let isPlain = value.utf8.allSatisfy { (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }
        if isPlain { return bytes.append(contentsOf: value.utf8) }
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            case 0x20..<0x7F: bytes.append(UInt8(scalar.value))
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: escape(scalar.value)
            default: bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
            }
        }
    }

    private mutating func escape(_ value: UInt32) {
        let hex = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: "\\u".utf8)
        for shift in [12, 8, 4, 0] as [UInt32] { bytes.append(hex[Int(value >> shift & 15)]) }
    }
}

/// A record that is one line of a log.
package protocol LogRecord: Sendable {
    /// Adds the record's fields to an open object; the first is `time`, by which the age of a file is told.
    func encode(into line: inout JSONLine)
}

extension LogRecord {
    /// The record's line, its newline included.
    package func line() -> [UInt8] {
        var line = JSONLine()
        encode(into: &line)
        line.end()
        return line.bytes
    }
}
