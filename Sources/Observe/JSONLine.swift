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
        if decimals == 3, value >= 0 {
            name(key)
            return thousandths(Int64((value * 1000).rounded()))
        }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        field(key, (value * scale).rounded() / scale)
    }

    /// Adds a boolean.
    package mutating func field(_ key: StaticString, _ value: Bool) {
        name(key)
        literal(value ? "true" : "false")
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
        // Put together first: each append to an array costs more than the few bytes of a key.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: key.utf8CodeUnitCount + 4) { text in
            var count = 0
            if needsComma {
                text[0] = UInt8(ascii: ",")
                count = 1
            }
            text[count] = UInt8(ascii: "\"")
            for index in 0..<key.utf8CodeUnitCount { text[count + 1 + index] = key.utf8Start[index] }
            count += key.utf8CodeUnitCount + 3
            text[count - 2] = UInt8(ascii: "\"")
            text[count - 1] = UInt8(ascii: ":")
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[..<count]))
        }
        needsComma = true
    }

    private mutating func literal(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func null() { literal("null") }

    private mutating func digits(_ value: Int64) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        digits(value.magnitude)
    }

    private mutating func digits(_ value: UInt64) {
        var divisor: UInt64 = 1
        while value / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
    }

    /// Adds a number of thousandths without trailing zeros, as the shortest form of that number has it.
    private mutating func thousandths(_ value: Int64) {
        digits(value / 1000)
        var rest = value % 1000
        bytes.append(UInt8(ascii: "."))
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / 100))
            rest = rest % 100 * 10
        } while rest > 0
    }

    /// **Source** RFC 8259 §7: quote, backslash and controls must be escaped. DEL, U+2028 and U+2029 are escaped besides,
    /// because terminals and line-based tools act on them.
    private mutating func string(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        var value = value
        let isPlain = value.withUTF8 { utf8 in
            for byte in utf8 where byte < 0x20 || byte > 0x7E || byte == 0x22 || byte == 0x5C { return false }
            bytes.append(contentsOf: utf8)
            return true
        }
        if isPlain { return }
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
