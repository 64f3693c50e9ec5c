import Client
import Dispatch
import Foundation
import HTTPWire
import Logging
import TestSupport
import Testing
import Transport

@testable import Gateway

@Suite("Gateway: logs and the end")
struct JournalTests {
    @Test("a decision's line says what happened, in every field")
    func decision() throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.proofOfWork))
        let picture = try fixture.model.picture(60..<95)
        let before = Date()
        let answer = try fixture.ask(picture, fields: ["X-Request-Id": "r-1"])
        let expected = fixture.model.score(picture, answer: TinyModel.answer(to: picture[...]))
        let line = try #require(fixture.lines("decisions").first)
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        let time = try #require(formatter.date(from: line["time"] as? String ?? ""))
        #expect(time.timeIntervalSince(before) > -1 && time.timeIntervalSince(before) < 60)
        #expect(line["request_id"] as? String == "r-1" && line["client"] as? String == "127.0.0.1")
        #expect(
            line["route"] as? String == "predict" && line["row"] as? Int == 0 && line["rows"] as? Int == 1)
        for (name, value) in [
            ("reconstruction", Double(expected.values.reconstruction)), ("score", expected.raw),
            ("deviation", Double(expected.values.deviation ?? -1)),
            ("percentile", expected.percentile),
        ] {
            let logged = try #require(line[name] as? Double)
            #expect(abs(logged - value) <= 1e-3 * abs(value), "\(name)")
        }
        #expect(line["verdict"] as? String == "proof-of-work" && line["mode"] as? String == "enforce")
        let hashes = try #require(try answer.problem()["expected_hashes"] as? Double)
        #expect(abs(Double(line["difficulty"] as? Int ?? 0) - hashes) <= 1)
        #expect(line["terms"] as? [String] == ["reconstruction", "deviation"] && line["reason"] is NSNull)
        #expect((line["digest"] as? String)?.count == 64)
        let latencies = try #require(line["latencies_ms"] as? [String: Double])
        #expect(Set(latencies.keys) == ["parse", "queue", "score", "upstream", "decide", "total"])
        #expect(latencies.values.allSatisfy { $0 >= 0 } && latencies["total"]! >= latencies["score"]!)
    }

    @Test("the access log has a line for each request, malformed ones too")
    func access() throws {
        let fixture = try GatewayFixture.make()
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let answer = try fixture.ask(body: body, fields: ["X-Request-Id": "a"])
        _ = try fixture.ask(body: [], path: "/status?x", method: .get)
        _ = try fixture.ask(body: [], path: "/a//b", method: .get)
        let raw = try RawConnection(port: try Endpoint(parsing: fixture.gateway.addresses[0]).port)
        raw.send("BAD\r\n\r\n")
        #expect(raw.readByte() == UInt8(ascii: "H"))
        raw.close()
        // Connections live on several loops, so their lines come in any order.
        let all = try fixture.lines("access")
        #expect(all.count == 4)
        let lines = try ["/v1/models/m:predict", "/status?x", "/a//b", ""].map { path in
            try #require(all.first { $0["path"] as? String == path })
        }
        #expect(lines.compactMap { $0["status"] as? Int } == [200, 200, 400, 400])
        #expect(lines.map { $0["route"] as? String } == ["predict", "rest", nil, nil])
        #expect(lines.map { $0["upstream"] as? String } == ["victim", "victim", nil, nil])
        #expect(lines[0]["request_id"] as? String == "a" && lines[0]["method"] as? String == "POST")
        #expect(lines[0]["request_bytes"] as? Int == body.count)
        #expect(lines[0]["answer_bytes"] as? Int == answer.body.count)
        #expect(lines[1]["path"] as? String == "/status?x")
    }

    @Test("logs that cannot be written do not stop traffic, and what they lose is counted")
    func unwritable() throws {
        let fixture = try GatewayFixture.make()
        try FileManager.default.removeItem(atPath: fixture.folder + "/logs")
        try Data("in the way".utf8).write(to: URL(fileURLWithPath: fixture.folder + "/logs"))
        let picture = try fixture.model.picture(5..<45)
        for _ in 0..<3 { #expect(try fixture.ask(picture).status == 200) }
        fixture.stop()
        #expect(fixture.gateway.logLosses == 6)
    }

    @Test("a drain finishes what is under way and takes nothing new")
    func drain() throws {
        // What asks whether it still listens is answered 404 by the gateway itself; the victim would let it hang.
        let fixture = try GatewayFixture.make(Plan(catchAll: "/elsewhere/*"))
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let answer = Background { try HTTPClient(endpoint).send(.post, "/v1/models/m:predict", body: body) }
        #expect(fixture.victim.waitForHanging())
        let drained = Box(false)
        fixture.gateway.drain { @Sendable in drained.value.withLock { $0 = true } }
        #expect(
            eventually("a closed listener") {
                do throws(ClientError) {
                    _ = try HTTPClient(endpoint).send(.get, "/v1/models/m:predict")
                    return false
                } catch {
                    if case .connectFailed = error { return true }
                    return false
                }
            })
        #expect(!drained.value.withLock { $0 })
        fixture.victim.release()
        let response = try answer.value()
        #expect(response.status == 200 && response.body == fixture.victim.answers.last)
        #expect(response.fields.lists("connection", "close"))
        #expect(eventually("the end") { drained.value.withLock { $0 } })
        let data = try Data(contentsOf: URL(fileURLWithPath: fixture.folder + "/logs/decisions.jsonl"))
        #expect(data.count { $0 == UInt8(ascii: "\n") } == 1)
    }

    @Test("the end writes out a log that a reload has replaced too, and no reload comes into effect any more")
    func replaced() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(.hang)
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let endpoint = try Endpoint(parsing: fixture.gateway.addresses[0])
        let answer = Background { try HTTPClient(endpoint).send(.post, "/v1/models/m:predict", body: body) }
        #expect(fixture.victim.waitForHanging())
        var settings = fixture.settings
        settings.logs.decisions?.path = fixture.folder + "/logs/other.jsonl"
        #expect(try fixture.gateway.reload(settings) == ["logs: changed"])
        fixture.victim.release()
        #expect(try answer.value().status == 200)
        #expect(try fixture.verdicts().count == 1)
        let error = #expect(throws: AssemblyError.self) { _ = try fixture.gateway.reload(settings) }
        #expect(error?.description.contains("the gateway is ending") == true)
    }

    @Test("an answer that nobody fetched is let go of when its time is over")
    func sweep() throws {
        let clock = ManualClock()
        let fixture = try GatewayFixture.make(Plan(bands: Plan.proofOfWork), clock: clock)
        #expect(try fixture.ask(try fixture.model.picture(60..<95)).status == 428)
        #expect(fixture.gateway.storeStatistics.answers == 1)
        clock.advance(by: .seconds(302))
        #expect(eventually("an empty store") { fixture.gateway.storeStatistics.answers == 0 })
        #expect(fixture.gateway.storeStatistics.answerBytes == 0)
    }
}

@Suite("Gateway: logs that cannot be written")
struct UnwritableLogTests {
    /// A place below a file, where nothing can be made.
    private func impossible(_ fixture: GatewayFixture) -> String {
        fixture.folder + "/gateway.key/logs/x.jsonl"
    }

    @Test("a gateway does not start without its logs, and a reload to some that cannot be written is refused")
    func refused() throws {
        let fixture = try GatewayFixture.make()
        var settings = fixture.settings
        settings.logs.decisions?.path = impossible(fixture)
        settings.logs.access?.path = impossible(fixture)
        let reload = #expect(throws: AssemblyError.self) { _ = try fixture.gateway.reload(settings) }
        #expect(reload?.problems.map(\.path) == ["logs.decisions.path", "logs.access.path"])
        #expect(reload?.problems[0].message.hasSuffix("Not a directory") == true)
        let start = #expect(throws: AssemblyError.self) {
            _ = try Gateway(try GatewayAssembly(settings), log: GatewayFixture.log)
        }
        #expect(start?.problems.count == 2)
        #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
    }

    @Test("a log that is written already does not stand in a reload's way when its folder has gone")
    func kept() throws {
        let fixture = try GatewayFixture.make()
        try FileManager.default.removeItem(atPath: fixture.folder + "/logs")
        try Data().write(to: URL(fileURLWithPath: fixture.folder + "/logs"))
        var settings = fixture.settings
        settings.routes[0].methods = ["PUT"]
        #expect(try fixture.gateway.reload(settings) == ["routes.predict: changed"])
    }

    @Test("what the operator is told names the log, its file and the system's reason")
    func told() throws {
        let fixture = try GatewayFixture.make()
        let said = Box<[String]>([])
        var settings = fixture.settings
        settings.logs.decisions = nil
        settings.logs.access?.path = "/dev/full"
        let gateway = try Gateway(
            try GatewayAssembly(settings), log: Logger(label: "test") { _ in Recorder(said) })
        try gateway.start()
        let client = HTTPClient(try Endpoint(parsing: gateway.addresses[0]), timeout: .seconds(60))
        #expect(try client.send(.get, "/x").status == 200, "traffic goes on")
        let ended = DispatchSemaphore(value: 0)
        gateway.drain { @Sendable in ended.signal() }
        #expect(ended.wait(timeout: .now() + 60) == .success)
        let line = said.value.withLock { $0.first { $0.contains("access log") } }
        #expect(line?.contains("the access log cannot be written: No space left on device") == true)
        #expect(line?.contains("/dev/full") == true)
    }
}
