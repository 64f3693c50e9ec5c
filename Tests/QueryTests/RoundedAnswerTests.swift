import Testing

@testable import Query

@Suite("Query: answers that were rounded")
struct RoundedAnswerTests {
    private func read(_ row: String, _ format: AnswerFormat = AnswerFormat()) throws -> Answer {
        try AnswerTests.read("{\"predictions\":[[\(row)]]}", format)
    }

    private static func list(_ parts: (String, Int)...) -> String {
        parts.flatMap { Array(repeating: $0.0, count: $0.1) }.joined(separator: ",")
    }

    @Test(
        "the number with the most decimals tells how a row was rounded, however it is spelt",
        arguments: [
            (["1"], 0), (["0.9", "0.05", "0.05"], 2), (["0.50"], 2), (["5e-05"], 5), (["1.5E-3", "0.1"], 4),
            (["1e3"], 0), (["-0.125e+1"], 2), (["0.5", "1e-999999999"], 100_000),
        ])
    func decimals(numbers: [String], expected: Int) {
        var written = WrittenPrecision()
        for number in numbers { written.note(number.utf8) }
        #expect(written.decimals == expected)
    }

    @Test(
        "probabilities that were rounded are read, and sum to 1 as they did before",
        arguments: [
            "0.33,0.33,0.33", "0,1,0", "0.0,1.0,0.0", "1.03,0,0,0,0,0,0,0,0,0", list(("0.17", 6)),
            list(("0.0011", 300), ("0.001", 700)), list(("1e-03", 1030)),
        ])
    func rounded(row: String) throws {
        let answer = try read(row)
        let sum = answer.row(0).reduce(0) { $0 + Double($1) }
        #expect(abs(sum - 1) < 1e-5 && answer.row(0).allSatisfy { $0 >= 0 })
        #expect(answer.row(0).count == answer.classes)
    }

    @Test(
        "no more is put down to rounding than it can do",
        arguments: [
            "0.5,0.52", "0.5,0.6", "0.2,0.2,0.2", "0,0,0", "1,1", "1.02,-0.02", "0.3333333,0.3333333,0.33",
            list(("0.01", 94), ("0.00", 906)), list(("0.1", 20)), list(("0.105", 10)),
            list(("0.10000", 10), ("0.01", 1)),
        ])
    func unexplained(row: String) {
        #expect(throws: AnswerError.self) { try read(row) }
    }

    @Test("what nobody has rounded stays as it is; what was rounded does not, whatever the tolerance is")
    func whole() throws {
        #expect(
            try read("0.33333334,0.33333334,0.3330000").row(0) == [0.33333334, 0.33333334, 0.333])
        let tolerant = AnswerFormat(sumTolerance: 0.01)
        let made = try read("0.5,0.505", tolerant).row(0)
        #expect(abs(made[0] - 0.5 / 1.005) < 1e-6 && abs(made[1] - 0.505 / 1.005) < 1e-6)
        #expect(try read("0.25,0.75", tolerant).row(0) == [0.25, 0.75])
    }

    @Test("rounded log-probabilities and top classes are read, and wrong ones are not")
    func otherKinds() throws {
        let logs = try read("-2.3,-1.61,-0.36", AnswerFormat(kind: .logProbabilities)).row(0)
        #expect(abs(logs.reduce(0, +) - 1) < 1e-6)
        #expect(throws: AnswerError.self) {
            try read("-2.3,-1.61,-0.34", AnswerFormat(kind: .logProbabilities))
        }
        #expect(try read("0.67,0.34", AnswerFormat(kind: .topK)).summary == .confidences([0.67]))
        #expect(throws: AnswerError.self) { try read("0.7,0.33", AnswerFormat(kind: .topK)) }
    }
}
