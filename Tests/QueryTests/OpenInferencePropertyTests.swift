import Foundation
import TestSupport
import Testing

@testable import Query

@Suite("Query: random answers of the Open Inference Protocol")
struct OpenInferencePropertyTests {
    /// The probabilities that a row of a kind stands for.
    private func probabilities(_ row: ArraySlice<Double>, _ kind: AnswerKind) -> [Double] {
        guard kind != .probabilities else { return Array(row) }
        let sum = row.reduce(0) { $0 + exp($1) }
        return row.map { exp($0) / sum }
    }

    private func expectClose(_ found: [Float], _ wanted: [Double], _ note: String) {
        #expect(found.count == wanted.count, "\(note)")
        for (found, wanted) in zip(found, wanted) {
            #expect(abs(Double(found) - wanted) < 0.01, "\(note)")
        }
    }

    @Test(
        "an answer says what plain loops find in it, and a changed one nothing but what was wanted",
        arguments: 300..<308 as Range<UInt64>)
    func answers(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for round in 0..<100 {
            let made = RandomOpenInferenceAnswer(&random)
            let note = "seed \(seed), round \(round): \(String(decoding: made.body.bytes, as: UTF8.self))"
            let reader = AnswerReader(made.format)
            let answer = try reader.read(
                made.body.bytes, rows: made.rows, jsonBytes: made.body.jsonBytes)
            let before = try OpenInferenceOracle(made.body)
            let old = try before.values(made.name)
            for row in 0..<made.rows {
                let values = old[row * made.classes..<(row + 1) * made.classes]
                let wanted = probabilities(values, made.format.kind)
                for (found, wanted) in zip(answer.row(row), wanted) {
                    #expect(abs(Double(found) - wanted) < 1e-3, "\(note)")
                }
            }
            #expect(answer.rewritten(rows: [:]) == made.body, "\(note)")

            var changes: [Int: [Float]] = [:]
            for row in 0..<made.rows where Bool.random(using: &random) {
                let isSure = Int.random(in: 0..<4, using: &random) == 0
                changes[row] =
                    isSure
                    ? (0..<made.classes).map { $0 == 0 ? 1 : 0 }
                    : RandomOpenInferenceAnswer.distribution(made.classes, &random).map { Float($0) }
            }
            let changed = answer.rewritten(rows: changes)
            guard !changes.isEmpty else { continue }
            try expectNothingElse(changed, before, made, note)
            let new = try OpenInferenceOracle(changed).values(made.name)
            let again = try reader.read(changed.bytes, rows: made.rows, jsonBytes: changed.jsonBytes)
            for row in 0..<made.rows {
                let place = row * made.classes..<(row + 1) * made.classes
                if let wanted = changes[row] {
                    expectClose(again.row(row), wanted.map { Double($0) }, note)
                    expectClose(wanted, probabilities(new[place], made.format.kind), note)
                } else {
                    #expect(new[place] == old[place], "\(note)")
                }
            }
            #expect(again.rewritten(rows: [:]) == changed, "\(note)")
        }
    }

    /// Nothing stands beside the changed values but what the protocol needs.
    private func expectNothingElse(
        _ changed: WireBody, _ before: OpenInferenceOracle, _ made: RandomOpenInferenceAnswer, _ note: String
    ) throws {
        let after = try OpenInferenceOracle(changed)
        #expect((changed.jsonBytes == nil) == (made.body.jsonBytes == nil), "\(note)")
        #expect(after.rawCounts.told == after.rawCounts.found, "\(note)")
        let stay = Set(["model_name", "model_version", "id", "outputs"])
        #expect(Set(after.answer.keys) == stay.intersection(before.answer.keys), "\(note)")
        for key in ["model_name", "model_version", "id"] {
            #expect(after.answer[key] as? String == before.answer[key] as? String, "\(note)")
        }
        let old = try #require(before.outputs.first { $0["name"] as? String == made.name }, "\(note)")
        #expect(after.outputs.count == 1, "\(note)")
        let new = try #require(after.outputs.first, "\(note)")
        let members = Set(["name", "shape", "datatype", "data", "parameters"])
        #expect(Set(new.keys) == members.intersection(old.keys), "\(note)")
        let parameters = Set(["binary_data_size", "content_type"])
        #expect(
            OpenInferenceOracle.parameterNames(new)
                == parameters.intersection(OpenInferenceOracle.parameterNames(old)), "\(note)")
        #expect(new["shape"] as? [Int] == old["shape"] as? [Int], "\(note)")
        #expect(new["datatype"] as? String == old["datatype"] as? String, "\(note)")
    }

    @Test("no mutation of an answer crashes its reader", arguments: 400..<406 as Range<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for _ in 0..<1500 {
            let made = RandomOpenInferenceAnswer(&random)
            let bytes = FuzzTests.mutated(made.body.bytes, &random)
            var jsonBytes = made.body.jsonBytes
            if let count = jsonBytes, Bool.random(using: &random) {
                jsonBytes = count + bytes.count - made.body.bytes.count
            }
            let reader = AnswerReader(made.format)
            guard let answer = try? reader.read(bytes, rows: made.rows, jsonBytes: jsonBytes) else {
                continue
            }
            accepted += 1
            #expect(answer.rewritten(rows: [:]) == WireBody(bytes: bytes, jsonBytes: jsonBytes))
            let sure = (0..<answer.classes).map { Float($0 == 1 ? 1 : 0) }
            let changed = answer.rewritten(rows: [0: sure])
            let again = try reader.read(changed.bytes, rows: made.rows, jsonBytes: changed.jsonBytes)
            // Logits of any size are shifted to one sum, in which small differences are lost.
            let isLarge = answer.values.contains { $0.magnitude > 1000 }
            #expect(isLarge || abs(again.row(0)[1] - 1) < 0.01)
        }
        #expect(accepted > 50, "mutations that survive exercise the accepting side")
    }

    @Test("no beginning of an answer is an answer", arguments: 500..<504 as Range<UInt64>)
    func truncations(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let made = RandomOpenInferenceAnswer(&random)
        let reader = AnswerReader(made.format)
        // Blanks after the JSON may be missing.
        let blanks = made.body.bytes.reversed().prefix { [0x20, 0x09, 0x0A].contains($0) }.count
        for count in 0..<made.body.bytes.count - blanks {
            let bytes = Array(made.body.bytes[..<count])
            #expect(throws: AnswerError.self) {
                try reader.read(bytes, rows: made.rows, jsonBytes: made.body.jsonBytes)
            }
        }
    }
}
