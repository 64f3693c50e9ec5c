import Client
import Dispatch
import Foundation
import HTTPWire
import Logging
import TestSupport
import Testing
import Transport

@testable import Gateway
@testable import Settings

/// A numeric address.
private func address(_ host: String, _ port: UInt16 = 0) throws -> Transport.SocketAddress {
    let address = Transport.SocketAddress(host: host, port: port)
    return try #require(address)
}

@Suite("Gateway: another configuration while it runs")
struct ReloadTests {
    @Test("new exchanges go by the new configuration, on the connection that was open before")
    func routes() throws {
        let fixture = try GatewayFixture.make()
        let client = try fixture.client()
        let body = fixture.body([try fixture.model.picture(5..<45)])
        #expect(try client.send(.post, "/v1/models/m:predict", body: body).status == 200)
        var settings = fixture.settings
        settings.routes[0].methods = ["PUT"]
        #expect(try fixture.gateway.reload(settings) == ["routes.predict: changed"])
        #expect(try client.send(.post, "/v1/models/m:predict", body: body).status == 405)
        #expect(try fixture.gateway.reload(fixture.settings) == ["routes.predict: changed"])
        #expect(try client.send(.post, "/v1/models/m:predict", body: body).status == 200)
        let upstream = fixture.gateway.upstreams[0].snapshot(ofServer: 0, at: SystemClock().now())
        #expect(
            upstream.counters.opened.load(ordering: .relaxed) == 1,
            "the pool of an unchanged upstream goes on")
    }

    @Test("a configuration that cannot be served changes nothing, and everything wrong with it is said")
    func refusal() throws {
        let fixture = try GatewayFixture.make()
        var settings = fixture.settings
        settings.models[0].bundle = fixture.folder + "/missing.bundle"
        settings.secrets.keyFile = fixture.folder + "/missing.key"
        let error = try #require(throws: AssemblyError.self) { _ = try fixture.gateway.reload(settings) }
        #expect(error.problems.map(\.path) == ["models.m.bundle", "secrets.key_file"])
        #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
    }

    @Test("when a configuration was taken up is told by the wall clock of that moment")
    func lastSuccess() throws {
        let clock = ManualClock()
        let fixture = try GatewayFixture.make(clock: clock)
        let told = fixture.gateway.state.reloads
        #expect(told.lastSuccess.load(ordering: .relaxed) == clock.wallSeconds())
        clock.advance(by: .seconds(3_600))
        _ = try fixture.gateway.reload(fixture.settings)
        #expect(told.lastSuccess.load(ordering: .relaxed) == clock.wallSeconds())
    }

    @Test("an address that is taken refuses the whole configuration, and what was bound for it is let go")
    func takenAddress() throws {
        let fixture = try GatewayFixture.make()
        var settings = fixture.settings
        let free = try Listener(binding: address("127.0.0.1"))
        let port = free.localAddress.port
        free.close()
        let taken = try fixture.port
        var first = settings.listeners[0]
        first.address = Settings.SocketAddress(host: "127.0.0.1", port: port)
        var second = first
        second.address = Settings.SocketAddress(host: "127.0.0.1", port: taken)
        settings.listeners += [first, second]
        let error = try #require(throws: AssemblyError.self) { _ = try fixture.gateway.reload(settings) }
        #expect(error.problems.map(\.path) == ["listen[2].address"])
        let again = try Listener(binding: address("127.0.0.1", port))
        again.close()
    }

    @Test("listeners are added and removed by address; connections through a removed one end")
    func listeners() throws {
        let fixture = try GatewayFixture.make()
        let free = try Listener(binding: address("127.0.0.1"))
        let port = free.localAddress.port
        free.close()
        var settings = fixture.settings
        var added = settings.listeners[0]
        added.address = Settings.SocketAddress(host: "127.0.0.1", port: port)
        settings.listeners.append(added)
        #expect(try fixture.gateway.reload(settings) == ["listen.127.0.0.1:\(port): added"])
        let through = HTTPClient(Endpoint(host: "127.0.0.1", port: port))
        let body = fixture.body([try fixture.model.picture(5..<45)])
        #expect(try through.send(.post, "/v1/models/m:predict", body: body).status == 200)
        #expect(try fixture.gateway.reload(fixture.settings) == ["listen.127.0.0.1:\(port): removed"])
        #expect(throws: ClientError.self) { try through.send(.post, "/v1/models/m:predict", body: body) }
        #expect(throws: ClientError.self) {
            _ = try HTTPClient(Endpoint(host: "127.0.0.1", port: port)).send(.get, "/")
        }
    }

    @Test("a model is loaded anew when a file of its bundle has changed, and kept when none has")
    func models() throws {
        let fixture = try GatewayFixture.make()
        let plan = fixture.gateway.generation.assembly.model("m")
        #expect(try fixture.gateway.reload(fixture.settings).isEmpty)
        #expect(fixture.gateway.generation.assembly.model("m") === plan)
        let other = try TinyModel.otherGray.get()
        try other.bundle.write(to: fixture.folder + "/m.bundle")
        #expect(try fixture.gateway.reload(fixture.settings) == ["models.m: loaded anew"])
        #expect(fixture.gateway.generation.assembly.model("m") !== plan)
        #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
    }

    @Test("of more generations than may be in use at once the oldest's requests are cut, and counted")
    func generationCap() throws {
        let fixture = try GatewayFixture.make()
        fixture.victim.play(.hang)
        var settings = fixture.settings
        settings.limits.generations = 3
        let body = fixture.body([try fixture.model.picture(5..<45)])
        let clients = try (0..<3).map { _ in
            let port = try fixture.port
            let waiting = Background {
                let client = HTTPClient(Endpoint(host: "127.0.0.1", port: port), timeout: .seconds(60))
                return try client.send(.post, "/v1/models/m:predict", body: body).status
            }
            #expect(fixture.victim.waitForHanging())
            _ = try fixture.gateway.reload(settings)
            return waiting
        }
        let counters = fixture.gateway.state
        // Three reloads: the first request's generation is the fourth from the newest.
        #expect(throws: (any Error).self) { _ = try clients[0].value() }
        #expect(counters.proxyCounters.retired.load(ordering: .relaxed) == 1)
        #expect(
            eventually("three generations") { counters.reloads.generations.load(ordering: .relaxed) == 3 })
        fixture.victim.release()
        for client in clients[1...] { #expect(try client.value() == 200) }
    }

    @Test("a generation that no exchange uses any more is let go of")
    func generations() throws {
        let fixture = try GatewayFixture.make()
        let counters = fixture.gateway.state.reloads
        for _ in 0..<5 { _ = try fixture.gateway.reload(fixture.settings) }
        #expect(eventually("one generation") { counters.generations.load(ordering: .relaxed) == 1 })
    }

    @Test(
        "a challenge issued before a reload, even of the key, is redeemed once after it",
        arguments: [false, true])
    func withheld(changesKey: Bool) throws {
        let fixture = try GatewayFixture.make(Plan(bands: Plan.proofOfWork))
        let picture = try fixture.model.picture(60..<95)
        let token = try fixture.ask(picture).challenge()
        if changesKey {
            try Data((0..<32).map { UInt8(200 - $0) }).write(
                to: URL(fileURLWithPath: fixture.folder + "/gateway.key"))
        }
        _ = try fixture.gateway.reload(fixture.settings)
        let proof = try ProofTests.solve(token)
        #expect(try fixture.ask(picture, proof: proof).status == 200)
        _ = try fixture.gateway.reload(fixture.settings)
        #expect(try fixture.ask(picture, proof: proof).status == 403)
    }

    @Test(
        "examinations that another key would give otherwise are not kept over its change, others are",
        arguments: [(true, false, 2), (true, true, 0), (false, true, 2), (false, false, 2)])
    func examinations(isMasked: Bool, changesKey: Bool, hits: Int) throws {
        let fixture = try GatewayFixture.make(
            Plan(model: isMasked ? TinyModel.full : TinyModel.gray, mode: "observe", scoring: ", cache: 8"))
        let picture = TinyModel.picture(fixture.model.image, seed: 6, amplitude: 0.7)
        #expect(try fixture.ask(picture).status == 200)
        for number in 1...2 {
            if changesKey {
                try Data((0..<32).map { UInt8(100 * number + $0) }).write(
                    to: URL(fileURLWithPath: fixture.folder + "/gateway.key"))
            }
            _ = try fixture.gateway.reload(fixture.settings)
            #expect(try fixture.ask(picture).status == 200)
        }
        #expect(fixture.gateway.counters.cacheHits.load(ordering: .relaxed) == hits)
        let losses = try fixture.lines("decisions").map { $0["masked"] as? Double }
        #expect(losses.count == 3 && losses.allSatisfy { ($0 != nil) == isMasked })
        if !changesKey { #expect(Set(losses).count == 1) }
    }

    @Test("counters go on over a reload")
    func counters() throws {
        let fixture = try GatewayFixture.make()
        for _ in 0..<3 {
            #expect(try fixture.ask(fixture.model.picture(5..<45)).status == 200)
            _ = try fixture.gateway.reload(fixture.settings)
        }
        let text = try fixture.admin().send(.get, "/metrics").text
        #expect(
            text.contains(#"samegate_rows_total{route="predict",verdict="pass",mode="enforce"} 3"#))
    }
}

@Suite("Gateway: who may change something through the side door")
struct AdminGateTests {
    @Test(
        "without a token only programs of this machine, and no page's name for it",
        arguments: [
            ("127.0.0.1", "127.0.0.1:9090", true), ("127.9.9.9", "localhost", true),
            ("::1", "[::1]:9090", true),
            ("127.0.0.1", "evil.example", false), ("127.0.0.1", "localhost.evil.example", false),
            ("127.0.0.1", "[evil", false), ("10.0.0.1", "10.0.0.2", false), ("fe80::1", "localhost", false),
        ])
    func place(peer: String, host: String, isLetIn: Bool) throws {
        let gate = AdminGate(token: nil)
        let place = try address(peer, 1)
        let fields = try HeaderList(["Host": host])
        #expect(gate.judge(fields, from: place).isProceed == isLetIn)
    }

    @Test("with a token whoever knows it, whole and once")
    func token() throws {
        let gate = AdminGate(token: Array("0123456789abcdef".utf8))
        let far = try address("10.0.0.1", 1)
        func ask(_ fields: KeyValuePairs<String, String>) throws -> Bool {
            let fields = try HeaderList(fields)
            return gate.judge(fields, from: far).isProceed
        }
        #expect(try ask(["Authorization": "Bearer 0123456789abcdef"]))
        #expect(try !ask(["Authorization": "Bearer 0123456789abcde"]))
        #expect(try !ask(["Authorization": "Basic 0123456789abcdef"]))
        #expect(try !ask([:]))
        #expect(
            try !ask(["Authorization": "Bearer 0123456789abcdef", "authorization": "Bearer 0123456789abcdef"])
        )
    }

    @Test("no web page, whatever else it brings", arguments: ["Origin", "Sec-Fetch-Site"])
    func page(field: String) throws {
        let near = try address("127.0.0.1", 1)
        let fields = try HeaderList([
            field: "null", "Host": "localhost", "Authorization": "Bearer 0123456789abcdef",
        ])
        #expect(!AdminGate(token: nil).judge(fields, from: near).isProceed)
        #expect(!AdminGate(token: Array("0123456789abcdef".utf8)).judge(fields, from: near).isProceed)
    }
}

extension AdminGate.Verdict {
    var isProceed: Bool { if case .proceed = self { true } else { false } }
}
