import Dispatch
import Foundation
import HTTPWire
import Proxy
import Synchronization
import Testing
import Transport

@testable import Secure

@Suite("TLS towards upstreams")
struct UpstreamTests {
    /// `openssl s_server` as an upstream: it answers each request with a page and closes.
    private final class Origin {
        let port: UInt16
        private let process = Process()

        init(_ arguments: [String]) throws {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
            process.arguments =
                ["s_server", "-accept", "127.0.0.1:0", "-www"] + arguments
            let output = Pipe()
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            var said = ""
            while !said.contains("ACCEPT") || !said.hasSuffix("\n") {
                let data = output.fileHandleForReading.availableData
                if data.isEmpty { break }
                said += String(decoding: data, as: UTF8.self)
            }
            let digits = said.split(separator: "\n").last { $0.hasPrefix("ACCEPT") }?.split(separator: ":")
                .last
            port = try #require(digits.flatMap { UInt16($0) }, "s_server said: \(said)")
        }

        deinit {
            // Threads of the pool have signals blocked, and what they start inherits that.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    private static func showing(_ name: String) -> [String] {
        ["-cert", PKI.shared.path(name + ".pem"), "-key", PKI.shared.path(name + ".key")]
    }

    /// What a client in clear text gets through a gateway that asks the upstream at `port`, and why not.
    private func ask(
        port: UInt16, requests: Int = 1, _ change: (inout ClientSecuritySettings) -> Void = { _ in }
    ) throws -> (answers: [String], error: UpstreamError?) {
        var settings = ClientSecuritySettings(serverName: "localhost")
        settings.authorityFile = PKI.shared.path("good-ca.pem")
        change(&settings)
        let upstream = Upstream(
            settings: UpstreamSettings(name: "origin", endpoint: Endpoint(host: "127.0.0.1", port: port)),
            security: try ClientSecurity(settings))
        let server = try TestServer(nil) { $0.stream(to: upstream) }
        defer { upstream.close() }
        let answers = (0..<requests).map { _ in
            let client = server.connect()
            client.send(Array("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
            return String(decoding: client.receiveAll() ?? [], as: UTF8.self)
        }
        return (answers, server.handler.outcomes.withLock { $0.last?.upstreamError })
    }

    @Test("openssl s_server answers over TLS 1.2 and 1.3", arguments: ["-tls1_2", "-tls1_3"])
    func answers(version: String) throws {
        let origin = try Origin(Self.showing("plain") + [version])
        let (answers, error) = try ask(port: origin.port)
        #expect(error == nil, "\(String(describing: error))")
        #expect(answers[0].hasPrefix("HTTP/1.1 200"))
        #expect(answers[0].contains(version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
    }

    @Test("http/1.1 alone is offered: an upstream that speaks only h2 gives 502 (RFC 7301 §3.2)")
    func applicationProtocol() throws {
        let other = try Origin(Self.showing("plain") + ["-alpn", "h2"])
        #expect(try ask(port: other.port).error?.cause == .handshakeFailed(.protocolMismatch))
        let same = try Origin(Self.showing("plain") + ["-alpn", "h2,http/1.1"])
        #expect(try ask(port: same.port).error == nil)
    }

    @Test("the name is asked for by SNI")
    func serverName() throws {
        let origin = try Origin(
            Self.showing("wild") + [
                "-servername", "one.example", "-cert2", PKI.shared.path("plain.pem"), "-key2",
                PKI.shared.path("plain.key"),
            ])
        let (answers, error) = try ask(port: origin.port) { $0.serverName = "one.example" }
        #expect(error == nil && answers[0].hasPrefix("HTTP/1.1 200"), "\(String(describing: error))")
    }

    @Test("an address in the certificate is good for an address asked for")
    func address() throws {
        let origin = try Origin(Self.showing("plain"))
        #expect(try ask(port: origin.port) { $0.serverName = "127.0.0.1" }.error == nil)
        #expect(
            try ask(port: origin.port) { $0.serverName = "127.0.0.2" }.error?.cause
                == .handshakeFailed(.nameMismatch))
    }

    @Test(
        "a certificate for another name gives 502",
        arguments: ["two.example", "wild.example", "a.b.wild.example"])
    func wrongName(name: String) throws {
        let origin = try Origin(Self.showing("wild"))
        let (answers, error) = try ask(port: origin.port) { $0.serverName = name }
        #expect(answers[0].hasPrefix("HTTP/1.1 502"))
        #expect(error?.cause == .handshakeFailed(.nameMismatch))
        #expect(error?.isRetrySafe == true)
    }

    @Test(
        "a certificate of another authority, or an expired one, gives 502",
        arguments: ["stranger", "expired"])
    func untrusted(name: String) throws {
        let origin = try Origin(Self.showing(name))
        let (answers, error) = try ask(port: origin.port)
        #expect(answers[0].hasPrefix("HTTP/1.1 502") && !answers[0].contains("certificate"))
        guard case .handshakeFailed(.certificateRefused(let reason)) = error?.cause else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty && error?.code == "tls-certificate-refused")
    }

    @Test("without a file of its own the system's authorities count, which do not know ours")
    func systemAuthorities() throws {
        let origin = try Origin(Self.showing("plain"))
        let error = try ask(port: origin.port) { $0.authorityFile = nil }.error
        #expect(error?.code == "tls-certificate-refused")
    }

    @Test("unverified, anybody will do")
    func unverified() throws {
        let origin = try Origin(Self.showing("stranger"))
        #expect(try ask(port: origin.port) { $0.isVerified = false }.error == nil)
    }

    @Test("our certificate is shown to an upstream that asks for one")
    func ownCertificate() throws {
        let origin = try Origin(
            Self.showing("plain") + [
                "-Verify", "1", "-verify_return_error", "-CAfile", PKI.shared.path("good-ca.pem"), "-tls1_2",
            ])
        let (answers, error) = try ask(port: origin.port) { $0.certificate = pair("client") }
        #expect(error == nil && answers[0].hasPrefix("HTTP/1.1 200"), "\(String(describing: error))")
        #expect(try ask(port: origin.port).answers[0].hasPrefix("HTTP/1.1 502"))
    }

    @Test("an upstream that speaks HTTP without TLS gives 502")
    func plainUpstream() throws {
        let origin = try TestServer(nil)
        let (answers, error) = try ask(port: origin.port)
        #expect(answers[0].hasPrefix("HTTP/1.1 502"))
        #expect(error?.cause == .handshakeFailed(.notTLS), "\(String(describing: error))")
    }

    @Test("connections are kept and reused, and new ones resume the session")
    func resumed() throws {
        let origin = try TestServer(serving("plain"))
        let (answers, error) = try ask(port: origin.port, requests: 3)
        #expect(error == nil && answers.allSatisfy { $0.contains("hello") })
        let closing = try TestServer(serving("plain")) { exchange in
            var response = plain("once")
            response.closesConnection = true
            exchange.respond(response)
        }
        let more = try ask(port: closing.port, requests: 3)
        #expect(more.answers.allSatisfy { $0.contains("once") })
        #expect(closing.counters.handshakes.load(ordering: .relaxed) == 3)
        #expect(closing.counters.handshakesResumed.load(ordering: .relaxed) == 2)
    }
}
