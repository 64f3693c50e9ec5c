import Client
import Dispatch
import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Proxy

@Suite("Gateway: what cannot be scored or answered")
struct FallbackTests {
    static let undecodable: [(String, String)] = [
        ("", "JSON"), ("{", "JSON"), ("hello", "JSON"), ("[1]", "object"), ("{}", "instances"),
        (#"{"instances":[]}"#, "no "), (#"{"instances":[[0,1]]}"#, "shape"),
        (#"{"instances":[{"b64":"AAAA"}]}"#, "base64"),
        (#"{"instances":[[0]],"inputs":[[0]]}"#, "shape"),
    ]

    @Test("a body that is not the protocol's is refused with the reason", arguments: undecodable)
    func rejectUndecodable(text: String, hint: String) throws {
        let fixture = try GatewayFixture.make()
        let answer = try fixture.ask(body: Array(text.utf8))
        #expect(try answer.status == 400 && answer.problemKind() == "undecodable")
        let detail = try #require(try answer.problem()["detail"] as? String)
        #expect(!detail.isEmpty && detail.lowercased().contains(hint.lowercased()), "\(detail)")
        let lines = try fixture.lines("decisions")
        #expect(fixture.victim.seen.isEmpty && lines.count == 1 && lines[0]["verdict"] as? String == "reject")
        #expect(lines[0]["reason"] as? String == "undecodable: \(detail)")
    }

    @Test("where the route says pass, it is passed on as it came, and logged as unscored")
    func passUndecodable() throws {
        let fixture = try GatewayFixture.make(Plan(onUndecodable: "pass"))
        let answer = try fixture.ask(body: Array("not json".utf8))
        #expect(answer.status == 200 && answer.text == "plain 8")
        #expect(fixture.victim.seen[0].body == Array("not json".utf8))
        let lines = try fixture.lines("decisions")
        #expect(
            lines.count == 1 && lines[0]["verdict"] as? String == "unscored" && lines[0]["digest"] is NSNull)
        #expect(fixture.gateway.counters.undecodable.load(ordering: .relaxed) == 1)
    }

    @Test(
        "a request body in a content coding is not scored as it stands (RFC 9110 §8.4)",
        arguments: [["gzip"], ["identity, gzip"], ["identity", "gzip"], ["X-Unknown"]])
    func codedRequest(lines: [String]) throws {
        let fixture = try GatewayFixture.make()
        var fields = HeaderList()
        for line in lines { try fields.add("Content-Encoding", line) }
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let client = try fixture.client()
        let answer = try client.send(.post, "/v1/models/m:predict", fields: fields, body: body)
        #expect(answer.status == (lines == ["X-Unknown"] ? 415 : 400) && answer.text.contains("cod"))
        #expect(fixture.victim.seen.isEmpty)
        fields.removeAll()
        try fields.add("Content-Encoding", "identity")
        #expect(try client.send(.post, "/v1/models/m:predict", fields: fields, body: body).status == 200)
    }

    @Test("a large body is decoded off the loop, and scored the same", arguments: [1, 300])
    func large(rows: Int) throws {
        let fixture = try GatewayFixture.make(Plan(queue: 1000))
        let picture = try fixture.model.picture(5..<45)
        let body = fixture.body(Array(repeating: picture, count: rows))
        #expect((body.count > ProtectedExchange.decodeInlineBytesMax) == (rows > 1))
        let answer = try fixture.ask(body: body)
        #expect(answer.status == 200 && answer.body == fixture.victim.answers[0])
        let broken = try fixture.ask(body: Array(body.dropLast()))
        #expect(broken.status == 400)
        let lines = try fixture.lines("decisions")
        #expect(
            lines.count == rows + 1 && Set(lines.dropLast().compactMap { $0["score"] as? Double }).count == 1)
    }

    // MARK: Overload

    /// Fills the gateway's scoring queue, each row another client's; the result empties it again.
    static func saturate(_ fixture: GatewayFixture) -> () -> Void {
        let pool = fixture.gateway.services.scoring
        let started = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        let first = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let others = (0..<pool.queueRowsMax).map { pool.submit(rows: 1, of: .other("\($0)")) { _ in } }
        #expect(first == .accepted && others.allSatisfy { $0 == .accepted })
        return { gate.signal() }
    }

    @Test(
        "a full scoring queue lets by unscored where the route says pass, each row with its line",
        arguments: [1, 30])
    func overloadPass(rows: Int) throws {
        var plan = Plan()
        plan.scoring = ", share_by: none"
        let fixture = try GatewayFixture.make(plan)
        let release = Self.saturate(fixture)
        defer { release() }
        let picture = try fixture.model.picture(99..<100)
        let answer = try fixture.ask(body: fixture.body(Array(repeating: picture, count: rows)))
        #expect(answer.status == 200 && answer.body == fixture.victim.answers[0])
        #expect(fixture.gateway.counters.overloaded.load(ordering: .relaxed) == 1)
        release()
        let metrics = try Exposed(fixture.admin().send(.get, "/metrics"))
        let unscored = metrics[#"samegate_rows_total{route="predict",verdict="unscored",mode="enforce"}"#]
        #expect(unscored == Double(rows))
        let lines = try fixture.lines("decisions")
        #expect(lines.count == rows && lines[0]["verdict"] as? String == "unscored")
        #expect(lines[0]["reason"] as? String == "the scoring queue is full")
        #expect(lines.compactMap { $0["row"] as? Int } == Array(0..<rows))
        #expect(lines.allSatisfy { $0["rows"] as? Int == rows && $0["digest"] is String })
    }

    @Test("a client that fills the scoring queue gets none of its own past it, and is in nobody else's way")
    func crowding() throws {
        var plan = Plan(queue: 8)
        plan.sections = "forwarded: {trusted_proxies: [127.0.0.1]}"
        let fixture = try GatewayFixture.make(plan)
        let pool = fixture.gateway.services.scoring
        let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        _ = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let picture = try fixture.model.picture(5..<45)
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        func ask(_ rows: Int, from address: String) -> Background<ClientResponse> {
            let body = fixture.body(Array(repeating: picture, count: rows))
            return Background {
                try HTTPClient(endpoint, timeout: .seconds(60)).send(
                    .post, "/v1/models/m:predict", fields: HeaderList(["X-Forwarded-For": address]),
                    body: body)
            }
        }
        let batch = ask(8, from: "192.0.2.1")
        #expect(eventually("a batch in the queue") { pool.queuedRows == 8 })
        for rows in [1, 300] {
            let refused = try ask(rows, from: "192.0.2.2").value()
            #expect(refused.status == 429 && refused.fields.value("retry-after") == "1")
            #expect(try refused.problemKind() == "crowding")
        }
        let other = ask(1, from: "198.51.100.1")
        #expect(eventually("another's query in the queue") { pool.queuedRows == 9 })
        gate.signal()
        #expect(try batch.value().status == 200 && other.value().status == 200)
        #expect(fixture.gateway.counters.scoringCrowded.load(ordering: .relaxed) == 2)
        let lines = try fixture.lines("decisions")
        let verdicts = lines.map { "\($0["client"] ?? "") \($0["verdict"] ?? "") \($0["row"] as? Int ?? -1)" }
        #expect(verdicts.prefix(2) == ["192.0.2.2 reject 0", "192.0.2.2 reject -1"])
        #expect(verdicts.dropFirst(2).allSatisfy { $0.contains(" pass ") } && verdicts.count == 11)
        #expect(
            lines[0]["reason"] as? String == "the scoring queue is full, and it is not its client's only row")
    }

    @Test("a full scoring queue refuses where the route says reject, and scores again once it is empty")
    func overloadReject() throws {
        let fixture = try GatewayFixture.make(Plan(onOverload: "reject"))
        let release = Self.saturate(fixture)
        let picture = try fixture.model.picture(5..<45)
        let answer = try fixture.ask(picture)
        #expect(answer.status == 503 && answer.fields.value("retry-after") == "1")
        #expect(try answer.problemKind() == "overloaded")
        #expect(fixture.victim.seen.isEmpty)
        release()
        #expect(eventually("an empty queue") { fixture.gateway.services.scoring.queuedRows == 0 })
        #expect(try fixture.ask(picture).status == 200)
        #expect(try fixture.verdicts() == ["reject", "pass"])
    }

    @Test(
        "a query whose deadline passes in the queue is dealt with as overload, the victim's answer or not",
        arguments: ["pass", "reject"])
    func deadline(onOverload: String) throws {
        let clock = ManualClock()
        var plan = Plan(onOverload: onOverload)
        plan.scoring = ", deadline: 50ms"
        let fixture = try GatewayFixture.make(plan, clock: clock)
        let pool = fixture.gateway.services.scoring
        let (started, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        _ = pool.submit(rows: 1) { _ in
            started.signal()
            gate.wait()
        }
        started.wait()
        let bodies = try [99.0..<100, 5..<45].map { fixture.body([try fixture.model.picture($0)]) }
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        // The second request shows that the connection goes on as usual.
        let asked = Background {
            let client = HTTPClient(endpoint, timeout: .seconds(60))
            return try bodies.map { try client.send(.post, "/v1/models/m:predict", body: $0) }
        }
        #expect(eventually("a query in the queue") { pool.queuedRows == 1 })
        #expect(eventually("the victim asked") { fixture.victim.answers.count == 1 })
        clock.advance(by: .milliseconds(51))
        gate.signal()
        let answers = try asked.value()
        let answer = answers[0]
        #expect(answers[1].status == 200)
        #expect(answer.status == (onOverload == "pass" ? 200 : 503))
        if onOverload == "pass" { #expect(answer.body == fixture.victim.answers[0]) }
        #expect(fixture.gateway.counters.scoringLate.load(ordering: .relaxed) == 1)
        let lines = try fixture.lines("decisions")
        #expect(lines.count == 2 && lines[0]["reason"] as? String == "the scoring deadline passed")
        #expect(lines[0]["verdict"] as? String == (onOverload == "pass" ? "unscored" : "reject"))
        #expect(lines[1]["verdict"] as? String == "pass")
    }

    // MARK: The victim's answer

    static let unreadable: [ScriptedVictim.Script] = [
        .text("garbage"), .text(#"{"predictions":[[NaN,0,1]]}"#), .text(#"{"predictions":[[0.5,0.5]]}"#),
        .text(#"{"predictions":[[0.2,0.2,0.2]]}"#), .text(#"{"predictions":[[0,0,1],[0,0,1]]}"#),
        .fixed(200, ["Content-Encoding: gzip"], [0x1F, 0x8B, 8, 0]), .fixed(204, [], []),
    ]

    @Test("an answer that cannot be read goes out where the route says pass", arguments: unreadable.indices)
    func unreadablePass(index: Int) throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(Self.unreadable[index])
        let answer = try fixture.ask(try fixture.model.picture(5..<45))
        #expect((200...204).contains(answer.status) && answer.body == fixture.victim.answers[0])
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["verdict"] as? String == "pass" && line["terms"] as? [String] == ["reconstruction"])
        #expect((line["reason"] as? String)?.hasPrefix("unreadable answer: ") == true)
        #expect(line["deviation"] is NSNull && line["reconstruction"] is Double)
        #expect(fixture.gateway.counters.unreadableAnswers.load(ordering: .relaxed) == 1)
    }

    @Test("the score without the answer still decides where the route says pass")
    func unreadableStillScored() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(.text("garbage"))
        #expect(try fixture.ask(TinyModel.picture(fixture.model.image, seed: 1, amplitude: 50)).status == 403)
    }

    @Test("an answer that cannot be read cannot be changed, and the log does not say that it was")
    func unreadablePerturb() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.perturb))
        let picture = try fixture.model.picture(60..<90)
        #expect(try fixture.ask(picture).status == 200)
        fixture.victim.play(.text("garbage"))
        #expect(try fixture.ask(picture).text == "garbage")
        let metrics = try Exposed(fixture.admin().send(.get, "/metrics"))
        #expect(metrics[#"samegate_rows_total{route="predict",verdict="perturb",mode="enforce"}"#] == 1)
        let lines = try fixture.lines("decisions")
        #expect(lines.map { $0["verdict"] as? String } == ["perturb", "perturb"])
        #expect(lines.map { $0["mode"] as? String } == ["enforce", "observe"])
        #expect((lines[1]["reason"] as? String)?.hasPrefix("unreadable answer: ") == true)
    }

    @Test("an answer that cannot be read is refused where the route says reject, and the log says so")
    func unreadableReject() throws {
        let fixture = try GatewayFixture.make(Plan(onUnreadableAnswer: "reject"))
        fixture.victim.play(.text("garbage"))
        let answer = try fixture.ask(try fixture.model.picture(5..<45))
        #expect(answer.status == 502)
        #expect(try answer.problemKind() == "unreadable-answer")
        #expect(try fixture.verdicts() == ["reject"])
        #expect(
            fixture.gateway.services.metrics.rows(.reject) == 1
                && fixture.gateway.services.metrics.rows(.pass) == 0)
    }

    @Test("an error of the victim passes as it is", arguments: [400, 404, 500, 503])
    func victimError(status: Int) throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(.fixed(status, ["X-Why: because"], Array(#"{"error":"no"}"#.utf8)))
        let answer = try fixture.ask(try fixture.model.picture(99..<100))
        #expect(answer.status == status && answer.text == #"{"error":"no"}"#)
        #expect(answer.fields.value("x-why") == "because")
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["verdict"] as? String == "pass")
        #expect(line["reason"] as? String == "the upstream answered \(status)")
    }

    // MARK: The victim fails

    @Test("an upstream that is down: 502, and the row is logged as unanswered")
    func down() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.stop()
        let answer = try fixture.ask(try fixture.model.picture(5..<45))
        #expect(answer.status == 502)
        #expect(try answer.problem()["type"] as? String == "about:blank")
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["verdict"] as? String == "unanswered" && line["digest"] is String)
        #expect(line["reason"] as? String == "the upstream failed: connect-failed")
    }

    @Test(
        "a body that was read as JSON goes on as JSON, whatever type and charset it came with",
        arguments: [
            (["application/json"], "application/json"),
            (["Application/JSON; charset=UTF-8"], "Application/JSON; charset=UTF-8"),
            (["application/json; charset=utf-7"], "application/json"),
            (["application/x-www-form-urlencoded"], "application/json"),
            (["application/json", "text/plain"], "application/json"), ([], "application/json"),
        ])
    func contentType(sent: [String], seen: String) throws {
        let fixture = try GatewayFixture.make()
        // What a client nominates goes (RFC 9110 §7.6.1), but not what is set after it.
        for (at, nominated) in ["keep-alive", "content-type, Accept-Encoding"].enumerated() {
            var fields = HeaderList()
            for type in sent { try fields.add("Content-Type", type) }
            try fields.add("Connection", nominated)
            let body = fixture.body([try fixture.model.picture(5..<45)])
            _ = try fixture.client().send(.post, "/v1/models/m:predict", fields: fields, body: body)
            let names: [StaticString] = ["content-type", "accept-encoding"]
            let found = names.flatMap { fixture.victim.seen[at].fields.values($0) }
            #expect(found == [at == 0 ? seen : "application/json", "identity"])
        }
    }

    @Test("an upstream that says nothing in time: 504")
    func silent() throws {
        let clock = ManualClock()
        let fixture = try GatewayFixture.make(Plan(upstream: ", first_byte_timeout: 5s"), clock: clock)
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let answer = Background { try HTTPClient(endpoint).send(.post, "/v1/models/m:predict", body: body) }
        #expect(fixture.victim.waitForHanging())
        clock.advance(by: .seconds(6))
        #expect(try answer.value().status == 504)
        fixture.victim.release()
    }

    @Test("an upstream that breaks off: 502")
    func half() throws {
        let raw = try RawServer { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"predictions\"")
        }
        defer { raw.stop() }
        let fixture = try GatewayFixture.make(upstream: "127.0.0.1:\(raw.port)")
        #expect(try fixture.ask(try fixture.model.picture(5..<45)).status == 502)
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["reason"] as? String == "the upstream failed: closed-in-answer")
    }

    @Test("more queries than may wait for the upstream: 503 with Retry-After")
    func queueFull() throws {
        let clock = ManualClock()
        let fixture = try GatewayFixture.make(Plan(upstream: ", connections: 1, queue: 1"), clock: clock)
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let ask: @Sendable () throws -> Int = {
            try HTTPClient(endpoint).send(.post, "/v1/models/m:predict", body: body).status
        }
        let first = Background(ask)
        #expect(fixture.victim.waitForHanging())
        let second = Background(ask)
        #expect(eventually("a query that waits") { fixture.gateway.upstreams[0].queueCount == 1 })
        let third = try fixture.ask(body: body)
        #expect(third.status == 503 && third.fields.value("retry-after") == "1")
        fixture.victim.play(.model(.probabilities))
        fixture.victim.release()
        #expect(try first.value() == 200 && second.value() == 200)
    }

    @Test("a client that goes away is logged, and its query is not scored for nobody")
    func clientGone() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let connection = try RawConnection(port: try Endpoint(parsing: fixture.gateway.addresses[0]).port)
        connection.send(
            "POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
        connection.send(body)
        #expect(fixture.victim.waitForHanging())
        connection.close()
        let line = try #require(fixture.lines("decisions").first)
        #expect(line["verdict"] as? String == "unanswered")
        #expect((line["reason"] as? String)?.hasPrefix("nobody waits any more") == true)
    }
}
