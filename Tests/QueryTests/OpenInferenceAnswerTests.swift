import Foundation
import Testing

@testable import Query

/// Reads answers written out in a test.
enum OpenInferenceAnswers {
    static func read(
        _ body: [UInt8], rows: Int = 1, jsonBytes: Int? = nil, _ kind: AnswerKind = .probabilities,
        name: String? = nil, classes: Int? = nil
    ) throws -> Answer {
        let format = AnswerFormat(
            wireProtocol: .openInference, outputName: name, kind: kind, classes: classes)
        return try AnswerReader(format).read(body, rows: rows, jsonBytes: jsonBytes)
    }

    static func read(
        _ text: String, rows: Int = 1, _ kind: AnswerKind = .probabilities, name: String? = nil,
        classes: Int? = nil
    ) throws -> Answer {
        try read(Array(text.utf8), rows: rows, kind, name: name, classes: classes)
    }

    /// An answer with one output.
    static func one(_ shape: String, _ datatype: String, data: String) -> String {
        #"{"outputs":[{"name":"p","shape":"# + shape + #","datatype":""# + datatype + #"","data":"# + data
            + "}]}"
    }

    /// An output whose values are raw.
    static func raw(_ name: String, _ shape: String, _ datatype: String, _ size: String) -> String {
        #"{"name":""# + name + #"","shape":"# + shape + #","datatype":""# + datatype
            + #"","parameters":{"binary_data_size":"# + size + "}}"
    }

    static func littleEndian(_ values: [some FixedWidthInteger]) -> [UInt8] {
        values.flatMap { value in
            (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
    }
}

@Suite("Query: reading answers of the Open Inference Protocol")
struct OpenInferenceAnswerTests {
    private typealias Answers = OpenInferenceAnswers

    @Test(
        "the class values are found in every spelling of JSON",
        arguments: [
            (Answers.one("[1,2]", "FP32", data: "[0.25,0.75]"), nil),
            (Answers.one("[1,2]", "FP64", data: "[[0.25,0.75]]"), nil),
            (Answers.one("[2]", "FP16", data: "[ 0.25 , 0.75 ]"), nil),
            (
                #"{"outputs":[{"data":[0.25,0.75],"datatype":"FP32","x":{},"shape":[1,2],"name":"p"}],"id":"1"}"#,
                "p"
            ),
            (
                #"{"model_name":"m","model_version":"1","parameters":{},"outputs":["#
                    + #"{"name":"a","shape":[0],"datatype":"WHAT","data":[{}]},"#
                    + #"{"name":"é","shape":[1,2],"datatype":"FP32","parameters":null,"data":[0.25,0.75]}]}"#,
                "é"
            ),
        ] as [(String, String?)])
    func forms(text: String, name: String?) throws {
        let answer = try Answers.read(text, name: name)
        #expect(answer.rows == 1 && answer.classes == 2 && answer.probabilities == [0.25, 0.75])
        #expect(answer.rewritten(rows: [:]) == WireBody(bytes: Array(text.utf8)))
    }

    @Test("rows of several are told apart, flat and nested")
    func rows() throws {
        for data in ["[0.25,0.75,1,0]", "[[0.25,0.75],[1,0]]"] {
            let answer = try Answers.read(Answers.one("[2,2]", "FP32", data: data), rows: 2, classes: 2)
            #expect(answer.row(0) == [0.25, 0.75] && answer.row(1) == [1, 0])
        }
    }

    @Test("raw tensors of every type of floats are read, at their place among others")
    func raw() throws {
        let half = Answers.littleEndian([0.25, 0.75].map { Float16($0).bitPattern })
        let single = Answers.littleEndian([0.5, 0.5].map { Float($0).bitPattern })
        let double = Answers.littleEndian([1, 0].map { Double($0).bitPattern })
        let text = [
            Answers.raw("h", "[1,2]", "FP16", "4"), Answers.raw("none", "[0,2]", "BF16", "0"),
            #"{"name":"t","shape":[1],"datatype":"INT8","data":[1]}"#, Answers.raw("f", "[1,2]", "FP32", "8"),
            Answers.raw("s", "[2]", "BYTES", "9"), Answers.raw("b", "[3]", "BOOL", "3"),
            Answers.raw("?", "[1]", "FP8", "1"), Answers.raw("d", "[1,2]", "FP64", "16"),
        ].joined(separator: ", ")
        let json = Array(#"{"outputs":[\#(text)]} "#.utf8)
        let bytes: [UInt8] = [1, 0, 0, 0, 0x61, 0, 0, 0, 0, 1, 0, 1, 9]
        let body = json + half + single + bytes + double
        let wanted: [(String, [Float])] = [("h", [0.25, 0.75]), ("f", [0.5, 0.5]), ("d", [1, 0])]
        for (name, values) in wanted {
            let answer = try Answers.read(body, jsonBytes: json.count, name: name)
            #expect(answer.probabilities == values)
            #expect(answer.rewritten(rows: [:]) == WireBody(bytes: body, jsonBytes: json.count))
        }
    }

    @Test("an answer that is JSON alone may say so")
    func wholeJSON() throws {
        let body = Array(Answers.one("[1,2]", "FP32", data: "[0.25,0.75]").utf8)
        #expect(try Answers.read(body, jsonBytes: body.count).probabilities == [0.25, 0.75])
    }

    @Test(
        "logits and log-probabilities become probabilities, raw and in JSON",
        arguments: [AnswerKind.logits, .logProbabilities])
    func logarithms(kind: AnswerKind) throws {
        let values = [0.25, 0.75].map { Float(log($0)) + (kind == .logits ? 5 : 0) }
        let json = Array(#"{"outputs":[\#(Answers.raw("p", "[1,2]", "FP32", "8"))]}"#.utf8)
        let body = json + Answers.littleEndian(values.map(\.bitPattern))
        let text = Answers.one("[1,2]", "FP32", data: "\(values)")
        for answer in [
            try Answers.read(body, jsonBytes: json.count, kind), try Answers.read(text, kind),
        ] {
            #expect(abs(answer.row(0)[0] - 0.25) < 1e-6 && abs(answer.row(0)[1] - 0.75) < 1e-6)
        }
    }

    @Test("of the top classes the largest probability is kept")
    func topClasses() throws {
        let text = Answers.one("[2,2]", "FP32", data: "[0.25,0.5,0.125,0.0]")
        #expect(try Answers.read(text, rows: 2, .topK).summary == .confidences([0.5, 0.125]))
        let one = Answers.one("[3]", "FP32", data: "[0.25,0.5,0.125]")
        #expect(try Answers.read(one, .topK, classes: 10).summary == .confidences([0.5]))
    }

    @Test(
        "labels are numbers of every type, or names",
        arguments: [
            (Answers.one("[2]", "INT64", data: "[3,7]"), [3, 7]),
            (Answers.one("[2,1]", "UINT8", data: "[3,7]"), [3, 7]),
            (Answers.one("[2,1]", "FP32", data: "[[3.0],[7]]"), [3, 7]),
            (Answers.one("[2]", "BYTES", data: #"["cat","7"]"#), [nil, nil]),
        ] as [(String, [Int?])])
    func labels(text: String, wanted: [Int?]) throws {
        let answer = try Answers.read(text, rows: 2, .labels, classes: 10)
        #expect(answer.summary == .labels(wanted))
        #expect(answer.classes == 0 && answer.probabilities.isEmpty)
    }

    static let integers: [(String, [UInt8])] = [
        ("INT8", Answers.littleEndian([3, 100] as [Int8])),
        ("INT16", Answers.littleEndian([3, 100] as [Int16])),
        ("INT32", Answers.littleEndian([3, 100] as [Int32])),
        ("INT64", Answers.littleEndian([3, 100] as [Int64])),
        ("UINT8", Answers.littleEndian([3, 100] as [UInt8])),
        ("UINT16", Answers.littleEndian([3, 100] as [UInt16])),
        ("UINT32", Answers.littleEndian([3, 100] as [UInt32])),
        ("UINT64", Answers.littleEndian([3, 100] as [UInt64])),
        ("FP16", Answers.littleEndian([3, 100].map { Float16($0).bitPattern })),
        ("FP32", Answers.littleEndian([3, 100].map { Float($0).bitPattern })),
        ("FP64", Answers.littleEndian([3, 100].map { Double($0).bitPattern })),
    ]

    @Test("raw labels are read in every type", arguments: integers.indices)
    func rawLabels(index: Int) throws {
        let (datatype, bytes) = Self.integers[index]
        let json = Array(
            #"{"outputs":[\#(Answers.raw("p", "[2,1]", datatype, "\(bytes.count)"))]}"#.utf8)
        let answer = try Answers.read(json + bytes, rows: 2, jsonBytes: json.count, .labels)
        #expect(answer.summary == .labels([3, 100]))
    }

    @Test("raw names are labels without a number, and a negative number is no label")
    func rawNames() throws {
        let json = Array(#"{"outputs":[\#(Answers.raw("p", "[2]", "BYTES", "11"))]}"#.utf8)
        let names: [UInt8] = [3, 0, 0, 0, 0x63, 0x61, 0x74, 0, 0, 0, 0]
        let answer = try Answers.read(json + names, rows: 2, jsonBytes: json.count, .labels)
        #expect(answer.summary == .labels([nil, nil]))
        let number = Array(#"{"outputs":[\#(Answers.raw("p", "[1]", "INT8", "1"))]}"#.utf8)
        #expect(throws: AnswerError.notARow(row: 0, offset: number.count)) {
            try Answers.read(number + [0xFF], jsonBytes: number.count, .labels)
        }
    }
}
