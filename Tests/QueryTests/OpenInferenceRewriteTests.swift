import Foundation
import Testing

@testable import Query

@Suite("Query: rewriting answers of the Open Inference Protocol")
struct OpenInferenceRewriteTests {
    private typealias Answers = OpenInferenceAnswers

    static let texts = [
        // Nothing stands beside the values.
        (
            "{ \"outputs\" :[ {\"name\":\"p\", \"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[0.9, 1e-1 ,0.50,0.5]}\n] }\n",
            "{ \"outputs\" :[ {\"name\":\"p\", \"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[0.2, 0.8 ,0.50,0.5]}\n] }\n"
        ),
        // Other outputs, before and behind.
        (
            #"{"outputs":[{"name":"l","shape":[1],"datatype":"FP32","data":[9]} , {"name":"p","shape":[2,2],"#
                + #""datatype":"FP32","data":[[0.9,0.1],[0.5,0.5]]},{"name":"c","shape":[],"datatype":"X","data":[0]}]}"#,
            #"{"outputs":[{"name":"p","shape":[2,2],"datatype":"FP32","data":[[0.2,0.8],[0.5,0.5]]}]}"#
        ),
        // Members of the answer; those of the protocol stay.
        (
            #"{"parameters":{"a":[1]},"model_name":"m", "model_version":"1","x":0.9,"id":"7", "outputs":["#
                + #"{"name":"p","shape":[2,2],"datatype":"FP32","data":[0.9,0.1,0.5,0.5]}],"time":3}"#,
            #"{"model_name":"m", "model_version":"1","id":"7", "outputs":["#
                + #"{"name":"p","shape":[2,2],"datatype":"FP32","data":[0.2,0.8,0.5,0.5]}]}"#
        ),
        // Members of the output and its parameters, in another order.
        (
            #"{"outputs":[{ "top":[0.9],"data":[0.9,0.1,0.5,0.5],"parameters":{"max":0.9,"content_type":"np","y":1},"#
                + #""z":{},"datatype":"FP32","shape":[2,2],"name":"p"}],"model_name":"m"}"#,
            #"{"outputs":[{"data":[0.2,0.8,0.5,0.5],"parameters":{"content_type":"np"},"#
                + #""datatype":"FP32","shape":[2,2],"name":"p"}],"model_name":"m"}"#
        ),
        (
            #"{"outputs":[{"name":"p","parameters":{ "max":0.9 },"shape":[2,2],"datatype":"FP32","data":[0.9,0.1,0.5,0.5]}]}"#,
            #"{"outputs":[{"name":"p","parameters":{},"shape":[2,2],"datatype":"FP32","data":[0.2,0.8,0.5,0.5]}]}"#
        ),
        (
            #"{"outputs":[{"name":"p","parameters":null,"shape":[2,2],"datatype":"FP32","data":[0.9,0.1,0.5,0.5]}]}"#,
            #"{"outputs":[{"name":"p","parameters":null,"shape":[2,2],"datatype":"FP32","data":[0.2,0.8,0.5,0.5]}]}"#
        ),
    ]

    @Test(
        "numbers change where they stand, and what stands beside them is left out", arguments: texts.indices)
    func text(index: Int) throws {
        let (text, expected) = Self.texts[index]
        for jsonBytes in [nil, text.utf8.count] {
            let answer = try Answers.read(Array(text.utf8), rows: 2, jsonBytes: jsonBytes, name: "p")
            #expect(answer.rewritten(rows: [:]) == WireBody(bytes: Array(text.utf8), jsonBytes: jsonBytes))
            let changed = answer.rewritten(rows: [0: [0.2, 0.8]])
            #expect(String(decoding: changed.bytes, as: UTF8.self) == expected)
            #expect(changed.jsonBytes == jsonBytes.map { _ in expected.utf8.count })
        }
    }

    /// An answer of a raw output between two others, and its parts.
    private func rawAnswer(_ datatype: TensorDatatype, _ values: [UInt8]) -> (body: WireBody, kept: String) {
        let ours =
            #"{"name":"p","shape":[2,2],"datatype":"\#(datatype.rawValue)","parameters":"#
            + #"{"binary_data_size":\#(values.count)}}"#
        let others = [
            Answers.raw("l", "[2]", "INT16", "4"), ours, Answers.raw("c", "[1]", "BYTES", "6"),
        ]
        let json = Array(#"{"outputs":[\#(others.joined(separator: ","))],"time":1}"#.utf8)
        let bytes = json + [1, 2, 3, 4] + values + [2, 0, 0, 0, 0x68, 0x69]
        return (WireBody(bytes: bytes, jsonBytes: json.count), #"{"outputs":[\#(ours)]}"#)
    }

    @Test("raw numbers change in their type, and the raw bytes of other outputs are left out")
    func raw() throws {
        let old = [0.75, 0.25, 0.5, 0.5]
        let new = [0.75, 0.25, 0.125, 0.875]
        let tensors: [(TensorDatatype, ([Double]) -> [UInt8])] = [
            (.float16, { Answers.littleEndian($0.map { Float16($0).bitPattern }) }),
            (.float32, { Answers.littleEndian($0.map { Float($0).bitPattern }) }),
            (.float64, { Answers.littleEndian($0.map(\.bitPattern)) }),
        ]
        for (datatype, encode) in tensors {
            let (body, kept) = rawAnswer(datatype, encode(old))
            let answer = try Answers.read(body.bytes, rows: 2, jsonBytes: body.jsonBytes, name: "p")
            #expect(answer.rewritten(rows: [:]) == body)
            let changed = answer.rewritten(rows: [1: [0.125, 0.875]])
            #expect(changed == WireBody(bytes: Array(kept.utf8) + encode(new), jsonBytes: kept.utf8.count))
        }
    }

    @Test("where only others are raw, no raw bytes are left and the JSON is all there is")
    func othersRaw() throws {
        let ours = #"{"name":"p","shape":[2],"datatype":"FP32","data":[0.9,0.1]}"#
        let json = Array(#"{"outputs":[\#(ours),\#(Answers.raw("l", "[2]", "INT8", "2"))]}"#.utf8)
        let answer = try Answers.read(json + [1, 2], jsonBytes: json.count, name: "p")
        let changed = answer.rewritten(rows: [0: [0.2, 0.8]])
        let expected = #"{"outputs":[{"name":"p","shape":[2],"datatype":"FP32","data":[0.2,0.8]}]}"#
        #expect(changed == WireBody(bytes: Array(expected.utf8), jsonBytes: expected.utf8.count))
    }

    @Test("raw logits at the end of their type's range stay finite")
    func extremes() throws {
        let most = Float16.greatestFiniteMagnitude
        for values in [[most, most], [-most, -most]] {
            let json = Array(#"{"outputs":[\#(Answers.raw("p", "[1,2]", "FP16", "4"))]}"#.utf8)
            let body = json + Answers.littleEndian(values.map(\.bitPattern))
            let answer = try Answers.read(body, jsonBytes: json.count, .logits)
            let changed = answer.rewritten(rows: [0: [1, 0]])
            #expect(throws: Never.self) {
                try Answers.read(changed.bytes, jsonBytes: changed.jsonBytes, .logits)
            }
        }
    }
}

@Suite("Query: making answers of the Open Inference Protocol")
struct OpenInferenceEncoderTests {
    static let values: [Float] = [0.1, 0.2, 0.7, 1e-9, 0.999_999, 1e-6]
    static let model = "a \"\\\n\u{1F}é"

    @Test("what the reader finds in an answer is what was encoded, in JSON and raw")
    func roundTrip() throws {
        let json = AnswerEncoder.openInference(Self.values, classes: 3, model: Self.model)
        let raw = AnswerEncoder.openInferenceBinary(Self.values, classes: 3, model: Self.model)
        for body in [WireBody(bytes: json), raw] {
            let answer = try OpenInferenceAnswers.read(
                body.bytes, rows: 2, jsonBytes: body.jsonBytes, name: "probabilities", classes: 3)
            #expect(answer.probabilities == Self.values)
            let text = Data(body.bytes.prefix(body.jsonBytes ?? body.bytes.count))
            let tree = try JSONSerialization.jsonObject(with: text) as? [String: Any]
            #expect(tree?["model_name"] as? String == Self.model)
        }
        let expected =
            #"{"model_name":"m","outputs":[{"name":"\"p","shape":[1,2],"datatype":"FP32","data":[0.25,0.75]}]}"#
        let text = AnswerEncoder.openInference([0.25, 0.75], classes: 2, name: "\"p", model: "m")
        #expect(String(decoding: text, as: UTF8.self) == expected)
    }

    @Test("a value that is no number is one in neither spelling")
    func notFinite() {
        let text = AnswerEncoder.openInference([0.5, .nan], classes: 2, model: "m")
        #expect(throws: AnswerError.self) { try OpenInferenceAnswers.read(text, .logits) }
        let raw = AnswerEncoder.openInferenceBinary([0.5, .nan], classes: 2, model: "m")
        let place = (raw.jsonBytes ?? 0) + 4
        #expect(throws: AnswerError.notFinite(row: 0, offset: place)) {
            try OpenInferenceAnswers.read(raw.bytes, jsonBytes: raw.jsonBytes, .logits)
        }
    }
}
