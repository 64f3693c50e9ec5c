import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Slow bodies, greedy clients, odd framing")
struct SheddingTests {
    private static let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"

    private func collecting(_ limits: ProxyLimits, _ started: ProxyCounters) throws -> ServerUnderTest {
        try ServerUnderTest(settings: ProxySettings(limits: limits)) { exchange in
            exchange.collectBody(bytesMax: 1 << 20) { exchange.respond(plain("\($0.count)")) }
            started.forgotten.add(1, ordering: .relaxed)
        }
    }

    @Test(
        "a body that never falls silent but trickles gets 408 at the end of a window, and is counted",
        arguments: [false, true])
    func trickle(isFastAtFirst: Bool) throws {
        var limits = ProxyLimits()
        limits.bodyIdleTimeout = .seconds(15)
        limits.bodyBytesPerSecondMin = 100
        limits.bodyRateWindow = .seconds(10)
        let started = ProxyCounters()
        let server = try collecting(limits, started)
        let client = server.connect()
        client.send(Self.post)
        #expect(eventually { started.forgotten.load(ordering: .relaxed) == 1 })
        if isFastAtFirst {
            // The first window brings enough; what it brought beyond that is no credit for the second.
            client.send([UInt8](repeating: 97, count: 50_000))
            #expect(drainedInto(server, client))
            server.clock.advance(by: .seconds(10.1))
        }
        server.clock.advance(by: .seconds(6))
        client.send([UInt8](repeating: 97, count: 10))
        #expect(drainedInto(server, client))
        server.clock.advance(by: .seconds(6))
        #expect(client.answer()?.status == 408)
        #expect(server.server.counters.slowBodies.load(ordering: .relaxed) == 1)
    }

    /// Waits until the loop has read what the client has sent: a later connection's answer comes after it.
    private func drainedInto(_ server: ServerUnderTest, _ client: BlockingSocket) -> Bool {
        server.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")?.status == 200
            && server.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")?.status == 200
    }

    @Test("a body at the rate asked for is taken, however long it is under way")
    func steady() throws {
        var limits = ProxyLimits()
        limits.bodyBytesPerSecondMin = 100
        limits.bodyRateWindow = .seconds(10)
        let started = ProxyCounters()
        let server = try collecting(limits, started)
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n")
        #expect(eventually { started.forgotten.load(ordering: .relaxed) == 1 })
        for _ in 0..<4 {
            client.send([UInt8](repeating: 97, count: 1500))
            #expect(drainedInto(server, client))
            server.clock.advance(by: .seconds(10.1))
        }
        #expect(client.answer()?.body == "6000")
    }

    @Test("a client with as many connections as it may have gets 429 with Retry-After until one has gone")
    func perClient() throws {
        var limits = ProxyLimits()
        limits.connectionsPerClientMax = 2
        let server = try ServerUnderTest(loops: 2, settings: ProxySettings(limits: limits)) {
            $0.respond(plain("x"))
        }
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        let kept = [server.connect(), server.connect()]
        for client in kept {
            client.send(request)
            #expect(client.answer()?.status == 200)
        }
        let refusal = server.connect().answer()
        #expect(refusal?.status == 429)
        #expect(refusal?.field("retry-after") == "1")
        #expect(server.server.counters.refusedByClient.load(ordering: .relaxed) == 1)
        kept[0].close()
        #expect(eventually { server.server.counters.connections.load(ordering: .relaxed) == 1 })
        #expect(server.ask(request)?.status == 200)
    }

    @Test("a server with all the connections it may have says when to come again (RFC 9110 §10.2.3)")
    func retryAfter() throws {
        var limits = ProxyLimits()
        limits.connectionsMax = 1
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.respond(plain("x")) }
        let first = server.connect()
        first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(first.answer()?.status == 200)
        let refusal = server.connect().answer()
        #expect(refusal?.status == 503)
        #expect(refusal?.field("retry-after") == "1")
    }

    @Test("a client is forgotten with its last connection, and a refused one leaves no trace")
    func tally() throws {
        let tally = ClientTally()
        let client = AddressPrefix(client: try #require(SocketAddress(host: "192.0.2.1", port: 7)))
        #expect(tally.enter(client, limit: 1))
        #expect(!tally.enter(client, limit: 1))
        tally.leave(client)
        #expect(tally.clients == 0)
        tally.leave(client)
        #expect(tally.enter(client, limit: 1))
    }

    @Test(
        "chunk lines, extensions and trailers are bounded as set (RFC 9112 §7.1)",
        arguments: [
            ("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n0\r\n\r\n", 400),
            ("1;aaaaaaaa\r\na\r\n1;aaaaaaaa\r\na\r\n0\r\n\r\n", 400),
            ("0\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n", 431),
            ("0\r\nA: 1\r\nB: 2\r\n\r\n", 431),
            ("1;aaaaaaaa\r\na\r\n0\r\nA: 1\r\n\r\n", 200),
        ])
    func framing(body: String, status: Int) throws {
        var limits = ProxyLimits()
        limits.chunkLineBytesMax = 24
        limits.chunkExtensionBytesMax = 16
        limits.trailerBytesMax = 32
        limits.trailerCountMax = 1
        let server = try collecting(limits, ProxyCounters())
        let answer = server.ask(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(body)")
        #expect(answer?.status == status)
    }
}
