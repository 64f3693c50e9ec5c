/// Reads and writes a safetensors file's header: exactly the JSON that the format allows, and nothing deeper.
///
/// A general JSON reader would take the last of two equal names; here the second is an error.
struct SafetensorsHeader {
    /// One tensor's entry.
    struct Entry {
        var name: String
        var type = ""
        var shape: [Int] = []
        var offsets: [Int] = []
    }

    var entries: [Entry] = []
    var metadata: [String: String] = [:]

    init(parsing bytes: ArraySlice<UInt8>) throws(SafetensorsError) {
        var scanner = Scanner(bytes)
        var names: Set<String> = []
        try scanner.object { (scanner, name) throws(SafetensorsError) in
            guard names.insert(name).inserted else { throw .duplicateName(name) }
            if name == "__metadata__" {
                metadata = try Self.metadata(&scanner)
            } else {
                entries.append(try Self.entry(name, &scanner))
            }
        }
        try scanner.end()
    }

    private static func metadata(_ scanner: inout Scanner) throws(SafetensorsError) -> [String: String] {
        var metadata: [String: String] = [:]
        try scanner.object { (scanner, key) throws(SafetensorsError) in
            guard metadata.updateValue(try scanner.string(), forKey: key) == nil else {
                throw .duplicateName(key)
            }
        }
        return metadata
    }

    private static func entry(_ name: String, _ scanner: inout Scanner) throws(SafetensorsError) -> Entry {
        var entry = Entry(name: name)
        var seen: Set<String> = []
        try scanner.object { (scanner, key) throws(SafetensorsError) in
            guard seen.insert(key).inserted else { throw .malformedHeader("“\(name)” gives “\(key)” twice") }
            switch key {
            case "dtype": entry.type = try scanner.string()
            case "shape": entry.shape = try scanner.integers()
            case "data_offsets": entry.offsets = try scanner.integers()
            default: throw .malformedHeader("“\(name)” has an unknown field “\(key)”")
            }
        }
        guard seen.count == 3, entry.offsets.count == 2 else {
            throw .malformedHeader("“\(name)” lacks its dtype, shape or two data_offsets")
        }
        return entry
    }

    /// A JSON string with its quotes.
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

extension SafetensorsHeader {
    /// Walks over the header's bytes.
    struct Scanner {
        private let bytes: ArraySlice<UInt8>
        private var at: Int

        init(_ bytes: ArraySlice<UInt8>) {
            self.bytes = bytes
            at = bytes.startIndex
        }

        /// An object: calls the body at each value; the body reads it.
        mutating func object(
            _ value: (inout Scanner, String) throws(SafetensorsError) -> Void
        ) throws(SafetensorsError) {
            try take("{")
            if taken("}") { return }
            repeat {
                let name = try string()
                try take(":")
                try value(&self, name)
            } while taken(",")
            try take("}")
        }

        /// An array of integers that are not negative.
        mutating func integers() throws(SafetensorsError) -> [Int] {
            var integers: [Int] = []
            try take("[")
            if taken("]") { return [] }
            repeat { integers.append(try integer()) } while taken(",")
            try take("]")
            return integers
        }

        private mutating func integer() throws(SafetensorsError) -> Int {
            skipSpace()
            let start = at
            while at < bytes.endIndex, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[at]) { at += 1 }
            guard at - start <= 18, let value = Int(String(decoding: bytes[start..<at], as: UTF8.self)) else {
                throw problem("a number that is not negative", at: start)
            }
            return value
        }

        mutating func string() throws(SafetensorsError) -> String {
            try take("\"")
            let start = at
            var text: [UInt8] = []
            while at < bytes.endIndex {
                let byte = bytes[at]
                at += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard let string = String(validating: text, as: UTF8.self) else {
                        throw problem("UTF-8", at: start)
                    }
                    return string
                case UInt8(ascii: "\\"): text += try escape()
                case 0..<0x20: throw problem("no control character", at: at - 1)
                default: text.append(byte)
                }
            }
            throw problem("the end of a string", at: at)
        }

        private static let escapes: [UInt8: UInt8] = [
            UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F,
            UInt8(ascii: "b"): 0x08,
            UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D,
            UInt8(ascii: "t"): 0x09,
        ]

        private mutating func escape() throws(SafetensorsError) -> [UInt8] {
            guard at < bytes.endIndex else { throw problem("an escape", at: at) }
            let byte = bytes[at]
            at += 1
            if let plain = Self.escapes[byte] { return [plain] }
            guard byte == UInt8(ascii: "u") else { throw problem("an escape", at: at - 1) }
            let high = try hexadecimal()
            if let scalar = Unicode.Scalar(high) { return Array(String(scalar).utf8) }
            guard taken("\\"), taken("u") else { throw problem("a surrogate pair", at: at) }
            let units = [UInt16(truncatingIfNeeded: high), UInt16(truncatingIfNeeded: try hexadecimal())]
            guard let pair = String(validating: units, as: UTF16.self) else {
                throw problem("a surrogate pair", at: at)
            }
            return Array(pair.utf8)
        }

        private mutating func hexadecimal() throws(SafetensorsError) -> UInt32 {
            let digits = bytes[at..<min(at + 4, bytes.endIndex)]
            let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
            guard digits.count == 4, isHexadecimal,
                let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw problem("four hexadecimal digits", at: at) }
            at += 4
            return value
        }

        /// Nothing but the padding may follow.
        mutating func end() throws(SafetensorsError) {
            skipSpace()
            guard at == bytes.endIndex else { throw problem("the end", at: at) }
        }

        private mutating func take(_ wanted: Unicode.Scalar) throws(SafetensorsError) {
            guard taken(wanted) else { throw problem("“\(wanted)”", at: at) }
        }

        private mutating func taken(_ wanted: Unicode.Scalar) -> Bool {
            skipSpace()
            guard at < bytes.endIndex, bytes[at] == UInt8(ascii: wanted) else { return false }
            at += 1
            return true
        }

        private mutating func skipSpace() {
            while at < bytes.endIndex, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
        }

        private func problem(_ wanted: String, at place: Int) -> SafetensorsError {
            .malformedHeader("\(wanted) is expected at byte \(place - bytes.startIndex)")
        }
    }
}
