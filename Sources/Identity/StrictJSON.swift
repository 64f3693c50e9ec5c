/// A JSON value (RFC 8259) as tokens and key sets are read: every object's members once, nothing guessed.
///
/// Foundation's reader keeps one of several members of a name, and which one differs between readers: a token that
/// says `"aud"` twice would mean different things here and behind us.
enum StrictJSON: Hashable, Sendable {
    case object([String: StrictJSON])
    case array([StrictJSON])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null

    /// Deeper nesting is refused, so that the reader's stack is bounded.
    static let depthMax = 16

    /// The value that all of `bytes` spell.
    ///
    /// Throws: `Malformed` with what is wrong and where.
    init(_ bytes: [UInt8]) throws(Malformed) {
        var reader = Reader(bytes: bytes)
        self = try reader.document()
    }

    /// Why bytes are not JSON, or not JSON that has one meaning.
    struct Malformed: Error, Hashable, CustomStringConvertible {
        let reason: String
        let offset: Int
        var description: String { "\(reason) at byte \(offset)" }
    }

    /// The members, if this is an object.
    var members: [String: StrictJSON]? { if case .object(let members) = self { members } else { nil } }
    /// The elements, if this is an array.
    var elements: [StrictJSON]? { if case .array(let elements) = self { elements } else { nil } }
    /// The text, if this is a string.
    var text: String? { if case .string(let text) = self { text } else { nil } }
    /// The number, if this is one.
    var double: Double? { if case .number(let number) = self { number } else { nil } }
}

extension StrictJSON {
    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        mutating func document() throws(Malformed) -> StrictJSON {
            let value = try value(depth: 0)
            skipSpace()
            guard at == bytes.count else { throw wrong("something follows the value") }
            return value
        }

        private mutating func value(depth: Int) throws(Malformed) -> StrictJSON {
            guard depth <= depthMax else { throw wrong("nested too deeply") }
            skipSpace()
            guard at < bytes.count else { throw wrong("the end where a value should be") }
            switch bytes[at] {
            case UInt8(ascii: "{"): return .object(try object(depth: depth))
            case UInt8(ascii: "["): return .array(try array(depth: depth))
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try word("true", .bool(true))
            case UInt8(ascii: "f"): return try word("false", .bool(false))
            case UInt8(ascii: "n"): return try word("null", .null)
            default: return .number(try number())
            }
        }

        private mutating func object(depth: Int) throws(Malformed) -> [String: StrictJSON] {
            at += 1
            var members: [String: StrictJSON] = [:]
            if try closes(UInt8(ascii: "}")) { return members }
            while true {
                skipSpace()
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
                    throw wrong("no name where a member should be")
                }
                let name = try string()
                skipSpace()
                guard take(UInt8(ascii: ":")) else { throw wrong("no colon behind a name") }
                let value = try value(depth: depth + 1)
                guard members.updateValue(value, forKey: name) == nil else {
                    throw wrong("a member's name comes twice")
                }
                if try ends(UInt8(ascii: "}")) { return members }
            }
        }

        private mutating func array(depth: Int) throws(Malformed) -> [StrictJSON] {
            at += 1
            var elements: [StrictJSON] = []
            if try closes(UInt8(ascii: "]")) { return elements }
            while true {
                elements.append(try value(depth: depth + 1))
                if try ends(UInt8(ascii: "]")) { return elements }
            }
        }

        /// True for an empty object or array.
        private mutating func closes(_ bracket: UInt8) throws(Malformed) -> Bool {
            skipSpace()
            return take(bracket)
        }

        /// True at the closing bracket, false at a comma.
        private mutating func ends(_ bracket: UInt8) throws(Malformed) -> Bool {
            skipSpace()
            if take(bracket) { return true }
            guard take(UInt8(ascii: ",")) else { throw wrong("neither a comma nor the end of the list") }
            return false
        }

        private mutating func word(_ word: String, _ value: StrictJSON) throws(Malformed) -> StrictJSON {
            guard bytes[at...].starts(with: word.utf8) else { throw wrong("not a value") }
            at += word.utf8.count
            return value
        }

        private mutating func number() throws(Malformed) -> Double {
            let start = at
            _ = take(UInt8(ascii: "-"))
            if !take(UInt8(ascii: "0")) { guard digits() else { throw wrong("not a value") } }
            if take(UInt8(ascii: ".")) { guard digits() else { throw wrong("no digit behind the point") } }
            if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
                if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
                guard digits() else { throw wrong("no digit in the exponent") }
            }
            let text = String(decoding: bytes[start..<at], as: UTF8.self)
            guard let number = Double(text), number.isFinite else { throw wrong("a number too large") }
            return number
        }

        private mutating func digits() -> Bool {
            let start = at
            while at < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
            return at > start
        }

        private mutating func string() throws(Malformed) -> String {
            at += 1
            var text: [UInt8] = []
            while true {
                guard at < bytes.count else { throw wrong("a string without its end") }
                let byte = bytes[at]
                at += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard let valid = String(validating: text, as: UTF8.self) else {
                        throw wrong("not UTF-8")
                    }
                    return valid
                case UInt8(ascii: "\\"): try escape(into: &text)
                case 0..<0x20: throw wrong("a control character in a string")
                default: text.append(byte)
                }
            }
        }

        private mutating func escape(into text: inout [UInt8]) throws(Malformed) {
            guard at < bytes.count else { throw wrong("a string without its end") }
            let letter = bytes[at]
            at += 1
            let plain: [UInt8: UInt8] = [
                0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D,
                0x74: 0x09,
            ]
            if let byte = plain[letter] { return text.append(byte) }
            guard letter == UInt8(ascii: "u") else { throw wrong("no such escape") }
            var code = try fourDigits()
            if (0xD800..<0xDC00).contains(code) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw wrong("half a surrogate pair")
                }
                let low = try fourDigits()
                guard (0xDC00..<0xE000).contains(low) else { throw wrong("half a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw wrong("half a surrogate pair") }
            text.append(contentsOf: String(scalar).utf8)
        }

        private mutating func fourDigits() throws(Malformed) -> UInt32 {
            guard bytes.count - at >= 4 else { throw wrong("a string without its end") }
            var code: UInt32 = 0
            for byte in bytes[at..<at + 4] {
                guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                    throw wrong("no such escape")
                }
                code = code << 4 | UInt32(digit)
            }
            at += 4
            return code
        }

        private mutating func take(_ byte: UInt8) -> Bool {
            guard at < bytes.count, bytes[at] == byte else { return false }
            at += 1
            return true
        }

        private mutating func skipSpace() {
            while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
        }

        private func wrong(_ reason: String) -> Malformed { Malformed(reason: reason, offset: at) }
    }
}
