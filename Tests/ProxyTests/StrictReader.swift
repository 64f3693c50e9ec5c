/// A back end's reader that accepts nothing two readers could read differently; written apart from the parser under
/// test, and slow.
struct StrictReader {
    /// Bytes that could be read in two ways.
    struct Doubtful: Error { let what: String }
    /// More bytes are needed.
    struct Incomplete: Error {}

    /// What a back end would act on.
    struct Request: Equatable {
        let target: String
        let fields: [String]
    }

    private var bytes: [UInt8]
    private var place = 0

    /// The request at the front of `bytes`, and how many of them it is. **Throws** `Doubtful` or `Incomplete`.
    static func request(_ bytes: [UInt8]) throws -> (request: Request, count: Int) {
        var reader = StrictReader(bytes: bytes)
        let line = try reader.line()
        let parts = line.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, isToken(parts[0]), parts[2] == "HTTP/1.1", !parts[1].isEmpty,
            parts[1].unicodeScalars.allSatisfy({ (0x21...0x7E).contains($0.value) })
        else { throw Doubtful(what: "the request line \(line.debugDescription)") }
        let fields = try reader.fields()
        try reader.body(fields)
        return (Request(target: String(parts[1]), fields: fields.map(\.name)), reader.place)
    }

    private static func isToken(_ text: Substring) -> Bool {
        let marks = "!#$%&'*+-.^_`|~"
        return !text.isEmpty
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || marks.contains($0) }
    }

    private mutating func line() throws -> String {
        guard let end = Array(bytes[place...]).indexAfter([13, 10]) else { throw Incomplete() }
        let line = bytes[place..<place + end - 2]
        place += end
        guard !line.contains(13), !line.contains(10) else { throw Doubtful(what: "a bare CR or LF") }
        return String(String.UnicodeScalarView(line.map { UnicodeScalar($0) }))
    }

    private mutating func fields() throws -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        while true {
            let line = try line()
            if line.isEmpty { return fields }
            guard let colon = line.firstIndex(of: ":"), Self.isToken(line[..<colon]),
                line.unicodeScalars.allSatisfy({ $0.value == 9 || $0.value >= 0x20 && $0.value != 0x7F })
            else { throw Doubtful(what: "the field \(line.debugDescription)") }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields.append((line[..<colon].lowercased(), String(value)))
        }
    }

    private mutating func body(_ fields: [(name: String, value: String)]) throws {
        func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
        let lengths = values("content-length")
        let codings = values("transfer-encoding")
        guard values("host").count == 1 else { throw Doubtful(what: "not one Host") }
        guard lengths.count + codings.count <= 1 else { throw Doubtful(what: "framing said twice") }
        for name in ["connection", "keep-alive", "te", "upgrade", "proxy-connection", "content_length"] {
            // Of its own connection the proxy says that it takes trailers, in this form (RFC 9110 §10.1.4).
            let own = ["connection": ["TE"], "te": ["trailers"]][name] ?? []
            guard values(name).isEmpty || values(name) == own else {
                throw Doubtful(what: "\(name) was passed on")
            }
        }
        if let coding = codings.first {
            guard coding == "chunked" else { throw Doubtful(what: "the coding \(coding)") }
            try chunks()
        } else if let text = lengths.first {
            guard let length = Self.number(text, radix: 10) else {
                throw Doubtful(what: "the length \(text)")
            }
            try skip(length)
        }
    }

    private mutating func chunks() throws {
        while true {
            let text = try line()
            guard let size = Self.number(text, radix: 16) else {
                throw Doubtful(what: "the chunk size \(text)")
            }
            if size == 0 {
                let names = try fields().map(\.name)
                let steering = ["content-length", "transfer-encoding", "host", "trailer"]
                guard names.allSatisfy({ !steering.contains($0) }) else {
                    throw Doubtful(what: "the trailers \(names)")
                }
                return
            }
            try skip(size)
            guard try line().isEmpty else { throw Doubtful(what: "bytes behind a chunk") }
        }
    }

    private mutating func skip(_ count: Int) throws {
        guard bytes.count - place >= count else { throw Incomplete() }
        place += count
    }

    private static func number(_ text: String, radix: Int) -> Int? {
        guard (1...10).contains(text.count), text.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
            return nil
        }
        return Int(text, radix: radix)
    }
}
