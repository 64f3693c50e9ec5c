import Client
import Foundation
import Testing

@testable import Gateway
@testable import Settings

@Suite("Gateway: the side door at a Unix socket")
struct AdminSocketTests {
    private func make() throws -> (GatewayFixture, String) {
        let path = NSTemporaryDirectory() + "sg-\(UUID().uuidString.prefix(8)).sock"
        let fixture = try GatewayFixture.make()
        var settings = fixture.settings
        settings.admin?.socket = path
        settings.admin?.socketMode = 0o660
        _ = try fixture.gateway.reload(settings)
        return (fixture, path)
    }

    private func curl(_ path: String, _ place: String, _ arguments: [String] = []) -> String {
        run(
            "curl",
            ["-sS", "--unix-socket", path, "-w", "\n%{http_code}"] + arguments + ["http://localhost\(place)"]
        ).output
    }

    private func mode(_ path: String) -> Int? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
    }

    @Test("it serves what the address serves, and whoever may open the file may change something")
    func serves() throws {
        let (fixture, path) = try make()
        #expect(curl(path, "/healthz") == "alive\n\n200")
        #expect(curl(path, "/metrics").contains("samegate_connections "))
        #expect(mode(path) == 0o660)
        // The gate knows the peer as one of this machine; a page's request is refused here too.
        #expect(
            curl(path, "/reload", ["-X", "POST"]).hasSuffix("503"), "no reloader is attached in this test")
        #expect(curl(path, "/reload", ["-X", "POST", "-H", "Origin: http://x"]).hasSuffix("403"))
        #expect(try fixture.admin().send(.get, "/healthz").status == 200, "the address is served beside it")
    }

    @Test("a reload changes its mode, moves it, and takes it away with its file; the end does too")
    func reloads() throws {
        let (fixture, path) = try make()
        var settings = fixture.settings
        settings.admin?.socket = path
        settings.admin?.socketMode = 0o600
        _ = try fixture.gateway.reload(settings)
        #expect(mode(path) == 0o600 && curl(path, "/healthz").hasSuffix("200"))
        settings.admin?.socket = path + "2"
        _ = try fixture.gateway.reload(settings)
        #expect(mode(path) == nil && curl(path + "2", "/healthz").hasSuffix("200"))
        fixture.stop()
        #expect(mode(path + "2") == nil)
    }

    @Test("a start, or a reload, that fails after it was made takes it away; one that serves already stays")
    func failures() throws {
        let (fixture, path) = try make()
        var settings = fixture.settings
        settings.admin?.socket = path + ".new"
        settings.logs.access?.path = fixture.folder + "/gateway.key/x.jsonl"
        #expect(throws: AssemblyError.self) {
            _ = try Gateway(try GatewayAssembly(settings), log: GatewayFixture.log)
        }
        #expect(mode(path + ".new") == nil)
        settings = fixture.settings
        // An address that no machine has: RFC 5737.
        settings.admin?.address = Settings.SocketAddress(host: "203.0.113.1", port: 9)
        for socket in [path + ".new", path] {
            settings.admin?.socket = socket
            #expect(throws: AssemblyError.self) { _ = try fixture.gateway.reload(settings) }
        }
        #expect(mode(path + ".new") == nil && curl(path, "/healthz").hasSuffix("200"))
    }

    @Test("what a dead process has left is replaced; what lives, or is no socket, is not")
    func stale() throws {
        let (fixture, path) = try make()
        var settings = fixture.settings
        settings.admin?.socket = path
        let other = try GatewayFixture.make()
        var wanted = other.settings
        wanted.admin?.socket = path
        let error = #expect(throws: AssemblyError.self) { _ = try other.gateway.reload(wanted) }
        #expect(error?.problems.map(\.path) == ["admin.socket"])
        let file = path + ".txt"
        try Data("mine".utf8).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        wanted.admin?.socket = file
        #expect(throws: AssemblyError.self) { _ = try other.gateway.reload(wanted) }
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
        // A process that was killed: its socket is there, and nobody listens.
        let dead = path + ".dead"
        _ = run("python3", ["-c", "import socket; socket.socket(socket.AF_UNIX).bind('\(dead)')"])
        #expect(mode(dead) != nil)
        wanted.admin?.socket = dead
        _ = try other.gateway.reload(wanted)
        #expect(curl(dead, "/healthz").hasSuffix("200"))
        _ = fixture
    }
}
