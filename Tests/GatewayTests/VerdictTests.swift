import Foundation
import HTTPWire
import Policy
import Query
import Testing

@testable import Gateway

@Suite("Gateway: verdicts, end to end")
struct VerdictTests {
    @Test(
        "a query that passes gets the victim's answer byte for byte, whatever its form",
        arguments: ["gray", "color"])
    func pass(name: String) throws {
        let fixture = try GatewayFixture.make(Plan(model: name == "gray" ? TinyModel.gray : TinyModel.color))
        let picture = try fixture.model.picture(5..<50)
        for form in QueryEncoder.Form.allCases {
            let answer = try fixture.ask(body: fixture.body([picture], form: form))
            #expect(answer.status == 200 && answer.body == fixture.victim.answers.last)
            #expect(answer.fields.value("etag") == "\"1\"" && answer.fields.value("x-model") == "tiny")
        }
        #expect(fixture.victim.seen.count == 2)
        #expect(try fixture.verdicts() == ["pass", "pass"])
    }

    @Test("the same picture in another layout has the same score", arguments: ["HWC", "CHW"])
    func layout(name: String) throws {
        let fixture = try GatewayFixture.make(Plan(model: TinyModel.color, layout: name))
        let picture = try fixture.model.picture(60..<90)
        let body = fixture.body([picture], layout: name == "HWC" ? .hwc : .chw)
        #expect(try fixture.ask(body: body).status == 200)
        let line = try #require(fixture.lines("decisions").first)
        let score = fixture.model.score(picture, answer: TinyModel.answer(to: picture[...]))
        let logged = try #require(line["score"] as? Double)
        #expect(abs(logged - score.raw) < 1e-3 * score.raw)
    }

    @Test(
        "a perturbed answer keeps its most probable class and its L1 budget, and vouches for nothing",
        arguments: [AnswerKind.probabilities, .logProbabilities, .logits])
    func perturb(kind: AnswerKind) throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.perturb, answerKind: kind.rawValue))
        fixture.victim.play(.model(kind))
        for seed in 1...8 as ClosedRange<UInt64> {
            let picture = try fixture.model.picture(60..<99.9, seed: seed)
            let answer = try fixture.ask(picture)
            #expect(answer.status == 200 && answer.body != fixture.victim.answers.last)
            let original = TinyModel.answer(to: picture[...])
            let changed = try answer.probabilities(kind: kind)[0]
            #expect(Perturber.argmax(changed) == Perturber.argmax(original))
            let distance = zip(original, changed).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
            #expect(distance > 0.01 && distance <= 0.2001)
            #expect(!answer.fields.contains("etag") && !answer.fields.contains("digest"))
            #expect(answer.fields.value("x-model") == "tiny")
        }
    }

    @Test(
        "a perturbed answer is the same again: in another form, beside others, after a restart with the same key"
    )
    func deterministic() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.perturb))
        let picture = try fixture.model.picture(60..<99)
        let other = try fixture.model.picture(60..<99, seed: 8)
        let first = try fixture.ask(picture)
        #expect(try fixture.ask(picture).body == first.body)
        let row = try first.probabilities()[0]
        let columns = try fixture.ask(body: fixture.body([picture], form: .columns))
        #expect(try columns.probabilities()[0] == row)
        #expect(try fixture.ask(other, picture).probabilities(rows: 2)[1] == row)
        try fixture.restart()
        #expect(try fixture.ask(picture).body == first.body)
    }

    @Test("a rejected query gets a problem document that says nothing of its score, nor of the answer")
    func reject() throws {
        let fixture = try GatewayFixture.make()
        let picture = try fixture.model.picture(99..<100)
        let answer = try fixture.ask(picture)
        #expect(answer.status == 403)
        #expect(Set(try answer.problem().keys) == ["type", "title", "status", "detail", "instance"])
        #expect(try answer.problemKind() == "rejected")
        #expect(!answer.fields.contains("x-model") && !answer.fields.contains("etag"))
        #expect(
            try fixture.ask(picture).problem()["detail"] as? String == answer.problem()["detail"] as? String)
    }

    @Test("a query of numbers beyond all reason is scored as strangest of all, never waved through")
    func notFinite() throws {
        let fixture = try GatewayFixture.make()
        let picture = [Float](repeating: 3e38, count: fixture.model.image.count)
        #expect(try fixture.ask(picture).status == 403)
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["verdict"] as? String == "reject" && line["percentile"] as? Double == 100)
    }

    @Test("the rows of a batch have their own verdicts: only the strange ones are perturbed")
    func batch() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.all))
        let calm = try fixture.model.picture(5..<45)
        let odd = try fixture.model.picture(55..<75)
        let answer = try fixture.ask(calm, odd, calm)
        let original = [calm, odd, calm].map { TinyModel.answer(to: $0[...]) }
        let rows = try answer.probabilities(rows: 3)
        #expect(rows[0] == original[0] && rows[1] != original[1] && rows[2] == original[2])
        let lines = try fixture.lines("decisions")
        #expect(lines.compactMap { $0["verdict"] as? String } == ["pass", "perturb", "pass"])
        #expect(lines.compactMap { $0["row"] as? Int } == [0, 1, 2])
        #expect(lines.allSatisfy { $0["rows"] as? Int == 3 })
        #expect(Set(lines.compactMap { $0["request_id"] as? String }).count == 1)
        #expect(Set(lines.compactMap { $0["digest"] as? String }).count == 2)
    }

    @Test("the worst row of a batch decides for all of it")
    func worstRow() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.all))
        let calm = try fixture.model.picture(5..<45)
        let answer = try fixture.ask(calm, try fixture.model.picture(99..<100))
        #expect(answer.status == 403 && !answer.text.contains("predictions"))
        let costly = try fixture.ask(calm, try fixture.model.picture(85..<94))
        #expect(costly.status == 428 && !costly.text.contains("predictions"))
        let lines = try fixture.lines("decisions")
        #expect(lines.compactMap { $0["verdict"] as? String } == ["pass", "reject", "pass", "proof-of-work"])
        #expect(lines[0]["reason"] as? String == "row 1 decides for its batch: reject")
        #expect(lines[1]["reason"] is NSNull)
    }

    @Test("observe mode logs what it would have done and changes nothing")
    func observe() throws {
        let fixture = try GatewayFixture.make(
            Plan(bands: Plan.all, mode: "observe", onUnreadableAnswer: "reject"))
        for range in [55..<75, 85..<94, 99..<100] as [Range<Double>] {
            let answer = try fixture.ask(try fixture.model.picture(range))
            #expect(answer.status == 200 && answer.body == fixture.victim.answers.last)
            #expect(answer.fields.value("etag") == "\"1\"")
        }
        #expect(try fixture.ask(body: Array("{}".utf8)).text == "plain 2")
        fixture.victim.play(.text("garbage"))
        #expect(try fixture.ask(try fixture.model.picture(5..<45)).text == "garbage")
        let lines = try fixture.lines("decisions")
        #expect(
            lines.compactMap { $0["verdict"] as? String } == [
                "perturb", "proof-of-work", "reject", "reject", "reject",
            ])
        #expect(lines.allSatisfy { $0["mode"] as? String == "observe" })
    }

    @Test("observe mode takes no notice of a proof, and does not pass it on")
    func observeProof() throws {
        let fixture = try GatewayFixture.make(Plan(mode: "observe"))
        let answer = try fixture.ask(
            body: fixture.body([try fixture.model.picture(5..<45)]), fields: [ProofField.name: "nonsense"])
        #expect(answer.status == 200)
        #expect(fixture.victim.seen[0].fields.firstIndex(named: ProofField.name) == nil)
    }
}
