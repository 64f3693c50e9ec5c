import Client
import Foundation
import HTTPWire
import Identity
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Settings

@Suite("Gateway: how much may be asked")
struct RateTests {
    /// A gateway of a still clock, whose routes are charged to the rate `r`: no time passes but by the test.
    static func make(
        _ rate: String, on: [String] = ["predict"], limits: String = "",
        _ change: (inout Plan) -> Void = { _ in }
    ) throws -> (GatewayFixture, ManualClock) {
        var plan = Plan()
        if on.contains("predict") { plan.predictKeys = ", rates: [r]" }
        if on.contains("rest") { plan.restKeys = ", rates: [r]" }
        plan.sections = "rates: {r: \(rate)}\n\(limits)"
        change(&plan)
        let clock = ManualClock()
        return (try GatewayFixture.make(plan, clock: clock), clock)
    }

    @Test(
        "past the burst a query is 429 with Retry-After and RateLimit fields, unread by the victim, until cells are refilled"
    )
    func limited() throws {
        let (fixture, clock) = try Self.make("{cells: 2, per: 60s}")
        let picture = try fixture.model.picture(5..<45)
        for _ in 0..<2 { #expect(try fixture.ask(picture).status == 200) }
        let answer = try fixture.ask(picture)
        #expect(answer.status == 429)
        #expect(try answer.problemKind() == "rate-limited")
        // Two cells a minute: the next one is there in 30 s, all in 60 s.
        #expect(answer.fields.value("retry-after") == "30")
        #expect(answer.fields.value("ratelimit") == "\"r\";r=0;t=60")
        #expect(answer.fields.value("ratelimit-policy") == "\"r\";q=2;w=60")
        #expect(fixture.victim.seen.count == 2)
        clock.advance(by: .seconds(30))
        #expect(try fixture.ask(picture).status == 200)
        #expect(try fixture.ask(picture).status == 429)
        #expect(fixture.gateway.counters.rateLimited.load(ordering: .relaxed) == 2)
        let lines = try fixture.lines("decisions")
        #expect(
            lines.compactMap { $0["verdict"] as? String } == ["pass", "pass", "reject", "pass", "reject"])
        #expect(lines[2]["reason"] as? String == "the rate r has no room")
    }

    @Test("every row of a batch is charged, before the victim sees it")
    func rows() throws {
        let (fixture, _) = try Self.make("{cells: 3, per: 60s}")
        let picture = try fixture.model.picture(5..<45)
        #expect(try fixture.ask(picture, picture).status == 200)
        #expect(try fixture.ask(picture, picture).status == 429)
        #expect(try fixture.ask(picture).status == 200)
        #expect(fixture.victim.seen.count == 2)
    }

    @Test("a long body that passes unread in observe mode is charged by its rows, too")
    func overload() throws {
        let (fixture, _) = try Self.make("{cells: 400, per: 600s}") { $0.mode = "observe" }
        let release = FallbackTests.saturate(fixture)
        defer { release() }
        let picture = try fixture.model.picture(5..<45)
        let body = fixture.body(Array(repeating: picture, count: 300))
        #expect(try fixture.ask(body: body).status == 200)
        #expect(try fixture.ask(body: body).status == 429)
        #expect(fixture.victim.seen.count == 1)
    }

    @Test(
        "what overload refuses costs nothing, by score or not", arguments: ["", ", cost: {per_surprise: 1}"])
    func refused(cost: String) throws {
        let (fixture, _) = try Self.make("{cells: 1, per: 600s\(cost)}") { $0.onOverload = "reject" }
        let release = FallbackTests.saturate(fixture)
        let picture = try fixture.model.picture(5..<45)
        for _ in 0..<3 { #expect(try fixture.ask(picture).status == 503) }
        release()
        #expect(eventually("an empty queue") { fixture.gateway.services.scoring.queuedRows == 0 })
        #expect(try fixture.ask(picture).status == 200)
        #expect(try fixture.ask(picture).status == 429)
    }

    @Test(
        "where there is no room a long body is refused by its head, which asks whether to send it; a proof that is none changes nothing",
        arguments: ["", "Samegate-Proof: x:1\r\n"])
    func unread(field: String) throws {
        let (fixture, _) = try Self.make("{cells: 1, per: 600s}")
        #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
        let connection = try RawConnection(port: try fixture.port)
        connection.send("POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\n" + field)
        connection.send("Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
        #expect(connection.line().hasPrefix("HTTP/1.1 429 "))
        connection.close()
        let lines = try fixture.lines("decisions")
        #expect(lines.count == 2 && lines[1]["reason"] as? String == "the rate r has no room")
    }

    @Test("a batch that a rate refuses is one line of the decision log, whatever its rows")
    func refusedBatch() throws {
        let (fixture, _) = try Self.make("{cells: 1, per: 600s}")
        let picture = try fixture.model.picture(5..<45)
        #expect(try fixture.ask(picture).status == 200)
        #expect(try fixture.ask(picture, picture, picture).status == 429)
        let metrics = try Exposed(fixture.admin().send(.get, "/metrics"))
        #expect(metrics[#"samegate_rows_total{route="predict",verdict="reject",mode="enforce"}"#] == 3)
        let lines = try fixture.lines("decisions")
        #expect(lines.count == 2 && lines[1]["rows"] as? Int == 3 && lines[1]["digest"] is NSNull)
        #expect(lines[1]["row"] is NSNull)
    }

    @Test("a batch of more rows than the burst is paid for row by row")
    func largeBatch() throws {
        let (fixture, clock) = try Self.make("{cells: 2, per: 60s}")
        let picture = try fixture.model.picture(5..<45)
        #expect(try fixture.ask(picture, picture, picture, picture, picture, picture).status == 200)
        let denied = try fixture.ask(picture)
        #expect(denied.status == 429 && denied.fields.value("retry-after") == "150")
        clock.advance(by: .seconds(149))
        #expect(try fixture.ask(picture).status == 429)
        clock.advance(by: .seconds(2))
        #expect(try fixture.ask(picture).status == 200)
    }

    @Test("a strange query costs its surprise once it is scored, whatever its verdict")
    func surprise() throws {
        // The benign tail beyond p99 has at least −ln 0.01 = 4.6 nats: 8 cells a nat are over the 30 at hand.
        let (fixture, _) = try Self.make("{cells: 30, per: 600s, cost: {base: 1, per_surprise: 8}}")
        let odd = try fixture.model.picture(99..<100)
        #expect(try fixture.ask(odd).status == 403)
        let denied = try fixture.ask(fixture.model.picture(5..<45))
        // A row costs the burst at most: a cell is there in a thirtieth of the period.
        #expect(denied.status == 429 && denied.fields.value("retry-after") == "20")
        let (capped, _) = try Self.make(
            "{cells: 30, per: 600s, cost: {base: 1, per_surprise: 8, row_max: 5}}")
        for _ in 0..<6 { #expect(try capped.ask(odd).status == 403) }
        #expect(try capped.ask(odd).status == 429)
    }

    @Test("a body that passes undecoded, and a victim that fails, are charged too")
    func noScore() throws {
        let price = "{cells: 2, per: 600s, cost: {base: 1, per_surprise: 0.01}}"
        let (fixture, _) = try Self.make(price) { $0.onUndecodable = "pass" }
        for status in [200, 200, 429] { #expect(try fixture.ask(body: Array("x".utf8)).status == status) }
        let (failing, _) = try Self.make(price)
        failing.victim.stop()
        let picture = try failing.model.picture(5..<45)
        for status in [502, 502, 429] { #expect(try failing.ask(picture).status == status) }
    }

    @Test("a proof that does not hold is charged, and refused for the rate where there is no room")
    func brokenProof() throws {
        let (fixture, _) = try Self.make("{cells: 1, per: 600s}") { $0.bands = Plan.proofOfWork }
        let body = fixture.body([try fixture.model.picture(60..<95)])
        let first = try fixture.ask(body: body, fields: [ProofField.name: "x"])
        #expect(first.status != 429 && first.status != 200)
        #expect(try fixture.ask(body: body, fields: [ProofField.name: "x"]).status == 429)
    }

    @Test("a proof is not charged: its query was")
    func proof() throws {
        let (fixture, _) = try Self.make("{cells: 1, per: 600s}") { $0.bands = Plan.proofOfWork }
        let picture = try fixture.model.picture(60..<95)
        let challenge = try fixture.ask(picture).challenge()
        #expect(try fixture.ask(picture).status == 429)
        #expect(try fixture.ask(picture, proof: try ProofTests.solve(challenge)).status == 200)
    }

    @Test("streamed requests cost one row each, and a route's rate counts only its own")
    func streamed() throws {
        let (fixture, _) = try Self.make("{cells: 2, per: 60s, by: route}", on: ["predict", "rest"])
        for status in [200, 200, 429] { #expect(try fixture.ask(body: [1], path: "/x").status == status) }
        #expect(try fixture.ask(body: [1], path: "/x").fields.value("retry-after") == "30")
        #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
        #expect(fixture.victim.seen.count == 3)
    }

    @Test("clients with accounts have their own quota, by client; by network they share one")
    func byClient() throws {
        let keys = try IdentityTests.Keys()
        let other = try APIKeyRecord.make(id: "lab-2")
        let (first, second) = (keys.good.key.text, other.key.text)
        func statuses(by sharer: String) throws -> [Int] {
            let (fixture, _) = try Self.make(
                "{cells: 1, per: 60s, by: \(sharer)}", limits: IdentityTests.section
            ) {
                $0.authenticate = "optional"
                $0.files = ["keys": keys.file + other.record.line, "jwks.json": IdentityTests.keySet]
            }
            let picture = try fixture.model.picture(5..<45)
            return try [first, first, second, nil, nil].map { key in
                try fixture.ask(picture, fields: key.map { ["X-API-Key": $0] } ?? [:]).status
            }
        }
        #expect(try statuses(by: "client") == [200, 429, 200, 200, 429])
        #expect(try statuses(by: "network") == [200, 429, 429, 429, 429])
    }

    @Test(
        "a full table refuses those it cannot remember, or lets them in, as configured",
        arguments: ["deny", "allow"])
    func full(_ choice: String) throws {
        // One key fills the table: the streamed route's; the protected route's finds no room.
        let (fixture, _) = try Self.make(
            "{cells: 9, per: 600s, by: route, on_full: \(choice)}", on: ["predict", "rest"],
            limits: "limits: {rate_keys: 1}")
        #expect(try fixture.ask(body: [1], path: "/x").status == 200)
        let answer = try fixture.ask(fixture.model.picture(5..<45))
        #expect(answer.status == (choice == "deny" ? 503 : 200))
        guard choice == "deny" else { return }
        #expect(try answer.problemKind() == "rate-unknown")
        #expect(answer.fields.value("retry-after") == "1")
    }

    @Test(
        "how much of an address is its network can be said",
        arguments: [(24, [200, 429, 429]), (32, [200, 200, 429])])
    func prefixes(bits: Int, statuses: [Int]) throws {
        let (fixture, _) = try Self.make(
            "{cells: 1, per: 60s, ipv4_prefix: \(bits)}", on: ["rest"],
            limits: "forwarded: {trusted_proxies: [127.0.0.1]}")
        let found = try ["1.2.3.4", "1.2.3.5", "1.2.3.4"].map {
            try fixture.ask(body: [1], path: "/x", fields: ["X-Forwarded-For": $0]).status
        }
        #expect(found == statuses)
    }

    @Test("numbers that make no rate are reported with their path")
    func impossible() throws {
        var plan = Plan()
        plan.restKeys = ", rates: [r, s]"
        plan.sections = "rates: {r: {cells: 1, per: 366d, burst: 2}, s: {cells: 1000000000, per: 1ms}}"
        #expect(try plan.problems().map(\.path) == ["rates.r", "rates.s"])
    }
}
