import Foundation
import Testing
import Transport

@testable import Gateway
@testable import Settings

@Suite("Gateway: places of a configuration, tried")
struct ProbeTests {
    private func probe(
        _ fixture: GatewayFixture, _ change: (inout GatewaySettings) -> Void
    ) throws -> [PlaceProbe] {
        var settings = fixture.settings
        settings.listeners[0].address = try free()
        settings.admin?.address = try free()
        change(&settings)
        return try GatewayAssembly(settings).probe(timeout: .seconds(20))
    }

    private func free() throws -> Settings.SocketAddress {
        let any = Transport.SocketAddress(host: "127.0.0.1", port: 0)
        let listener = try Listener(binding: try #require(any))
        defer { listener.close() }
        return Settings.SocketAddress(host: "127.0.0.1", port: listener.localAddress.port)
    }

    @Test("what works is said to, place by place, and nothing is left open or made")
    func good() throws {
        let fixture = try GatewayFixture.make(
            Plan(upstream: ", health: {path: /x, status: 200}"))
        let before = fixture.victim.seen.count
        let found = try probe(fixture) { $0.daemon.pidFile = fixture.folder + "/pid" }
        #expect(found.allSatisfy { $0.works }, "\(found)")
        #expect(
            found.map(\.path) == [
                "upstreams.victim", "listen[0].address", "admin.address", "logs.decisions", "logs.access",
                "daemon.pid_file",
            ])
        #expect(found[0].finding == "answers GET /x as it should")
        // The gateway of the fixture checks the health of its victim meanwhile.
        #expect(fixture.victim.seen.count > before)
    }

    @Test("what does not work is said with the reason")
    func bad() throws {
        let dead = try free()
        let fixture = try GatewayFixture.make(
            Plan(upstreams: "  dead: {url: 'http://127.0.0.1:\(dead.port)'}"))
        let taken = try fixture.port
        let found = try probe(fixture) { settings in
            settings.listeners[0].address = Settings.SocketAddress(host: "127.0.0.1", port: taken)
            settings.admin?.address = Settings.SocketAddress(host: "203.0.113.1", port: 9)
            settings.logs.access?.path = fixture.folder + "/gateway.key/x.jsonl"
            settings.admin?.socket = fixture.folder + "/absent/admin.sock"
            settings.daemon.pidFile = fixture.folder + "/absent/pid"
        }
        let by = Dictionary(uniqueKeysWithValues: found.map { ($0.path, $0) })
        #expect(by["upstreams.victim"]?.works == true)
        #expect(by["upstreams.dead"]?.works == false)
        #expect(by["upstreams.dead"]?.finding.contains("Connection refused") == true)
        #expect(by["listen[0].address"]?.works == true, "a gateway that runs is checked before its reload")
        #expect(by["admin.address"]?.works == false)
        #expect(by["logs.access"]?.works == false)
        #expect(by["admin.socket"]?.works == false)
        #expect(by["daemon.pid_file"]?.works == false)
        #expect(by["daemon.pid_file"]?.finding == "there is no \(fixture.folder)/absent")
    }

    @Test("logs are judged by the user who will write them")
    func otherUser() throws {
        let fixture = try GatewayFixture.make()
        #expect(chmod(fixture.folder + "/logs", 0o700) == 0)
        func logs(_ user: String) throws -> [PlaceProbe] {
            try probe(fixture) { $0.daemon.user = user }.filter { $0.path.hasPrefix("logs.") }
        }
        #expect(try logs("\(geteuid())").allSatisfy { $0.works })
        let found = try logs("54321")
        #expect(found.count == 2 && found.allSatisfy { !$0.works }, "\(found)")
        #expect(found.allSatisfy { $0.finding.contains("54321 may not make files in") }, "\(found)")
    }

    @Test("a certificate of an authority that is not trusted, or for another name, does not work")
    func certificates() throws {
        let pki = Certificates.shared
        let far = try GatewayFixture.make(Plan(listen: Plan.tls()))
        for (keys, works) in [
            ("ca_file: '\(pki.path("ca.pem"))'", true), ("verify: false", true), ("verify: true", false),
            ("ca_file: '\(pki.path("ca.pem"))', server_name: other.example", false),
        ] {
            let plan = Plan(
                upstreams: "  far: {url: 'https://localhost:\(try far.port)', tls: {\(keys)}}")
            let found = try probe(try GatewayFixture.make(plan)) { _ in }
            let here = found.filter { $0.path == "upstreams.far" && $0.place.contains("127.0.0.1") }
            #expect(here.map(\.works) == [works], "\(keys): \(here)")
        }
    }
}
