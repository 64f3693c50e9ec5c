import Testing

@testable import Query

@Suite("Query: what is not a picture")
struct DecodeErrorTests {
    static func error(_ body: String, _ format: QueryFormat = .make()) -> DecodeError? {
        do throws(DecodeError) {
            _ = try QueryDecoder(format).decode(Array(body.utf8))
            return nil
        } catch { return error }
    }

    static let shapes = "[2][3][1] or [2][3] or [6]"

    static let protocolErrors: [(String, DecodeError)] = [
        ("", .notJSON(.endOfInput, offset: 0)),
        ("  ", .notJSON(.endOfInput, offset: 2)),
        ("[[0,0,0,0,0,0]]", .notAnObject(offset: 0)),
        ("{}", .noTensor),
        (#"{"instances":[]}"#, .noRows),
        (#"{"instances":[[0,0,0,0,0,0]],"inputs":[[0,0,0,0,0,0]]}"#, .bothForms(offset: 38)),
        (#"{"signature_name":7,"instances":[]}"#, .signatureNotText(offset: 18)),
        (
            #"{"signature_name":"raw","instances":[[0,0,0,0,0,0]]}"#,
            .otherSignature(name: "raw", expected: "serving_default")
        ),
        (#"{"instances":{"a":[]}}"#, .notAList(key: "instances", offset: 13)),
        (#"{"inputs":0.5}"#, .notAList(key: "inputs", offset: 10)),
        (#"{"inputs":{}}"#, .missingInput(expected: nil, offset: 12)),
        (
            #"{"instances":[{"a":[0,0,0,0,0,0]},{"b":[0,0,0,0,0,0]}]}"#,
            .unexpectedInput(name: "b", expected: "a", offset: 39)
        ),
        (
            #"{"instances":[{"a":[0,0,0,0,0,0],"b":1}]}"#,
            .unexpectedInput(name: "b", expected: "a", offset: 37)
        ),
        (#"{"instances":[{"b64":"AAAA"}]}"#, .base64(row: 0, offset: 21)),
        (#"{"instances":[[0,0,{"b64":"AAAA"},0,0,0]]}"#, .base64(row: 0, offset: 19)),
        (#"{"instances":[[0,0,"1",0,0,0]]}"#, .notANumber(row: 0, found: "a string", offset: 19)),
        (#"{"instances":[[0,0,null,0,0,0]]}"#, .notANumber(row: 0, found: "null", offset: 19)),
        (#"{"instances":[[0,0,NaN,0,0,0]]}"#, .notFinite(row: 0, offset: 19)),
        (#"{"instances":[[0,0,-Infinity,0,0,0]]}"#, .notFinite(row: 0, offset: 19)),
        (#"{"instances":[[0,0,0,0,0,0],[0,0,1e39,0,0,0]]}"#, .notFinite(row: 1, offset: 33)),
        (#"{"instances":[[0,0,3.4e38,0,0,0]]}"#, .notFinite(row: 0, offset: 14)),
        (
            #"{"instances":[0.5]}"#,
            .shapeMismatch(row: 0, found: "a number", expected: shapes, offset: 14)
        ),
        (#"{"instances":[[0,0,0,0,0]]}"#, .shapeMismatch(row: 0, found: "[5]", expected: shapes, offset: 24)),
        (
            #"{"instances":[[0,0,0,0,0,0,0]]}"#,
            .shapeMismatch(row: 0, found: "[7]", expected: shapes, offset: 26)
        ),
        (
            #"{"instances":[[[0,0],[0,0],[0,0]]]}"#,
            .shapeMismatch(row: 0, found: "[3][2]", expected: shapes, offset: 19)
        ),
        (
            #"{"instances":[[[0,0,0],[0,0]]]}"#,
            .shapeMismatch(
                row: 0, found: "a list of elements that differ in shape", expected: shapes, offset: 27)
        ),
        (
            #"{"instances":[[[[[0]]]]]}"#,
            .shapeMismatch(row: 0, found: "[1][1][1][1]", expected: shapes, offset: 14)
        ),
        (#"{"instances":[[]]}"#, .shapeMismatch(row: 0, found: "[0]", expected: shapes, offset: 15)),
    ]

    @Test("what is not the protocol's is an error with its place", arguments: protocolErrors.indices)
    func protocolError(index: Int) {
        let (body, expected) = Self.protocolErrors[index]
        #expect(Self.error(body) == expected)
    }

    @Test(
        "a row of another shape is told what it is in plain words",
        arguments: [
            ("[0,0,0,0,0]", "row 0 has the shape [5] at byte 24; expected \(shapes)"),
            (#"{"image":{"x":1}}"#, "row 0 is an object at byte 23; expected the shape \(shapes)"),
            ("0.5", "row 0 is a number at byte 14; expected the shape \(shapes)"),
            (
                "[[0,0,0],[0,0]]",
                "row 0 is a list of elements that differ in shape at byte 27; expected the shape \(shapes)"
            ),
        ])
    func shapeReasons(row: String, expected: String) {
        #expect(Self.error("{\"instances\":[\(row)]}")?.reason == expected)
    }

    @Test("every error tells its reason in one line", arguments: protocolErrors.indices)
    func reasons(index: Int) {
        let reason = Self.protocolErrors[index].1.reason
        #expect(reason.count > 10 && !reason.contains("\n"))
    }

    static let grammarErrors: [(String, JSONFault)] = [
        (#"{"instances":[[0,0,0,0,0,0]]} x"#, .trailingBytes),
        (#"{"instances":[[0,0,0,0,0,0]]}{}"#, .trailingBytes),
        (#"{"instances":[[0,0,0,0,0,0]],}"#, .unexpected(byte: UInt8(ascii: "}"))),
        (#"{"instances":[[0,0,0,0,0,0],]}"#, .unexpected(byte: UInt8(ascii: "]"))),
        (#"{"instances":[[0,0,0,0,0,0]"#, .endOfInput),
        (#"{"instances":[[0,0,0,0,0 0]]}"#, .unexpected(byte: UInt8(ascii: "0"))),
        (#"{"instances":[[01,0,0,0,0,0]]}"#, .badNumber),
        (#"{"instances":[[+1,0,0,0,0,0]]}"#, .unexpected(byte: UInt8(ascii: "+"))),
        (#"{"instances":[[.5,0,0,0,0,0]]}"#, .unexpected(byte: UInt8(ascii: "."))),
        (#"{"instances":[[1.,0,0,0,0,0]]}"#, .badNumber),
        (#"{"instances":[[1e,0,0,0,0,0]]}"#, .badNumber),
        (#"{"instances":[[-,0,0,0,0,0]]}"#, .badNumber),
        (#"{"instances":[[0x1,0,0,0,0,0]]}"#, .unexpected(byte: UInt8(ascii: "x"))),
        (#"{"a":1,"\u0061":2,"instances":[[0,0,0,0,0,0]]}"#, .duplicateKey("a")),
        (#"{"x":{"b":1,"b":1}}"#, .duplicateKey("b")),
        (#"{"instances":[{"a":[0,0,0,0,0,0],"a":1}]}"#, .duplicateKey("a")),
        (#"{"x":NaN}"#, .notFiniteLiteral),
        (#"{"x":nul}"#, .unexpected(byte: UInt8(ascii: "}"))),
        (#"{'x':1}"#, .unexpected(byte: UInt8(ascii: "'"))),
        (#"{"x":"\q"}"#, .badEscape),
        (#"{"x":"\ud800"}"#, .badEscape),
        (#"{"x":"\ud800\u0041"}"#, .badEscape),
        (#"{"x":"\udc00"}"#, .badEscape),
        (#"{"x":"\u00g0"}"#, .badEscape),
        ("{\"x\":\"a\nb\"}", .badString),
        ("{\"x\":\"a", .endOfInput),
        ("/**/{}", .unexpected(byte: UInt8(ascii: "/"))),
        ("\u{FEFF}{}", .unexpected(byte: 0xEF)),
    ]

    @Test("what is not RFC 8259's grammar is an error", arguments: grammarErrors.indices)
    func grammarError(index: Int) {
        let (body, expected) = Self.grammarErrors[index]
        guard case .notJSON(let fault, let offset) = Self.error(body) else {
            Issue.record("\(String(describing: Self.error(body)))")
            return
        }
        #expect(fault == expected)
        #expect((0...body.utf8.count).contains(offset))
        #expect(!fault.reason.isEmpty)
    }

    @Test(
        "bytes that are not UTF-8 are refused in names and in skipped text (RFC 3629 §3)",
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0x81], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xFF], [0xC3, 0x28],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        let head = Array(#"{"x":""#.utf8)
        for body in [head + bytes + Array(#""}"#.utf8), Array(#"{""#.utf8) + bytes + Array(#"":1}"#.utf8)] {
            #expect(throws: DecodeError.notJSON(.badUTF8, offset: body.firstIndex { $0 >= 0x80 } ?? 0)) {
                try QueryDecoder(.make()).decode(body)
            }
        }
    }

    @Test("text in every script passes where text may stand")
    func unicode() {
        #expect(Self.error(#"{"ключ":"\ud83d\ude00 é 漢 😀 \/\b","instances":[[0,0,0,0,0,0]]}"#) == nil)
    }

    @Test("depth, rows, keys and the length of numbers and names are bounded")
    func bounds() {
        let deep = #"{"x":"# + String(repeating: "[", count: 100_000)
        guard case .notJSON(.tooDeep, _) = Self.error(deep) else { return #expect(Bool(false), "depth") }
        let picture = #"{"instances":[[[[[[[["# + String(repeating: "[", count: 100_000)
        guard case .notJSON(.tooDeep, _) = Self.error(picture) else { return #expect(Bool(false), "picture") }
        let rows = [String](repeating: "[0,0,0,0,0,0]", count: 9).joined(separator: ",")
        #expect(Self.error("{\"instances\":[\(rows)]}") == .tooManyRows(most: 8, offset: 13 + 1 + 8 * 14))
        let keys = (0..<2000).map { "\"\($0)\":0" }.joined(separator: ",")
        guard case .notJSON(.tooManyKeys, _) = Self.error("{\(keys)}") else {
            return #expect(Bool(false), "keys")
        }
        let long = String(repeating: "k", count: 5000)
        guard case .notJSON(.keyTooLong, _) = Self.error("{\"\(long)\":0}") else {
            return #expect(Bool(false), "key")
        }
        let digits = "0." + String(repeating: "1", count: 2000)
        let number = Self.error("{\"instances\":[[\(digits),0,0,0,0,0]]}")
        guard case .notJSON(.numberTooLong, offset: 15) = number else {
            return #expect(Bool(false), "number")
        }
    }
}
