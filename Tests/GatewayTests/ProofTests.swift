import Client
import Digest
import Foundation
import HTTPWire
import Query
import Store
import Testing
import Transport

@testable import Gateway
@testable import Policy

@Suite("Gateway: proof-of-work, end to end")
struct ProofTests {
    static func solve(_ token: String) throws -> ProofField {
        ProofField(token: token, solution: try ProofSolver.solve(token: token, threads: 1))
    }

    /// A gateway that asks for work, and a picture it asks it for.
    static func make(
        _ change: (inout Plan) -> Void = { _ in }, clock: any LoopClock = SystemClock()
    ) throws -> (GatewayFixture, [Float]) {
        var plan = Plan(bands: Plan.proofOfWork)
        change(&plan)
        let fixture = try GatewayFixture.make(plan, clock: clock)
        return (fixture, try fixture.model.picture(60..<99.9))
    }

    @Test("an answer is withheld until its proof comes; the victim is asked once, and a proof works once")
    func release() throws {
        let (fixture, picture) = try Self.make()
        let demand = try fixture.ask(picture)
        #expect(demand.status == 428 && !demand.text.contains("predictions"))
        let problem = try demand.problem()
        #expect(try demand.problemKind() == "proof-of-work")
        #expect(problem["algorithm"] as? String == "sha-256" && problem["expires_in_seconds"] as? Int == 300)
        #expect(try #require(problem["expected_hashes"] as? Double) >= 64)
        #expect((problem["target"] as? String)?.count == 32)

        let proof = try Self.solve(try demand.challenge())
        let answer = try fixture.ask(picture, proof: proof)
        #expect(answer.status == 200 && answer.body == fixture.victim.answers[0])
        #expect(answer.fields.value("x-model") == "tiny" && answer.fields.value("etag") == "\"1\"")
        #expect(answer.fields.value("content-type") == "application/json")

        let replay = try fixture.ask(picture, proof: proof)
        #expect(replay.status == 403)
        #expect(try replay.problem()["detail"] as? String == "this proof has been used already")
        #expect(fixture.victim.seen.count == 1)
        let lines = try fixture.lines("decisions")
        #expect(lines.compactMap { $0["verdict"] as? String } == ["proof-of-work", "released", "reject"])
        #expect(lines[0]["difficulty"] as? Int == lines[1]["difficulty"] as? Int)
        #expect(lines[2]["reason"] as? String == "proof refused: this proof has been used already")
    }

    @Test("an answer whose fields are in no known encoding comes back all the same")
    func latinField() throws {
        var fields = HeaderList()
        try fields.add("X-Name", "caf\u{FFFD}")
        var head = WithheldAnswer(.init(status: 203, fields: fields, body: [1, 2]))
        let position = try #require(head.head.firstIndex(of: 0xEF))
        head.head.replaceSubrange(position..<position + 3, with: [0xE9, 0x21, 0x21])
        let response = try #require(head.response)
        #expect(response.status == 203 && response.body == [1, 2])
        #expect(response.fields.value("x-name") == "caf\u{FFFD}!!")
        head.head.removeLast()
        #expect(head.response == nil)
    }

    @Test("difficulty grows with the score")
    func difficulty() throws {
        let (fixture, _) = try Self.make()
        let hashes = try [55..<60, 85..<90, 99..<100].map { range in
            try #require(
                try fixture.ask(try fixture.model.picture(range)).problem()["expected_hashes"] as? Double)
        }
        #expect(hashes == hashes.sorted() && Set(hashes).count == 3 && hashes[0] >= 64 && hashes[2] <= 4097)
    }

    @Test("the rows of a batch that are perturbed are so in the released answer too")
    func perturbedRelease() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.all))
        let odd = try fixture.model.picture(55..<75)
        let costly = try fixture.model.picture(85..<94)
        let proof = try Self.solve(try fixture.ask(odd, costly).challenge())
        let answer = try fixture.ask(
            body: fixture.body([odd, costly]), fields: [ProofField.name: proof.value])
        let rows = try answer.probabilities(rows: 2)
        #expect(rows[0] != TinyModel.answer(to: odd[...]) && rows[1] == TinyModel.answer(to: costly[...]))
        #expect(!answer.fields.contains("etag"))
    }

    @Test("the same picture in another form may bring the proof; another picture may not")
    func binding() throws {
        let (fixture, picture) = try Self.make()
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        let other = try fixture.model.picture(60..<99.9, seed: 8)
        for pictures in [[other], [picture, picture], [picture, other]] {
            let refused = try fixture.ask(
                body: fixture.body(pictures), fields: [ProofField.name: proof.value])
            #expect(refused.status == 403)
            #expect(
                try refused.problem()["detail"] as? String
                    == "the challenge was issued for another client, route or query")
        }
        let released = try fixture.ask(
            body: fixture.body([picture], form: .columns), fields: [ProofField.name: proof.value])
        #expect(released.status == 200)
    }

    @Test("a proof of one route is none on another")
    func otherRoute() throws {
        let (fixture, picture) = try Self.make { plan in
            plan.routes = """
                  - {name: twin, path: /twin, methods: [POST], upstream: victim, protect: \(plan.protect)}
                """
        }
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        let refused = try fixture.ask(
            body: fixture.body([picture]), path: "/twin", fields: [ProofField.name: proof.value])
        #expect(refused.status == 403 && refused.text.contains("another client, route or query"))
        #expect(try fixture.ask(picture, proof: proof).status == 200)
    }

    static let forgeries: [(String, @Sendable (String, String) -> String)] = [
        (
            "the challenge token is not one this service issued",
            { token, number in flip(token) + ":" + number }
        ),
        (
            "the challenge token is not one this service issued",
            { token, number in token.dropLast() + ":" + number }
        ),
        ("the challenge token is not one this service issued", { _, number in "x:" + number }),
        ("the Samegate-Proof field is not CHALLENGE:NUMBER", { token, _ in token }),
        ("the Samegate-Proof field is not CHALLENGE:NUMBER", { token, number in token + ":+" + number }),
        (
            "the Samegate-Proof field is not CHALLENGE:NUMBER",
            { token, number in token + ":" + number + ":1" }
        ),
        ("the Samegate-Proof field is not CHALLENGE:NUMBER", { _, _ in "" }),
        ("the solution does not reach the challenge's target", { token, _ in token + ":" + loser(token) }),
    ]

    /// The token with a bit of its target changed.
    static func flip(_ token: String) -> String {
        var bytes = Array(token.utf8)
        bytes[20] = bytes[20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A number that does not solve the challenge.
    static func loser(_ token: String) -> String {
        guard let challenge = Challenge(unverifiedToken: token) else { return "0" }
        var work = ProofWork(token: token)
        var counter: UInt64 = 0
        while work.wins(Solution(counter: counter), against: challenge.target) { counter += 1 }
        return String(counter)
    }

    @Test(
        "what is no proof is refused with its reason, and the right proof still works",
        arguments: forgeries.indices)
    func forgery(index: Int) throws {
        let (fixture, picture) = try Self.make()
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        let (reason, forge) = Self.forgeries[index]
        let value = forge(proof.token, proof.solution.text)
        let refused = try fixture.ask(body: fixture.body([picture]), fields: [ProofField.name: value])
        #expect(refused.status == 403)
        #expect(try refused.problem()["detail"] as? String == reason)
        #expect(try refused.problemKind() == "proof-refused")
        #expect(try fixture.ask(picture, proof: proof).status == 200)
        #expect(fixture.victim.seen.count == 1)
    }

    @Test("a proof that comes twice in one request is none")
    func twice() throws {
        let (fixture, picture) = try Self.make()
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        let refused = try fixture.ask(
            body: fixture.body([picture]),
            fields: [ProofField.name: proof.value, ProofField.name: proof.value])
        #expect(refused.status == 403 && refused.text.contains("is not CHALLENGE:NUMBER"))
    }

    @Test("an expired challenge is refused, and a new query gets a new one")
    func expired() throws {
        let clock = ManualClock()
        let (fixture, picture) = try Self.make(clock: clock)
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        clock.advance(by: .seconds(301))
        let refused = try fixture.ask(picture, proof: proof)
        #expect(refused.status == 403)
        #expect(
            try refused.problem()["detail"] as? String
                == "the challenge has expired; send the query again for a new one")
        let next = try Self.solve(try fixture.ask(picture).challenge())
        #expect(try fixture.ask(picture, proof: next).status == 200)
    }

    @Test("a challenge of an earlier run is refused as such, though the key is the same")
    func earlierRun() throws {
        let (fixture, picture) = try Self.make()
        let proof = try Self.solve(try fixture.ask(picture).challenge())
        try fixture.restart()
        let refused = try fixture.ask(picture, proof: proof)
        #expect(refused.status == 403 && refused.text.contains("earlier run"))
    }

    @Test("of two clients that race with one proof exactly one wins")
    func race() throws {
        let (fixture, picture) = try Self.make()
        for _ in 0..<8 {
            let proof = try Self.solve(try fixture.ask(picture).challenge())
            let body = fixture.body([picture])
            let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
            let racers = (0..<2).map { _ in
                Background {
                    try HTTPClient(endpoint).send(
                        .post, "/v1/models/m:predict", fields: try HeaderList([ProofField.name: proof.value]),
                        body: body
                    ).status
                }
            }
            #expect(try racers.map { try $0.value() }.sorted() == [200, 403])
        }
        #expect(fixture.victim.seen.count == 8)
    }

    @Test("several challenges are open at once, each for its own query")
    func several() throws {
        let (fixture, _) = try Self.make()
        let pictures = try (1...4).map { try fixture.model.picture(60..<99.9, seed: $0) }
        let proofs = try pictures.map { try Self.solve(try fixture.ask($0).challenge()) }
        for (picture, proof) in zip(pictures, proofs).reversed() {
            let answer = try fixture.ask(picture, proof: proof)
            #expect(try answer.probabilities()[0] == TinyModel.answer(to: picture[...]))
        }
    }

    @Test("when no more answers can be withheld the query is refused, never answered free")
    func full() throws {
        let (fixture, picture) = try Self.make { $0.withheld = "{answers: 1, bytes: 64KiB, lifetime: 5m}" }
        let first = try fixture.ask(picture)
        let second = try fixture.ask(try fixture.model.picture(60..<99.9, seed: 8))
        #expect(second.status == 503 && !second.text.contains("predictions"))
        #expect(try second.problemKind() == "no-room" && second.fields.value("retry-after") == "1")
        #expect(try fixture.ask(picture, proof: try Self.solve(try first.challenge())).status == 200)
        #expect(fixture.gateway.storeStatistics.answers == 0 && fixture.gateway.storeStatistics.claims == 1)
        let lines = try fixture.lines("decisions")
        #expect(lines.compactMap { $0["verdict"] as? String } == ["proof-of-work", "reject", "released"])
        #expect(lines[1]["reason"] as? String == "the answer cannot be withheld: full")
    }
}
