import Client
import Dispatch
import HTTPWire
import Proxy
import Synchronization
import Testing
import Transport

@testable import Secure

@Suite("The blocking client through TLS")
struct BlockingClientTests {
    private func client(
        _ server: TestServer, _ name: String = "localhost", timeout: Duration = .seconds(20),
        _ change: (inout ClientSecuritySettings) -> Void = { _ in }
    ) throws -> HTTPClient {
        var settings = ClientSecuritySettings(serverName: name)
        settings.authorityFile = PKI.shared.path("good-ca.pem")
        change(&settings)
        return HTTPClient(
            Endpoint(host: "127.0.0.1", port: server.port), security: try ClientSecurity(settings),
            timeout: timeout)
    }

    @Test("requests of any size go over one connection")
    func keepAlive() throws {
        let server = try TestServer(serving("plain")) { exchange in
            exchange.collectBody(bytesMax: 8 << 20) { body in
                exchange.respond(Response(status: 200, contentType: "text/plain", body: body))
            }
        }
        let client = try client(server)
        for size in [0, 1, 20_000, 3 << 20, 5] {
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(try client.send(.post, "/echo", body: body).body == body)
        }
        #expect(server.counters.handshakes.load(ordering: .relaxed) == 1)
        server.stop()
    }

    @Test("a certificate for another name, or of nobody known, is refused before anything is sent")
    func unknown() throws {
        let server = try TestServer(serving("plain"))
        #expect(throws: ClientError.handshakeFailed(.nameMismatch)) {
            try client(server, "elsewhere.example").send(.get, "/")
        }
        let error = #expect(throws: ClientError.self) {
            try client(server) { $0.authorityFile = nil }.send(.get, "/")
        }
        guard case .handshakeFailed(.certificateRefused)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(server.counters.requests == 0)
        server.stop()
    }

    @Test("a server without TLS is told from one with it")
    func clearText() throws {
        let server = try TestServer(nil)
        let error = #expect(throws: ClientError.self) { try client(server).send(.get, "/") }
        guard case .handshakeFailed? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        server.stop()
    }

    @Test("an interruption ends the wait for an answer, and the client with it")
    func interruption() throws {
        let asked = DispatchSemaphore(value: 0)
        let kept = Mutex<Exchange?>(nil)
        let server = try TestServer(serving("plain")) { exchange in
            kept.withLock { $0 = exchange }
            asked.signal()
        }
        let client = try client(server)
        let interruption = client.interruption
        DispatchQueue(label: "elsewhere").async { @Sendable in
            asked.wait()
            interruption.raise()
        }
        #expect(throws: ClientError.interrupted) { try client.send(.get, "/") }
        #expect(throws: ClientError.interrupted) { try client.send(.get, "/") }
        kept.withLock { $0 = nil }
        server.stop()
    }
}
