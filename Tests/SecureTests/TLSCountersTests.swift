import Foundation
import HTTPWire
import Proxy
import TestSupport
import Testing
import Transport

@testable import Secure

@Suite("TLS counters")
struct TLSCountersTests {
    @Test(
        "completed handshakes are counted by version, and resumed ones apart", arguments: TLSVersion.allCases)
    func completed(version: TLSVersion) throws {
        let server = try TestServer(serving("plain"))
        let ticket = NSTemporaryDirectory() + "samegate-ticket-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: ticket) }
        let flag = version == .v12 ? "-tls1_2" : "-tls1_3"
        _ = server.client([flag, "-sess_out", ticket])
        _ = server.client([flag, "-sess_in", ticket])
        let counters = try #require(server.security?.counters)
        #expect(counters.handshakes(version, resumed: false) == 1)
        #expect(counters.handshakes(version, resumed: true) == 1)
        #expect(counters.handshakes == 2 && counters.failures == 0)
        #expect(eventually("both are closed") { counters.connections == 0 })
    }

    @Test(
        "failed handshakes are counted by their reason",
        arguments: [
            (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], TLSFailureReason.versionMismatch),
            (["-tls1_2", "-cipher", "AES128-SHA"], .cipherMismatch),
            (["-alpn", "h2"], .protocolMismatch),
            (["-verify_hostname", "other.example", "-verify_return_error"], .alert),
        ])
    func failed(arguments: [String], reason: TLSFailureReason) throws {
        let server = try TestServer(serving("plain"))
        _ = server.client(arguments)
        let counters = try #require(server.security?.counters)
        #expect(eventually("it has failed") { counters.failures == 1 })
        let found = TLSFailureReason.allCases.filter { counters.failures($0) > 0 }
        #expect(found == [reason])
        #expect(counters.connections == 0)
    }

    @Test("a handshake that takes too long counts as abandoned, clear text as what it is")
    func abandoned() throws {
        let server = try TestServer(serving("plain"))
        let counters = try #require(server.security?.counters)
        let silent = server.connect()
        #expect(eventually("it is there") { server.counters.connections.load(ordering: .relaxed) == 1 })
        server.clock.advance(by: .seconds(11))
        #expect(silent.receiveAll() == [])
        #expect(counters.failures(.abandoned) == 1)
        let plain = server.connect()
        plain.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        _ = plain.receiveAll()
        #expect(counters.failures(.plainHTTP) == 1 && counters.failures == 2)
    }

    @Test("each reason's name is the code of the session's failure")
    func names() {
        let failures: [SecurityFailure] = [
            .plainHTTP, .notTLS, .versionMismatch, .cipherMismatch, .protocolMismatch, .certificateMissing,
            .nameMismatch, .certificateRefused("x"), .alert("x"), .truncated, .handshakeTooLarge,
            .violation("x"), .system(1),
        ]
        for failure in failures { #expect(TLSFailureReason(failure).rawValue == failure.code) }
    }
}
