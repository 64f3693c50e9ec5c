import Foundation
import Testing

@testable import Query

@Suite("Query: answers that break the Open Inference Protocol")
struct OpenInferenceAnswerErrorTests {
    private typealias Answers = OpenInferenceAnswers

    /// Texts with `¦` before the byte that the error tells.
    static let faults: [(String, OutputFault)] = [
        (#"{"outputs":[¦1]}"#, .notAnObject),
        (#"{"outputs":[¦{"shape":[1,2],"datatype":"FP32","data":[1,0]}]}"#, .missing("name")),
        (#"{"outputs":[¦{"name":"p","datatype":"FP32","data":[1,0]}]}"#, .missing("shape")),
        (#"{"outputs":[¦{"name":"p","shape":[1,2],"data":[1,0]}]}"#, .missing("datatype")),
        (#"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"FP32"}]}"#, .noData),
        (#"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"FP32","parameters":{}}]}"#, .noData),
        (
            #"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"FP32","data":[1,0],"#
                + #""parameters":{"binary_data_size":8}}]}"#,
            .twoKindsOfData
        ),
        (#"{"outputs":[{"name":¦1}]}"#, .notText("name")),
        (#"{"outputs":[{"datatype":¦null}]}"#, .notText("datatype")),
        (#"{"outputs":[{"shape":¦2}]}"#, .notAShape), (#"{"outputs":[{"shape":¦[1,-2]}]}"#, .notAShape),
        (#"{"outputs":[{"shape":¦[1.0]}]}"#, .notAShape), (#"{"outputs":[{"shape":¦["1"]}]}"#, .notAShape),
        (#"{"outputs":[{"shape":¦[9223372036854775808]}]}"#, .notAShape),
        (#"{"outputs":[{"shape":¦[4294967296,4294967296]}]}"#, .tooLarge),
        (#"{"outputs":[{"parameters":¦[]}]}"#, .parametersNotAnObject),
        (#"{"outputs":[{"parameters":{"binary_data_size":¦-8}}]}"#, .notASize),
        (#"{"outputs":[{"parameters":{"binary_data_size":¦8e0}}]}"#, .notASize),
        (#"{"outputs":[{"parameters":{"binary_data_size":¦"8"}}]}"#, .notASize),
        (#"{"outputs":[{"parameters":{"binary_data_size":¦99999999999999999999}}]}"#, .notASize),
        (#"{"outputs":[{"data":¦0.5}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[1¦]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[¦]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[1,0¦,0]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[[1,0¦,0]]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[[1¦],[0]]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[[1,0]¦,[1,0]]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[2],"datatype":"FP32","data":[¦[1,0]]}]}"#, .otherData),
        (#"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[[¦[1,0]]]}]}"#, .otherData),
        (
            #"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"fp32","data":[1,0]}]}"#,
            .unknownDatatype("fp32")
        ),
        (
            #"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"INT64","data":[1,0]}]}"#,
            .datatypeOfOtherKind("INT64", kind: .probabilities)
        ),
        (
            #"{"outputs":[¦{"name":"p","shape":[1,2],"datatype":"BYTES","data":["1","0"]}]}"#,
            .datatypeOfOtherKind("BYTES", kind: .probabilities)
        ),
        (
            #"{"outputs":[¦{"name":"p","shape":[1,2,1],"datatype":"FP32","data":[1,0]}]}"#,
            .otherShape(found: [1, 2, 1], rows: 1, kind: .probabilities)
        ),
        (
            #"{"outputs":[¦{"name":"p","shape":[],"datatype":"FP32","data":[1]}]}"#,
            .otherShape(found: [], rows: 1, kind: .probabilities)
        ),
    ]

    @Test(
        "an output that is not what the protocol or the route says is told by its place",
        arguments: faults.indices)
    func fault(index: Int) throws {
        let (marked, fault) = Self.faults[index]
        let parts = marked.components(separatedBy: "¦")
        #expect(throws: AnswerError.output(fault, index: 0, offset: parts[0].utf8.count)) {
            try Answers.read(parts.joined())
        }
        #expect(!AnswerError.output(fault, index: 0, offset: 0).description.isEmpty)
    }

    @Test("of two outputs the second is checked like the first, and may not have its name")
    func second() {
        let first = #"{"outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[1,0]},"#
        #expect(throws: AnswerError.output(.missing("name"), index: 1, offset: first.utf8.count)) {
            try Answers.read(first + "{}]}", name: "p")
        }
        #expect(throws: AnswerError.output(.duplicateName, index: 1, offset: first.utf8.count)) {
            try Answers.read(
                first + #"{"name":"\u0070","shape":[1],"datatype":"FP32","data":[1]}]}"#, name: "p")
        }
    }

    static let errors: [(String, String?, AnswerError)] = [
        ("{}", nil, .noOutputs), ("[1]", nil, .noOutputs), (#"{"outputs":{}}"#, nil, .noOutputs),
        (#"{"outputs":[]}"#, nil, .noOutputs), (#"{"error":"x"}"#, nil, .noOutputs),
        (#"{"predictions":[[1,0]]}"#, nil, .noOutputs),
        ("", nil, .notJSON(.endOfInput, offset: 0)),
        (Answers.one("[2,2]", "FP32", data: "[1,0,1,0]"), nil, .rowCount(found: 2, expected: 1)),
        (Answers.one("[0,2]", "FP32", data: "[]"), nil, .rowCount(found: 0, expected: 1)),
        (Answers.one("[1,2]", "FP32", data: "[1,0]"), "q", .outputNameNeeded(names: ["p"])),
        (Answers.one("[1,1]", "FP32", data: "[1]"), nil, .tooFewClasses(found: 1)),
        (Answers.one("[0]", "FP32", data: "[]"), nil, .tooFewClasses(found: 0)),
        (
            Answers.one("[1,2]", "FP32", data: "[0.5,0.75]"), nil,
            .notProbabilities(row: 0, sum: 1.25)
        ),
        (Answers.one("[1,2]", "FP32", data: "[1.5,-0.5]"), nil, .notProbabilities(row: 0, sum: 1)),
        (Answers.one("[1,2]", "FP32", data: "[1,0]") + "x", nil, .notJSON(.trailingBytes, offset: 71)),
        (Answers.one("[1,2]", "FP32", data: "[1e39,0]"), nil, .notFinite(row: 0, offset: 64)),
        (Answers.one("[1,2]", "FP32", data: #"[1,"0"]"#), nil, .notARow(row: 0, offset: 66)),
        (Answers.one("[1,2]", "FP32", data: "[1,NaN]"), nil, .notJSON(.notFiniteLiteral, offset: 66)),
    ]

    @Test("an answer that is not what the route says is an error", arguments: errors.indices)
    func error(index: Int) {
        let (text, name, expected) = Self.errors[index]
        #expect(throws: expected) { try Answers.read(text, name: name) }
        #expect(!expected.description.isEmpty)
    }

    @Test("several outputs need a name, whatever they hold")
    func nameNeeded() {
        let text =
            #"{"outputs":[{"name":"i","shape":[1],"datatype":"INT64","data":[1]},"#
            + #"{"name":"p","shape":[1,2],"datatype":"FP32","data":[1,0]}]}"#
        #expect(throws: AnswerError.outputNameNeeded(names: ["i", "p"])) { try Answers.read(text) }
    }

    @Test("the model's number of classes is checked against the shape")
    func classes() {
        #expect(throws: AnswerError.classCount(row: 0, found: 2, expected: 3)) {
            try Answers.read(Answers.one("[1,2]", "FP32", data: "[1,0]"), classes: 3)
        }
    }

    @Test(
        "what is neither is an error, never a label or a top class",
        arguments: [
            (Answers.one("[1]", "FP32", data: "[1.5]"), AnswerKind.labels),
            (Answers.one("[1]", "INT64", data: "[-1]"), .labels),
            (Answers.one("[1]", "INT64", data: "[16777217]"), .labels),
            (Answers.one("[1,2]", "INT64", data: "[1,2]"), .labels),
            (Answers.one("[1,0]", "INT64", data: "[]"), .labels),
            (Answers.one("[2]", "INT64", data: "[1,2]"), .labels),
            (Answers.one("[1]", "INT64", data: #"["cat"]"#), .labels),
            (Answers.one("[1]", "BYTES", data: "[1]"), .labels),
            (Answers.one("[1]", "BOOL", data: "[true]"), .labels),
            (Answers.one("[1]", "INT64", data: "[null]"), .labels),
            (Answers.one("[1,0]", "FP32", data: "[]"), .topK),
            (Answers.one("[1,2]", "FP32", data: "[0.7,0.6]"), .topK),
            (Answers.one("[1,2]", "FP32", data: "[-0.1,0.6]"), .topK),
            (Answers.one("[1,1]", "INT64", data: "[1]"), .topK),
            (Answers.one("[1]", "BYTES", data: #"["0.9:3:cat"]"#), .topK),
        ])
    func refused(text: String, kind: AnswerKind) {
        #expect(throws: AnswerError.self) { try Answers.read(text, kind, classes: 10) }
    }

    // MARK: Raw tensors

    static let oneHot = Answers.littleEndian([1, 0].map { Float($0).bitPattern })

    /// Reads one raw output with `bytes` behind the JSON.
    private func readRaw(
        _ shape: String, _ datatype: String, _ size: String, _ bytes: [UInt8],
        _ kind: AnswerKind = .probabilities
    ) throws -> (Answer, json: Int) {
        let json = Array(#"{"outputs":[\#(Answers.raw("p", shape, datatype, size))]}"#.utf8)
        return (try Answers.read(json + bytes, jsonBytes: json.count, kind), json.count)
    }

    @Test("sizes have to fit the shape, the datatype and the body")
    func sizes() throws {
        #expect(try readRaw("[1,2]", "FP32", "8", Self.oneHot).0.row(0) == [1, 0])
        let json = #"{"outputs":[\#(Answers.raw("p", "[1,2]", "FP32", "8"))]}"#.utf8.count
        #expect(throws: AnswerError.rawBytes(found: 9)) {
            try readRaw("[1,2]", "FP32", "8", Self.oneHot + [0])
        }
        #expect(throws: AnswerError.rawBytes(found: 7)) {
            try readRaw("[1,2]", "FP32", "8", Self.oneHot.dropLast())
        }
        #expect(throws: AnswerError.output(.otherSize(found: 8, expected: 16), index: 0, offset: json)) {
            try readRaw("[1,2]", "FP64", "8", Self.oneHot)
        }
        #expect(throws: AnswerError.rawBytes(found: 8)) {
            try readRaw("[1,2]", "FP32", "9223372036854775807", Self.oneHot)
        }
        #expect(throws: AnswerError.output(.tooLarge, index: 0, offset: 12)) {
            try readRaw("[1,4611686018427387904]", "FP32", "8", Self.oneHot)
        }
    }

    @Test("a value that is no finite number is refused by its place", arguments: ["FP16", "FP32", "FP64"])
    func notFinite(datatype: String) throws {
        let bytes: [[UInt8]] =
            switch datatype {
            case "FP16": [Float16.nan, .infinity].map { Answers.littleEndian([0, $0.bitPattern]) }
            case "FP32": [Float.nan, -.infinity].map { Answers.littleEndian([0, $0.bitPattern]) }
            default: [Double.nan, .infinity, 1e300].map { Answers.littleEndian([0, $0.bitPattern]) }
            }
        for bytes in bytes {
            let json = #"{"outputs":[\#(Answers.raw("p", "[1,2]", datatype, "\(bytes.count)"))]}"#.utf8.count
            #expect(throws: AnswerError.notFinite(row: 0, offset: json + bytes.count / 2)) {
                try readRaw("[1,2]", datatype, "\(bytes.count)", bytes, .logits)
            }
        }
    }

    @Test(
        "raw texts whose lengths are not those of the tensor are refused",
        arguments: [
            [1, 0, 0], [4, 0, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0],
        ] as [[UInt8]])
    func texts(bytes: [UInt8]) {
        #expect(throws: AnswerError.self) {
            try readRaw("[1]", "BYTES", "\(bytes.count)", bytes, .labels)
        }
    }

    @Test("the length of the JSON has to be within the body", arguments: [-1, 0, Int.min, Int.max])
    func jsonLength(jsonBytes: Int) {
        let body = Array(Answers.one("[1,2]", "FP32", data: "[1,0,0]").utf8) + [0]
        #expect(throws: AnswerError.jsonLength(jsonBytes, bodyBytes: body.count)) {
            try Answers.read(body, jsonBytes: jsonBytes)
        }
        #expect(throws: AnswerError.jsonLength(body.count + 1, bodyBytes: body.count)) {
            try Answers.read(body, jsonBytes: body.count + 1)
        }
        #expect(throws: AnswerError.jsonLength(0, bodyBytes: 0)) { try Answers.read([], jsonBytes: 0) }
    }

    @Test("raw bytes without the header that tells the length of the JSON are no JSON")
    func noHeader() {
        let json = Array(#"{"outputs":[\#(Answers.raw("p", "[1,2]", "FP32", "8"))]}"#.utf8)
        #expect(throws: AnswerError.notJSON(.trailingBytes, offset: json.count)) {
            try Answers.read(json + Self.oneHot)
        }
        #expect(throws: AnswerError.rawBytes(found: 0)) { try Answers.read(json) }
    }
}
