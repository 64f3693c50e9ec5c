import Foundation
import Testing

@testable import Query

@Suite("Query: reading and rewriting answers")
struct AnswerTests {
    static func read(_ text: String, rows: Int = 1, _ format: AnswerFormat = AnswerFormat()) throws -> Answer
    {
        try AnswerReader(format).read(Array(text.utf8), rows: rows)
    }

    @Test(
        "the class values are found in every form",
        arguments: [
            (#"{"predictions":[[0.25,0.75]]}"#, nil),
            ("{\n    \"predictions\": [[0.25, 0.75\n    ]\n    ]\n}", nil),
            (#"{"predictions":[{"probs":[0.25,0.75]}]}"#, nil),
            (#"{"predictions":[{"label":"cat","probs":[0.25,0.75],"n":[[1]]}]}"#, "probs"),
            (#"{"outputs":[[0.25,0.75]]}"#, nil),
            (#"{"outputs":{"probs":[[0.25,0.75]]}}"#, nil),
            (#"{"model":{"v":1},"outputs":{"x":[1],"probs":[[0.25,0.75]]}}"#, "probs"),
        ] as [(String, String?)])
    func forms(text: String, name: String?) throws {
        let answer = try Self.read(text, AnswerFormat(outputName: name))
        #expect(answer.rows == 1 && answer.classes == 2)
        #expect(answer.probabilities == [0.25, 0.75])
    }

    static let errors: [(String, AnswerFormat, AnswerError)] = [
        (#"{"error":"x"}"#, AnswerFormat(), .noPredictions),
        (#"[1]"#, AnswerFormat(), .noPredictions),
        (#"{"predictions":[[0.5,0.5]],"outputs":[[0.5,0.5]]}"#, AnswerFormat(), .noPredictions),
        (#"{"predictions":[[0.5,0.5],[0.5,0.5]]}"#, AnswerFormat(), .rowCount(found: 2, expected: 1)),
        (#"{"predictions":[]}"#, AnswerFormat(), .rowCount(found: 0, expected: 1)),
        (
            #"{"predictions":[[0.5,0.5]]}"#, AnswerFormat(classes: 3),
            .classCount(row: 0, found: 2, expected: 3)
        ),
        (#"{"predictions":[[1]]}"#, AnswerFormat(), .tooFewClasses(found: 1)),
        (#"{"predictions":[0.5]}"#, AnswerFormat(), .notARow(row: 0, offset: 16)),
        (#"{"predictions":[[[0.5,0.5]]]}"#, AnswerFormat(), .notARow(row: 0, offset: 17)),
        (#"{"predictions":[[NaN,0.5]]}"#, AnswerFormat(), .notFinite(row: 0, offset: 17)),
        (#"{"predictions":[[0,-Infinity]]}"#, AnswerFormat(kind: .logits), .notFinite(row: 0, offset: 19)),
        (#"{"predictions":[[0.5,0.6]]}"#, AnswerFormat(), .notProbabilities(row: 0, sum: 1.100000023841858)),
        (#"{"predictions":[[1.5,-0.5]]}"#, AnswerFormat(), .notProbabilities(row: 0, sum: 1)),
        (#"{"outputs":{"a":[[1,0]],"b":[[0,1]]}}"#, AnswerFormat(), .outputNameNeeded(names: ["a", "b"])),
        (#"{"outputs":{"a":[[1,0]]}}"#, AnswerFormat(outputName: "c"), .outputNameNeeded(names: ["a"])),
        (#"{"predictions":[[0.5,0.5]]}x"#, AnswerFormat(), .notJSON(.trailingBytes, offset: 27)),
    ]

    @Test("an answer that is not what the route says is an error", arguments: errors.indices)
    func error(index: Int) {
        let (text, format, expected) = Self.errors[index]
        #expect(throws: expected) { try Self.read(text, format) }
        #expect(!expected.description.isEmpty)
    }

    @Test("what has to be said otherwise is named as the caller has it, and plainly where it has no name")
    func advice() {
        let several = AnswerError.outputNameNeeded(names: ["a", "b"])
        let settings = AnswerError.Settings(output: "x.name", kind: "x.kind")
        #expect(
            several.description(naming: settings)
                == #"x.name has to name one of the answer's outputs: "a", "b""#)
        #expect(several.description == #"one of the answer's outputs has to be named: "a", "b""#)
        #expect(AnswerError.outputNameNeeded(names: []).description == "the answer has no output")
        let sum = AnswerError.notProbabilities(row: 3, sum: 1.5)
        #expect(sum.description(naming: settings).hasSuffix(": not what x.kind says"))
        #expect(sum.description.hasSuffix(": no probabilities"))
    }

    @Test("rows of different lengths are refused")
    func ragged() {
        #expect(throws: AnswerError.classCount(row: 1, found: 3, expected: 2)) {
            try Self.read(#"{"predictions":[[0.5,0.5],[0.2,0.3,0.5]]}"#, rows: 2)
        }
    }

    @Test("rewriting changes the numbers of the rows it is given, and leaves out what stands beside them")
    func rewriting() throws {
        let text =
            "{ \"x\": 1.50,\n \"predictions\" :[ [ 1e-1,0.90 ] ,[0.5 , 0.5],[0.25,7.5e-1]], \"z\":[0.90]}\n"
        let answer = try Self.read(text, rows: 3)
        #expect(answer.rewritten(rows: [:]).bytes == Array(text.utf8))
        let changed = answer.rewritten(rows: [0: [0.2, 0.8], 2: [1, 0]]).bytes
        let expected = "{\"predictions\" :[ [ 0.2,0.8 ] ,[0.5 , 0.5],[1.0,0.0]]}\n"
        #expect(String(decoding: changed, as: UTF8.self) == expected)
        #expect(try AnswerReader(AnswerFormat()).read(changed, rows: 3).row(0) == [0.2, 0.8])
    }

    @Test(
        "other outputs of a changed row are left out, wherever they stand; those of other rows stay",
        arguments: [
            (
                #"{"predictions":[{"l":[9,1],"p":[0.9,0.1],"c":0},{ "p":[0.5,0.5] , "l":[1,1]}]}"#,
                #"{"predictions":[{"p":[0.2,0.8]},{ "p":[0.5,0.5] , "l":[1,1]}]}"#
            ),
            (
                #"{"predictions":[{ "p" : [0.9,0.1]  ,"l":[9,1]},{"l":[1,1], "p":[0.5,0.5]}]}"#,
                #"{"predictions":[{"p" : [0.2,0.8]},{"l":[1,1], "p":[0.5,0.5]}]}"#
            ),
            (
                #"{"predictions":[{"p":[0.9,0.1]},{"l":[1,1],"p":[0.5,0.5]}]}"#,
                #"{"predictions":[{"p":[0.2,0.8]},{"l":[1,1],"p":[0.5,0.5]}]}"#
            ),
            (
                #"{"outputs":{"l":[[9,1],[1,1]], "p":[[0.9,0.1],[0.5,0.5]], "c":[0,0]}, "m":"x"}"#,
                #"{"outputs":{"p":[[0.2,0.8],[0.5,0.5]]}}"#
            ),
        ])
    func besides(text: String, expected: String) throws {
        let format = AnswerFormat(outputName: "p")
        let answer = try Self.read(text, rows: 2, format)
        #expect(answer.rewritten(rows: [:]).bytes == Array(text.utf8))
        let changed = answer.rewritten(rows: [0: [0.2, 0.8]]).bytes
        #expect(String(decoding: changed, as: UTF8.self) == expected)
        #expect(try AnswerReader(format).read(changed, rows: 2).row(1) == [0.5, 0.5])
    }

    @Test(
        "logits and log-probabilities become probabilities and go back in their own kind",
        arguments: [AnswerKind.logits, .logProbabilities])
    func logarithms(kind: AnswerKind) throws {
        let probabilities: [Double] = [0.1, 0.2, 0.7]
        let shift = kind == .logits ? 3.5 : 0
        let logs = probabilities.map { log($0) + shift }
        let answer = try Self.read(
            "{\"predictions\":[[\(logs[0]),\(logs[1]),\(logs[2])]]}", AnswerFormat(kind: kind))
        for (found, expected) in zip(answer.row(0), probabilities) {
            #expect(abs(Double(found) - expected) < 1e-6)
        }

        let wanted: [Float] = [0.3, 0, 0.7]
        let rewritten = try AnswerReader(AnswerFormat(kind: kind)).read(
            answer.rewritten(rows: [0: wanted]).bytes, rows: 1)
        for (found, expected) in zip(rewritten.row(0), wanted) { #expect(abs(found - expected) < 1e-6) }
        let normaliser = log(rewritten.values.reduce(0) { $0 + exp(Double($1)) })
        #expect(abs(normaliser - shift) < 1e-5, "the row keeps its logsumexp")
    }

    @Test("logits of any size neither overflow nor lose their sum")
    func extremeLogits() throws {
        let answer = try Self.read(#"{"predictions":[[1e30,0,-1e30]]}"#, AnswerFormat(kind: .logits))
        #expect(answer.row(0) == [1, 0, 0])
        let flat = try Self.read(#"{"predictions":[[-5000,-5000]]}"#, AnswerFormat(kind: .logits))
        #expect(flat.row(0) == [0.5, 0.5])
    }
}

/// Answers that do not tell the probability of every class.
@Suite("Query: answers of labels and of the top classes")
struct SparseAnswerTests {
    private func read(_ text: String, rows: Int, _ kind: AnswerKind, name: String? = nil) throws -> Answer {
        try AnswerTests.read(text, rows: rows, AnswerFormat(outputName: name, kind: kind, classes: 10))
    }

    @Test(
        "labels are numbers or names, by themselves, alone in a list, or under an output's name",
        arguments: [
            (#"{"predictions":[3,7]}"#, nil, [3, 7]), (#"{"predictions":[[3],["seven"]]}"#, nil, [3, nil]),
            (#"{"predictions":["cat","dog"]}"#, nil, [nil, nil]), (#"{"outputs":[3.0,0]}"#, nil, [3, 0]),
            (#"{"predictions":[{"class":3},{"class":7}]}"#, nil, [3, 7]),
            (#"{"outputs":{"x":[1],"class":[3,7]}}"#, "class", [3, 7]),
        ] as [(String, String?, [Int?])])
    func labels(text: String, name: String?, wanted: [Int?]) throws {
        let answer = try read(text, rows: 2, .labels, name: name)
        #expect(answer.summary == .labels(wanted))
        #expect(answer.classes == 0 && answer.probabilities.isEmpty && answer.row(1).isEmpty)
        #expect(answer.rewritten(rows: [:]).bytes == Array(text.utf8))
    }

    @Test("of the top classes the largest probability is kept, whatever their order and number")
    func topClasses() throws {
        let answer = try read(#"{"predictions":[[0.25,0.5],[0.9],[0,0.125]]}"#, rows: 3, .topK)
        #expect(answer.summary == .confidences([0.5, 0.9, 0.125]))
        let named = try read(
            #"{"predictions":[{"classes":["a","b"],"scores":[0.75,0.25]}]}"#, rows: 1, .topK, name: "scores")
        #expect(named.summary == .confidences([0.75]))
    }

    @Test(
        "what is neither is an error, never a label",
        arguments: [
            (#"{"predictions":[1.5]}"#, AnswerKind.labels), (#"{"predictions":[-1]}"#, .labels),
            (#"{"predictions":[[1,2]]}"#, .labels), (#"{"predictions":[[]]}"#, .labels),
            (#"{"predictions":[null]}"#, .labels), (#"{"predictions":[true]}"#, .labels),
            (#"{"predictions":[NaN]}"#, .labels), (#"{"predictions":[1e30]}"#, .labels),
            (#"{"predictions":[1,2]}"#, .labels), (#"{"predictions":[]}"#, .labels),
            (#"{"predictions":[[]]}"#, .topK), (#"{"predictions":[[0.7,0.6]]}"#, .topK),
            (#"{"predictions":[[-0.1,0.6]]}"#, .topK), (#"{"predictions":[["a"]]}"#, .topK),
            (#"{"predictions":[[0,0]]}"#, .topK), (#"{"predictions":[0.5]}"#, .topK),
            (#"{"predictions":[[Infinity]]}"#, .topK), (#"{"predictions":[[0.5],[0.5]]}"#, .topK),
        ])
    func refused(text: String, kind: AnswerKind) {
        #expect(throws: AnswerError.self) { try read(text, rows: 1, kind) }
    }
}
