import Digest
import Foundation
import Query
import SAME
import Tensor
import Testing

@testable import Gateway

@Suite("Gateway: what a score is made of")
struct TermTests {
    private static let answerless = [
        "reconstruction", "excess", "masked", "statistics", "frame", "energy", "neighbour",
    ]

    @Test(
        "a victim that answers less gets a score from the terms that remain, and the log says which",
        arguments: [
            ("labels", #"{"predictions":[2]}"#, answerless),
            ("labels", #"{"predictions":["cat"]}"#, answerless),
            ("top-k", #"{"predictions":[[0.625,0.25]]}"#, answerless + ["doubt"]),
            ("top-k", #"{"predictions":[{"scores":[0.625]}]}"#, answerless + ["doubt"]),
            (
                "probabilities", #"{"predictions":[[0.625,0.25,0.125]]}"#,
                answerless + ["deviation", "doubt"]
            ),
        ])
    func remaining(kind: String, text: String, terms: [String]) throws {
        let fixture = try GatewayFixture.make(
            Plan(model: TinyModel.full, mode: "observe", answerKind: kind))
        fixture.victim.play(.text(text))
        let picture = TinyModel.picture(fixture.model.image, seed: 5, amplitude: 0.5)
        let answer = try fixture.ask(picture)
        #expect(answer.status == 200 && answer.text == text)
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["terms"] as? [String] == terms)
        #expect(line["reason"] is NSNull)
        for term in ["masked", "statistics", "frame", "energy", "neighbour"] { #expect(line[term] is Double) }
        #expect((line["doubt"] as? Double) == (terms.contains("doubt") ? 0.375 : nil))
        #expect((line["deviation"] as? Double != nil) == terms.contains("deviation"))
        // The oracle: the scorer with what the answer tells, under the same key.
        let key = HMACKey((0..<32).map { UInt8($0) })
        let scorer = Scorer(fixture.model.bundle, secret: MaskSecret(key))
        let rows = Tensor(shape: [1, picture.count], values: picture)
        let told: VictimAnswer =
            switch kind {
            case "labels": .nothing
            case "top-k": .confidence(0.625)
            default: .distribution([0.625, 0.25, 0.125])
            }
        let wanted = scorer.assess(scorer.examine(rows, workspace: Scorer.makeWorkspace())[0], answer: told)
        let percentile = try #require(line["percentile"] as? Double)
        #expect(abs(percentile - wanted.percentile) < 5)
        #expect(terms == wanted.terms.map(\.rawValue))
    }

    @Test("an answer of labels that holds something else is unreadable, and refused where the route says so")
    func unreadable() throws {
        let fixture = try GatewayFixture.make(
            Plan(model: TinyModel.full, onUnreadableAnswer: "reject", answerKind: "labels"))
        fixture.victim.play(.text(#"{"predictions":[[0.5,0.5]]}"#))
        let picture = TinyModel.picture(fixture.model.image, seed: 5, amplitude: 0.5)
        #expect(try fixture.ask(picture).status == 502)
    }

    @Test("a repeated query meets the same mask; another key hides other patches")
    func secret() throws {
        func loss(_ key: String) throws -> [Double] {
            let fixture = try GatewayFixture.make(
                Plan(model: TinyModel.full, mode: "observe"),
                prepare: { try Data(key.utf8).write(to: URL(fileURLWithPath: $0 + "/gateway.key")) })
            let picture = TinyModel.picture(fixture.model.image, seed: 6, amplitude: 0.7)
            for _ in 0..<2 { _ = try fixture.ask(picture) }
            return try fixture.lines("decisions").compactMap { $0["masked"] as? Double }
        }
        let keys = (0..<4).map { String(repeating: "k\($0)", count: 16) }
        let losses = try keys.map(loss)
        for pair in losses { #expect(pair.count == 2 && pair[0] == pair[1]) }
        #expect(Set(losses.map { $0[0] }).count > 1)
    }
}
