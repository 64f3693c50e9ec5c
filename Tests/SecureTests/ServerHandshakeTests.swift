import Foundation
import HTTPWire
import Proxy
import Synchronization
import Testing
import Transport

@testable import Secure

@Suite("TLS towards clients")
struct ServerHandshakeTests {
    @Test(
        "openssl s_client gets its answer over TLS 1.2 and 1.3, and a close_notify",
        arguments: ["-tls1_2", "-tls1_3"])
    func client(version: String) throws {
        let server = try TestServer(serving("plain"))
        let ran = server.client([version])
        #expect(ran.output.contains("hello"))
        #expect(ran.output.contains("Verify return code: 0 (ok)"))
        #expect(ran.output.contains(version == "-tls1_2" ? "New, TLSv1.2" : "New, TLSv1.3"))
        #expect(!ran.error.contains("unexpected eof"))
        #expect(ran.output.contains("Compression: NONE"))
    }

    @Test("curl gets several answers over one connection", arguments: [["--tls-max", "1.2"], ["--tlsv1.3"]])
    func keepAlive(version: [String]) throws {
        let server = try TestServer(serving("plain"))
        let twice = server.curl(version + ["https://localhost:\(server.port)/again"])
        #expect(twice.status == 0, "\(twice.error)")
        #expect(twice.output == "hellohello")
        #expect(server.counters.handshakes.load(ordering: .relaxed) == 1)
        #expect(server.counters.requests == 2)
    }

    @Test("TLS 1.1 is refused with a protocol_version alert (RFC 8996)")
    func oldVersion() throws {
        let server = try TestServer(serving("plain"))
        let ran = server.client(["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])
        #expect(ran.error.contains("alert protocol version"), "\(ran.error)")
        #expect(server.counters.handshakesFailed.load(ordering: .relaxed) == 1)
    }

    @Test("TLS 1.2 is refused where 1.3 is the least")
    func leastVersion() throws {
        let server = try TestServer(serving("plain") { $0.profile.leastVersion = .v13 })
        #expect(server.client(["-tls1_2"]).error.contains("alert protocol version"))
        #expect(server.client(["-tls1_3"]).output.contains("hello"))
    }

    @Test(
        "ciphers without forward secrecy or authenticated encryption are refused",
        arguments: ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA"])
    func weakCipher(name: String) throws {
        let server = try TestServer(serving("plain"))
        #expect(server.client(["-tls1_2", "-cipher", name]).error.contains("handshake failure"))
    }

    @Test("renegotiation is refused")
    func renegotiation() throws {
        let server = try TestServer(serving("plain"))
        let ran = run(
            "/bin/sh",
            [
                "-c",
                "(echo R; sleep 1) | openssl s_client -connect 127.0.0.1:\(server.port) -tls1_2",
            ])
        #expect(
            ran.error.contains("no renegotiation") || ran.output.contains("no renegotiation"), "\(ran.error)")
    }

    // MARK: Names

    @Test(
        "the certificate is the one for the name asked for (RFC 6066 §3), or the first",
        arguments: [
            ("one.example", "plain"), ("ONE.example", "plain"), ("a.wild.example", "wild"),
            ("a.b.wild.example", "plain"), ("wild.example", "plain"), ("elsewhere.example", "plain"),
        ])
    func serverName(name: String, expected: String) throws {
        let server = try TestServer(serving("plain", "wild"))
        #expect(server.client(["-servername", name]).output.contains("subject=CN = \(expected)\n"))
    }

    @Test("certificates of two kinds of key for one name: each client gets the one it can verify")
    func twoKinds() throws {
        let server = try TestServer(serving("plain", "both-rsa", "both-ec"))
        func subject(_ algorithms: String) -> String {
            server.client(["-servername", "both.example", "-sigalgs", algorithms]).output
        }
        #expect(subject("ECDSA+SHA256").contains("subject=CN = both-ec\n"))
        #expect(subject("RSA-PSS+SHA256").contains("subject=CN = both-rsa\n"))
    }

    @Test("the name that was asked for is known to the exchange, in lower case")
    func nameOnExchange() throws {
        let server = try TestServer(serving("plain")) { exchange in
            let security = exchange.security
            exchange.respond(plain("\(security?.serverName ?? "-") \(security?.version ?? "-")"))
        }
        #expect(server.curl(["-H", "Host: x"]).output == "localhost TLSv1.3")
    }

    // MARK: Application protocols

    @Test("http/1.1 is chosen among others (RFC 7301 §3.2)")
    func alpn() throws {
        let server = try TestServer(serving("plain"))
        #expect(server.client(["-alpn", "h2,http/1.1"]).output.contains("ALPN protocol: http/1.1"))
        #expect(server.client().output.contains("No ALPN negotiated"))
    }

    @Test(
        "a client that offers http/1.0 alone is served, and http/1.1 is preferred to it (RFC 7301 §3.2, §6)")
    func alpnOld() throws {
        let server = try TestServer(serving("plain"))
        #expect(server.client(["-alpn", "http/1.0"]).output.contains("ALPN protocol: http/1.0"))
        #expect(server.client(["-alpn", "http/1.0,http/1.1"]).output.contains("ALPN protocol: http/1.1"))
    }

    @Test("a client that offers only others is refused with no_application_protocol (RFC 7301 §3.2)")
    func alpnRefused() throws {
        let server = try TestServer(serving("plain"))
        #expect(server.client(["-alpn", "h2"]).error.contains("no application protocol"))
    }

    // MARK: What upstreams are told

    @Test("X-Forwarded-Proto says https behind TLS, whatever the client claims")
    func forwardedProto() throws {
        let origin = try TestServer(nil) { exchange in
            let fields = exchange.request.fields
            let index = fields.firstIndex(of: "x-forwarded-proto")
            let value = index.map { fields.withValue(at: $0) { String(decoding: $0, as: UTF8.self) } }
            exchange.respond(plain(value ?? "none"))
        }
        let upstream = Upstream(
            settings: UpstreamSettings(
                name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: origin.port)))
        let server = try TestServer(serving("plain")) { $0.stream(to: upstream) }
        #expect(server.curl(["-H", "X-Forwarded-Proto: http"]).output == "https")
        upstream.close()
    }
}
