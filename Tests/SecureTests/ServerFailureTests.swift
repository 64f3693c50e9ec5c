import Foundation
import HTTPWire
import Proxy
import TestSupport
import Testing
import Transport

@testable import Secure

@Suite("TLS handshakes that fail")
struct ServerFailureTests {
    /// The beginning of a ClientHello as `openssl` sends it: a record of 512 bytes, of which nothing but the head comes.
    private static let begun: [UInt8] = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03]

    private func failures(_ server: TestServer) -> Int {
        server.counters.handshakesFailed.load(ordering: .relaxed)
    }
    private func open(_ server: TestServer) -> Int { server.counters.connections.load(ordering: .relaxed) }

    @Test("HTTP without TLS gets 400 in clear text", arguments: ["GET", "POST", "HEAD", "PUT"])
    func plainHTTP(method: String) throws {
        let server = try TestServer(serving("plain"))
        let client = server.connect()
        client.send(Array("\(method) / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".utf8))
        client.shutdownWrite()
        let answer = String(decoding: try #require(client.receiveAll()), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(answer.contains("https://") && answer.contains("Connection: close"))
        #expect(failures(server) == 1)
        #expect(server.counters.requests == 0)
    }

    @Test(
        "bytes that are no TLS end the connection without an answer of HTTP",
        arguments: [
            Array("SSH-2.0-OpenSSH\r\n\r\n".utf8), [UInt8](repeating: 0, count: 64),
            [UInt8](repeating: 0xFF, count: 300),
            [0x80, 0x2E, 0x01, 0x03, 0x01, 0x00] + [UInt8](repeating: 7, count: 50),
        ])
    func garbage(bytes: [UInt8]) throws {
        let server = try TestServer(serving("plain"))
        let client = server.connect()
        client.send(bytes)
        client.shutdownWrite()
        let answer = try #require(client.receiveAll())
        #expect(!answer.starts(with: Array("HTTP".utf8)))
        #expect(eventually("closed") { open(server) == 0 })
        #expect(failures(server) == 1)
    }

    @Test("a handshake cut off at any place frees the connection", arguments: 1...11)
    func truncated(count: Int) throws {
        let server = try TestServer(serving("plain"))
        let client = server.connect()
        client.send(Array(Self.begun.prefix(count)))
        client.shutdownWrite()
        #expect(client.receiveAll() != nil)
        #expect(eventually("closed") { open(server) == 0 })
        #expect(failures(server) == 1)
    }

    @Test("a handshake that takes longer than its deadline is closed", arguments: [0, 4, 11])
    func slow(count: Int) throws {
        let server = try TestServer(serving("plain") { $0.handshakeTimeout = .seconds(7) })
        let client = server.connect()
        client.send(Array(Self.begun.prefix(count)))
        #expect(eventually("accepted") { open(server) == 1 })
        // The loop has seen the connection once work that was queued behind it has run.
        for loop in server.group.loops { loop.sync {} }
        server.clock.advance(by: .seconds(6))
        #expect(open(server) == 1)
        // Another byte buys no more time.
        client.send([0x16])
        server.clock.advance(by: .seconds(2))
        #expect(client.receiveAll() != nil)
        #expect(eventually("closed") { open(server) == 0 })
        #expect(failures(server) == 1)
    }

    @Test("a first message longer than a handshake needs is refused before it is held")
    func endless() throws {
        let server = try TestServer(serving("plain"))
        let client = server.connect()
        // A ClientHello that claims 131,000 bytes, in records of 16 KiB, which never ends.
        var first: [UInt8] = [0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x01, 0xFF, 0xB8, 0x03, 0x03]
        first += [UInt8](repeating: 0, count: 0x4000 - 6)
        client.send(first)
        for _ in 0..<20 {
            client.send([0x16, 0x03, 0x01, 0x40, 0x00] + [UInt8](repeating: 0, count: 0x4000))
        }
        #expect(client.receiveAll() != nil)
        #expect(eventually("closed") { open(server) == 0 })
    }

    @Test("connections past the limit are let go without a handshake")
    func shed() throws {
        var limits = ProxyLimits()
        limits.connectionsMax = 1
        let server = try TestServer(serving("plain"), proxy: ProxySettings(limits: limits))
        let first = server.connect()
        #expect(eventually("accepted") { open(server) == 1 })
        let second = server.connect()
        #expect(second.receiveAll() == [], "\(server.standing)")
        #expect(server.counters.refused.load(ordering: .relaxed) == 1)
        #expect(eventually("the refused one is gone") { open(server) == 1 })
        _ = first
    }
}
