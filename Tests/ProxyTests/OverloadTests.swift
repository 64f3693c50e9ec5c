import Foundation
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Overload, and limits of listeners and routes")
struct OverloadTests {
    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Exchanges that wait until a test lets them go.
    private final class Kept: Sendable {
        let exchanges = Mutex<[Exchange]>([])
        var count: Int { exchanges.withLock(\.count) }
        func answerAll() {
            for exchange in exchanges.withLock({ $0 }) {
                exchange.loop.execute { @Sendable in exchange.respond(plain("late")) }
            }
        }
    }

    @Test(
        "one request more than may be under way is 503 with Retry-After, its connection lives, and it is counted"
    )
    func requests() throws {
        var limits = ProxyLimits()
        limits.requestsMax = 2
        let kept = Kept()
        let server = try ServerUnderTest(loops: 2, settings: ProxySettings(limits: limits)) { exchange in
            kept.exchanges.withLock { $0.append(exchange) }
        }
        let waiting = [server.connect(), server.connect()]
        for client in waiting { client.send(Self.get) }
        #expect(eventually { kept.count == 2 })
        #expect(server.server.counters.requestsUnderWay == 2)
        let third = server.connect()
        third.send(Self.get)
        let refusal = try #require(third.answer())
        #expect(refusal.status == 503 && refusal.field("retry-after") == "1")
        #expect(refusal.field("connection") == nil)
        #expect(server.server.counters.shed[.requests] == 1)
        kept.answerAll()
        for client in waiting { #expect(client.answer()?.status == 200) }
        #expect(eventually { server.server.counters.requestsUnderWay == 0 })
        third.send(Self.get)
        #expect(eventually { kept.count == 3 })
        kept.answerAll()
        #expect(third.answer()?.status == 200)
        #expect(server.outcomes.contains { $0.shed == .requests && $0.status == 503 })
    }

    @Test(
        "bodies that take more memory than there is are 503, and the process grows by no more than the bound says"
    )
    func flood() throws {
        var limits = ProxyLimits()
        limits.bufferBytesMax = 16 << 20
        limits.requestBodyBytesMax = 8 << 20
        let server = try ServerUnderTest(loops: 2, settings: ProxySettings(limits: limits)) { exchange in
            exchange.collectBody(bytesMax: 8 << 20) { exchange.respond(plain("\($0.count)")) }
        }
        let before = residentBytes()
        let body = [UInt8](repeating: 97, count: 4 << 20)
        // Each announces 8 MiB, sends half and waits: 64 of them would take 256 MiB.
        let clients = (0..<64).map { _ in server.connect() }
        for client in clients {
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(8 << 20)\r\n\r\n")
            let end = DispatchTime.now() + .milliseconds(100)
            var sent = 0
            while sent < body.count, DispatchTime.now() < end {
                let count = client.sendWithoutWaiting(Array(body[sent...]))
                if count > 0 { sent += count } else if errno != EAGAIN { break } else { sched_yield() }
            }
        }
        #expect(server.server.counters.shed[.memory] > 0)
        // Each of the two loops looks before it reads, and a read brings 64 KiB at most.
        #expect(server.server.counters.bufferedBytes <= limits.bufferBytesMax + 2 * (64 << 10))
        // Arrays double as they grow, so half as much again may have been copied at the same time, on each loop.
        #expect(residentBytes() - before < 3 * limits.bufferBytesMax)
        #expect(eventually("an answer has come") { clients.contains { $0.hasBytes } })
        for client in clients where client.hasBytes { #expect(client.answer()?.status == 503) }
        for client in clients { client.close() }
        #expect(eventually { server.server.counters.bufferedBytes == 0 })
        #expect(server.ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")?.body == "2")
    }

    @Test(
        "a handler that answers while the upstream works lets go of it, and of the memory that it counts for")
    func answeredBeforeTheUpstream() throws {
        let asked = Mutex(0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            asked.withLock { $0 += 1 }
            // Until the gateway closes, or for the answer to nobody.
            if connection.receive(exactly: 5) != nil { _ = connection.receive() }
        }
        let upstream = origin.upstream()
        let forwarded = Kept()
        let server = try ServerUnderTest { exchange in
            exchange.collectBody(bytesMax: 1 << 20) { body in
                exchange.forward(body: body, to: upstream, answerBytesMax: 1000) { _ in
                    Issue.record("nobody waits for it")
                }
                forwarded.exchanges.withLock { $0.append(exchange) }
            }
        }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
        #expect(eventually { asked.withLock { $0 } == 1 && forwarded.count == 1 })
        forwarded.answerAll()
        #expect(client.answer()?.body == "late")
        #expect(eventually("the connection to the upstream is gone") { upstream.connectionCount == 0 })
        client.close()
        #expect(eventually { server.server.counters.bufferedBytes == 0 })
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a long head counts while its request lasts; between requests no connection keeps its memory")
    func longHeads() throws {
        let asked = Kept()
        let server = try ServerUnderTest { exchange in asked.exchanges.withLock { $0.append(exchange) } }
        let value = String(repeating: "v", count: 14_000)
        let counted = 2 * value.utf8.count - ServerConnection.keptHeadBytes
        let clients = (0..<8).map { _ in server.connect() }
        for round in 1...2 {
            for client in clients {
                client.send("GET / HTTP/1.1\r\nHost: x\r\nA: \(value)\r\nB: \(value)\r\n\r\n")
            }
            #expect(eventually("round \(round)") { asked.count == round * clients.count })
            #expect(
                eventually { server.server.counters.bufferedBytes >= clients.count * counted })
            asked.answerAll()
            for client in clients { #expect(client.answer()?.body == "late") }
            #expect(eventually { server.server.counters.bufferedBytes == 0 })
        }
        server.stop()
    }

    @Test("heads that never end share the same memory")
    func heads() throws {
        var limits = ProxyLimits()
        limits.bufferBytesMax = 1 << 20
        limits.requestHeadBytesMax = 256 << 10
        limits.fieldBytesMax = 256 << 10
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.respond(plain("x")) }
        let head = "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 128 << 10)
        let clients = (0..<32).map { _ in server.connect() }
        for client in clients { client.send(head) }
        #expect(eventually { server.server.counters.shed[.memory] > 0 })
        #expect(server.server.counters.bufferedBytes <= limits.bufferBytesMax + (256 << 10))
        for client in clients { client.close() }
        #expect(eventually { server.server.counters.bufferedBytes == 0 })
        #expect(server.ask(Self.get)?.status == 200)
    }

    @Test(
        "a client that takes an answer too slowly is cut off at the end of a window, one that takes nothing sooner"
    )
    func slowReader() throws {
        var limits = ProxyLimits()
        limits.answerIdleTimeout = .seconds(30)
        limits.answerRateWindow = .seconds(10)
        limits.answerBytesPerSecondMin = 1 << 20
        let text = String(repeating: "x", count: 32 << 20)
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.respond(plain(text)) }
        let client = server.connect(receiveBuffer: 4096)
        client.send(Self.get)
        #expect(eventually { server.server.counters.bufferedBytes > 0 })
        server.clock.advance(by: .seconds(10.1))
        #expect(eventually { server.server.counters.timeouts[.answerRate] == 1 })
        #expect(eventually { server.server.counters.connections.load(ordering: .relaxed) == 0 })
        #expect(server.server.counters.bufferedBytes == 0)
    }

    @Test("a client that takes too little of a streamed answer is told from one that has gone")
    func slowStream() throws {
        var limits = ProxyLimits()
        limits.answerRateWindow = .seconds(10)
        limits.answerBytesPerSecondMin = 1 << 20
        let text = String(repeating: "x", count: 8 << 20)
        let origin = ScriptedUpstream.answering { _ in ok(text) }
        let upstream = origin.upstream()
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.stream(to: upstream) }
        let client = server.connect(receiveBuffer: 4096)
        client.send(Self.get)
        #expect(eventually { server.server.counters.bufferedBytes > 0 })
        server.clock.advance(by: .seconds(10.1))
        #expect(eventually { server.outcomes.first?.end == .cut(.slowReader) })
        client.close()
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a connection is closed after the requests, or the time, that it may have")
    func keepAlive() throws {
        var limits = ProxyLimits()
        limits.keepAliveRequestsMax = 2
        limits.keepAliveAgeMax = .seconds(60)
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.respond(plain("x")) }
        let client = server.connect()
        client.send(Self.get)
        #expect(client.answer()?.field("connection") == nil)
        client.send(Self.get)
        #expect(client.answer()?.field("connection") == "close")
        let old = server.connect()
        #expect(eventually { server.server.counters.accepted.load(ordering: .relaxed) == 2 })
        server.clock.advance(by: .seconds(61))
        let young = server.connect()
        young.send(Self.get)
        #expect(young.answer()?.field("connection") == nil)
        old.close()
    }

    @Test("a listener's own limits hold for its connections, a route's for its requests and no longer")
    func places() throws {
        var tight = ProxyLimits()
        tight.requestBodyBytesMax = 10
        tight.fieldBytesMax = 64
        var wide = tight
        wide.requestBodyBytesMax = 100
        let set = LimitSet(wide)
        var settings = ProxySettings()
        settings.routedBodyBytesMax = wide.requestBodyBytesMax
        settings.listenerLimits = ["127.0.0.1:0": LimitSet(tight)]
        let server = try ServerUnderTest(settings: settings) { exchange in
            if exchange.request.target.path == "/wide" { exchange.limit(to: set) }
            exchange.collectBody(bytesMax: 1000) { exchange.respond(plain("\($0.count)")) }
        }
        let client = server.connect()
        func post(_ path: String, _ count: Int) -> Answer? {
            let body = String(repeating: "a", count: count)
            client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(count)\r\n\r\n\(body)")
            return client.answer()
        }
        #expect(post("/", 10)?.body == "10")
        #expect(post("/wide", 100)?.body == "100")
        #expect(post("/", 11)?.status == 413)
        let long = String(repeating: "a", count: 80)
        #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\n\r\n")?.status == 431)
        #expect(server.server.counters.framingErrors[.fieldTooLong] == 1)
        #expect(server.server.counters.framingErrors[.bodyTooLarge] == 1)
    }

    @Test("shedding by lateness begins above its bound and ends below half of it")
    func hysteresis() {
        var limits = ProxyLimits()
        limits.loopLagMax = .milliseconds(100)
        let cells = ShardCells()
        var overload = Overload(cells, among: [cells])
        let lags: [UInt64] = [99, 101, 99, 51, 49, 99, 101]
        let shed = lags.map {
            overload.reason(Overload.Bounds(limits), lagNanoseconds: $0 * 1_000_000) == .lag
        }
        #expect(shed == [false, true, true, true, false, false, true])
        limits.loopLagMax = .zero
        #expect(overload.reason(Overload.Bounds(limits), lagNanoseconds: .max) == nil)
    }

    private func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) * sysconf(Int32(_SC_PAGESIZE))
    }
}
