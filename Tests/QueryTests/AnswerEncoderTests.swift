import Tensor
import Testing

@testable import Query

@Suite("Query: making answers")
struct AnswerEncoderTests {
    @Test(
        "what the reader finds in an answer is what was encoded, in both forms",
        arguments: QueryEncoder.Form.allCases)
    func roundTrip(form: QueryEncoder.Form) throws {
        let values: [Float] = [0.1, 0.2, 0.7, 1e-9, 0.999_999, 1e-6]
        let body = AnswerEncoder.tensorFlowServing(values, classes: 3, form: form)
        let answer = try AnswerReader(AnswerFormat(classes: 3)).read(body, rows: 2)
        #expect(answer.probabilities == values)
        let key = form == .rows ? #"{"predictions":[["# : #"{"outputs":[["#
        #expect(String(decoding: body, as: UTF8.self).hasPrefix(key))
    }

    @Test(
        "a value that is no number is spelt as TensorFlow Serving spells it, and no reader takes it for one",
        arguments: [(Float.nan, "NaN"), (.infinity, "Infinity"), (-.infinity, "-Infinity")])
    func notFinite(value: Float, word: String) {
        let body = AnswerEncoder.tensorFlowServing([0.5, value], classes: 2)
        #expect(String(decoding: body, as: UTF8.self) == #"{"predictions":[[0.5,"# + word + "]]}")
        #expect(throws: AnswerError.notFinite(row: 0, offset: 21)) {
            try AnswerReader(AnswerFormat(kind: .logits)).read(body, rows: 1)
        }
    }

    static let format = QueryFormat(
        layout: .hwc, range: ValueRange(low: 0, high: 1), shape: ImageShape(channels: 1, height: 1, width: 2))

    @Test(
        "the form of a query is that of its tensor, whatever stands before it",
        arguments: [
            (#"{"instances":[[0,1]]}"#, QueryEncoder.Form.rows),
            (#"{"inputs":[[0,1]]}"#, .columns),
            (#"{"signature_name":"serving_default","inputs":[[0,1]]}"#, .columns),
            (#"{"signature_name":"","z":"inputs","instances":[[0,1]]}"#, .rows),
            (#"{"x":{"inputs":1},"instances":[[0,1]],"y":"inputs"}"#, .rows),
            (#"{"\u0069nputs":{"picture":[[0,1]]}}"#, .columns),
        ])
    func form(text: String, expected: QueryEncoder.Form) throws {
        #expect(try QueryDecoder(Self.format).decode(Array(text.utf8)).form == expected)
    }

    @Test("the form is no part of a query: both have one digest")
    func digest() throws {
        let decoder = QueryDecoder(Self.format)
        let rows = try decoder.decode(Array(#"{"instances":[[0,1]]}"#.utf8))
        let columns = try decoder.decode(Array(#"{"inputs":[[0,1]]}"#.utf8))
        #expect(rows.digest == columns.digest && rows.digests == columns.digests && rows.form != columns.form)
    }
}
