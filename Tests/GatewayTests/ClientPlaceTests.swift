import Client
import Foundation
import HTTPWire
import Identity
import Synchronization
import Testing
import Transport

@testable import Gateway
@testable import Policy
@testable import Settings

@Suite("Gateway: a client's identity, from its handshake to policy, servers and logs")
struct ClientPlaceTests {
    @Test("a client certificate is who the client is: for the route, for the challenge, for both logs")
    func certificate() throws {
        var plan = Plan(bands: Plan.proofOfWork)
        plan.listen = Plan.tls(clients: "optional")
        plan.authenticate = "required"
        plan.sections = "identity: {client_certificate: {id: subject}}"
        let fixture = try GatewayFixture.make(plan)
        let path = "/v1/models/m:predict"
        let body = fixture.folder + "/query.json"
        let query = fixture.body([try fixture.model.picture(60..<99.9)])
        try Data(query).write(to: URL(fileURLWithPath: body))
        func ask(_ client: String?, _ arguments: [String] = []) throws -> (status: String, text: String) {
            let ran = try fixture.curl(as: client, path: path, ["--data-binary", "@" + body] + arguments)
            let lines = ran.output.split(separator: "\n").map(String.init)
            return (lines.last ?? ran.error, lines.dropLast().joined())
        }
        #expect(
            try ask(nil).status == "401", "the certificate is optional, the route's authentication is not")
        let demand = try ask("alice")
        #expect(demand.status == "428")
        let problem = try JSONSerialization.jsonObject(with: Data(demand.text.utf8)) as? [String: Any]
        let proof = try ProofTests.solve(try #require(problem?["challenge"] as? String))
        let field = ["-H", "\(ProofField.name): \(proof.value)"]
        #expect(try ask("bob", field).status == "403", "a challenge is its client's alone")
        #expect(try ask("alice", field).status == "200")
        let clients = try fixture.lines("decisions").map { $0["client"] as? String }
        #expect(clients.compactMap { $0 }.allSatisfy { $0.hasPrefix("certificate:") && $0.contains("CN=") })
        #expect(clients.count { $0?.contains("CN=alice") == true } == 2)
        #expect(clients.count { $0?.contains("CN=bob") == true } == 1)
        let accesses = try fixture.lines("access").map { "\($0["client"] ?? "")" }
        #expect(accesses.count { $0.contains("CN=alice") } == 2)
    }

    @Test("a stranger's certificate ends the handshake, and is counted")
    func stranger() throws {
        var plan = Plan(listen: Plan.tls(clients: "required"))
        plan.sections = "identity: {client_certificate: {id: subject}}"
        let fixture = try GatewayFixture.make(plan)
        #expect(try fixture.curl(path: "/x").status != 0, "none was shown")
        #expect(try fixture.curl(as: "alice", path: "/x").output.hasSuffix("200"))
        let text = try fixture.admin().send(.get, "/metrics").text
        #expect(text.contains(#"reason="certificate-missing"} 1"#))
    }

    @Test(
        "consistent hashing sends one identity to one server from whatever address, and many to all of them")
    func hashing() throws {
        let keys = try (0..<24).map { try APIKeyRecord.make(id: "client-\($0)") }
        let servers = try (0..<3).map { number in
            try RawServer { connection in
                while connection.readRequest() != nil {
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
                }
            }
        }
        var plan = Plan()
        let urls = servers.map { "{url: 'http://127.0.0.1:\($0.port)'}" }.joined(separator: ", ")
        plan.upstreams = "  fleet: {servers: [\(urls)], balance: consistent-hash}"
        plan.routes = "  - {name: hashed, path: /hashed/*, upstream: fleet, authenticate: required}"
        plan.sections = "identity: {api_keys: keys}"
        plan.files = ["keys": keys.map { $0.record.line + "\n" }.joined()]
        let fixture = try GatewayFixture.make(plan)
        func server(of key: APIKey, from source: String) throws -> String {
            try fixture.curl(path: "/hashed/x", ["-H", "Authorization: Bearer \(key.text)"], from: source)
                .output
        }
        var used: Set<String> = []
        for (key, _) in keys {
            let first = try server(of: key, from: "127.0.0.1")
            #expect(first.hasSuffix("\n200"))
            #expect(try server(of: key, from: "127.0.0.2") == first)
            used.insert(first)
        }
        #expect(used.count == 3)
        servers.forEach { $0.stop() }
    }
}
