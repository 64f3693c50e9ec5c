import Buffers

/// One JSON object on one line, written field by field into bytes.
///
/// Hand-written because it stands on the way of every request: no dictionaries, no boxes, no reflection, and no memory taken for
/// a line of a log that goes on. Keys are string literals of this package and need no escaping.
package struct JSONLine: ~Copyable {
    /// The object so far; complete after `end()`.
    package var text: ByteBuffer
    private var needsComma = false

    /// An open object with room for `capacity` bytes.
    package init(capacity: Int = 1024) {
        text = ByteBuffer(capacity: capacity)
        text.append(UInt8(ascii: "{"))
    }

    /// The object so far as an array.
    package var bytes: [UInt8] { text.bytes }

    /// Begins another object in the same memory.
    package mutating func restart() {
        text.removeAll()
        text.append(UInt8(ascii: "{"))
        needsComma = false
    }

    /// Closes the object and its line.
    package mutating func end() { text.append("}\n") }

    /// Adds a text, or null.
    package mutating func field(_ key: StaticString, _ value: String?) {
        name(key)
        guard var value else { return null() }
        value.withUTF8 { string($0) }
    }

    /// Adds a text, or null.
    @inline(__always)
    mutating func field(_ key: StaticString, _ value: LogText?) {
        name(key)
        self.value(value)
    }

    /// Adds a whole number, or null.
    @inline(__always)
    package mutating func field(_ key: StaticString, _ value: Int64?) {
        name(key)
        if let value { text.append(decimal: Int(value)) } else { null() }
    }

    /// Adds a whole number, or null.
    package mutating func field(_ key: StaticString, _ value: Int?) {
        field(key, value.map(Int64.init))
    }

    /// Adds a number in the shortest form that reads back the same; null for one that is not finite.
    package mutating func field(_ key: StaticString, _ value: Double?) {
        name(key)
        guard let value, value.isFinite else { return null() }
        text.append(string: value.description)
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

    /// Adds a time of so many nanoseconds in milliseconds with three decimals at most, or null.
    @inline(__always)
    mutating func field(_ key: StaticString, milliseconds nanoseconds: UInt64?) {
        name(key)
        guard let nanoseconds else { return null() }
        thousandths(Int64(clamping: nanoseconds / 1000 &+ (nanoseconds % 1000 >= 500 ? 1 : 0)))
    }

    /// Adds a boolean.
    package mutating func field(_ key: StaticString, _ value: Bool) {
        name(key)
        text.append(value ? "true" : "false")
    }

    /// Adds a moment as RFC 3339 in UTC with milliseconds.
    package mutating func field(_ key: StaticString, _ value: WallTime) {
        name(key)
        text.append(UInt8(ascii: "\""))
        value.append(to: &text)
        text.append(UInt8(ascii: "\""))
    }

    /// Adds a list of texts.
    package mutating func field(_ key: StaticString, _ values: [String]) {
        name(key)
        text.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            var value = value
            value.withUTF8 { string($0) }
        }
        text.append(UInt8(ascii: "]"))
    }

    /// Adds an object whose fields `build` adds.
    package mutating func object(_ key: StaticString, _ build: (inout JSONLine) -> Void) {
        name(key)
        text.append(UInt8(ascii: "{"))
        needsComma = false
        build(&self)
        text.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// Adds a list of objects, the fields of each added by `build`.
    package mutating func list<Element>(
        _ key: StaticString, _ elements: some Sequence<Element>, _ build: (inout JSONLine, Element) -> Void
    ) {
        name(key)
        text.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text.append(UInt8(ascii: "{"))
            needsComma = false
            build(&self, element)
            text.append(UInt8(ascii: "}"))
        }
        text.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// Adds a field whose key and value are JSON already.
    mutating func field(raw: [UInt8]) {
        guard !raw.isEmpty else { return }
        if needsComma { text.append(UInt8(ascii: ",")) }
        text.append(raw)
        needsComma = true
    }

    @inline(__always)
    private mutating func name(_ key: StaticString) {
        if needsComma { text.append(UInt8(ascii: ",")) }
        text.append(UInt8(ascii: "\""))
        text.append(key)
        text.append("\":")
        needsComma = true
    }

    private mutating func null() { text.append("null") }

    /// Adds a text as it lies somewhere, or null.
    private mutating func value(_ value: LogText?) {
        switch value {
        case nil: null()
        case .bytes(let bytes): string(bytes)
        case .hex(let high, let low):
            text.append(UInt8(ascii: "\""))
            text.append(hex: high)
            text.append(hex: low)
            text.append(UInt8(ascii: "\""))
        }
    }

    /// Adds a number of thousandths without trailing zeros, as the shortest form of that number has it.
    private mutating func thousandths(_ value: Int64) {
        let whole = value / 1000
        text.append(decimal: Int(whole))
        var rest = value &- whole &* 1000
        text.append(UInt8(ascii: "."))
        repeat {
            text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / 100))
            rest = rest % 100 * 10
        } while rest > 0
    }

    /// **Source** RFC 8259 §7: quote, backslash and controls must be escaped. DEL, U+2028 and U+2029 are escaped besides,
    /// because terminals and line-based tools act on them.
    private mutating func string(_ utf8: UnsafeBufferPointer<UInt8>) {
        text.append(UInt8(ascii: "\""))
        defer { text.append(UInt8(ascii: "\"")) }
        if PlainText.isPlain(utf8) { return text.append(utf8) }
        for scalar in String(decoding: utf8, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C:
                text.append(UInt8(ascii: "\\"))
                text.append(UInt8(scalar.value))
            case 0x20..<0x7F: text.append(UInt8(scalar.value))
            case 0x0A: text.append("\\n")
            case 0x0D: text.append("\\r")
            case 0x09: text.append("\\t")
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029: escape(scalar.value)
            default: for unit in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { text.append(unit) }
            }
        }
    }

    private mutating func escape(_ value: UInt32) {
        text.append("\\u")
        for shift in [12, 8, 4, 0] as [UInt32] {
            let digit = UInt8(value >> shift & 15)
            text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}

/// Whether text can stand in a line as it is.
enum PlainText {
    /// Whether all bytes are printable ASCII and none is a quote or a backslash. Eight are looked at at once.
    static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let raw = UnsafeRawBufferPointer(bytes)
        guard raw.count >= 8 else { return bytes.allSatisfy(isPlain) }
        var index = 0
        while index < raw.count {
            // The last word overlaps the one before it.
            let place = min(index, raw.count &- 8)
            if !isPlain(raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)) { return false }
            index &+= 8
        }
        return true
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C
    }

    /// Exact for words without a byte over 0x7F, and false for those with one.
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        func hasZero(_ word: UInt64) -> UInt64 { (word &- ones) & ~word }
        let below = (word &- ones &* 0x20) & ~word
        let marks = hasZero(word ^ ones &* 0x22) | hasZero(word ^ ones &* 0x5C) | hasZero(word ^ ones &* 0x7F)
        return (word | below | marks) & tops == 0
    }
}

/// A record that is one line of a log.
package protocol LogRecord {
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
