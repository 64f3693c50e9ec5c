import HTTPWire
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Limits and deadlines of clients")
struct LimitTests {
    struct Refusal: CustomTestStringConvertible {
        let request: String
        let status: Int
        var testDescription: String { "\(status)" }
    }

    static let refusals = [
        Refusal(request: "GET / HTTP/1.1\r\n\r\n", status: 400),
        Refusal(
            request: "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            status: 400),
        Refusal(request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", status: 413),
        Refusal(
            request: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n"
                + String(repeating: "a", count: 101) + "\r\n0\r\n\r\n", status: 413),
        Refusal(
            request: "GET /\(String(repeating: "a", count: 300)) HTTP/1.1\r\nHost: x\r\n\r\n", status: 414),
        Refusal(
            request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: magic\r\n\r\na", status: 417),
        Refusal(
            request: "GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 1100))\r\n\r\n",
            status: 431),
        Refusal(
            request: "GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 20) + "\r\n",
            status: 431),
        Refusal(
            request: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", status: 501),
        Refusal(request: "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", status: 501),
        Refusal(request: "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", status: 501),
        Refusal(request: "GET / HTTP/2.0\r\nHost: x\r\n\r\n", status: 505),
    ]

    static var tight: ProxySettings {
        var limits = ProxyLimits()
        limits.requestBodyBytesMax = 100
        limits.requestLineBytesMax = 200
        limits.requestHeadBytesMax = 1000
        limits.headerCountMax = 15
        return ProxySettings(limits: limits)
    }

    @Test("answers what breaks a rule or a limit with a problem document, then closes", arguments: refusals)
    func refuses(refusal: Refusal) throws {
        let server = try ServerUnderTest(settings: Self.tight) { exchange in
            exchange.collectBody(bytesMax: 1000) { _ in exchange.respond(plain("accepted")) }
        }
        let client = server.connect()
        client.send(refusal.request)
        let answer = try #require(client.answer())
        #expect(answer.status == refusal.status)
        #expect(answer.field("content-type") == "application/problem+json")
        #expect(answer.field("connection") == "close")
        let id = try #require(answer.field("x-request-id"))
        #expect(answer.body.contains("\"instance\":\"\(id)\""))
        #expect(client.receive() == nil)
        #expect(eventually { server.outcomes.first?.status == refusal.status })
    }

    @Test("lets a client that is still sending read the refusal")
    func lingers() throws {
        let server = try ServerUnderTest(settings: Self.tight) { $0.respond(plain("x")) }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n")
        // Had the server closed at once, this would meet a reset and lose the answer.
        client.send([UInt8](repeating: 0x61, count: 3_000_000))
        #expect(client.answer()?.status == 413)
    }

    @Test(
        "a lower limit of the handler counts",
        arguments: ["Content-Length: 11", "Transfer-Encoding: chunked"])
    func handlerLimit(framing: String) throws {
        let server = try ServerUnderTest { exchange in
            exchange.collectBody(bytesMax: 10) { _ in exchange.respond(plain("accepted")) }
        }
        let answer = server.ask(
            "POST / HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n")
        #expect(answer?.status == 413)
    }

    @Test("refuses one connection more than may be, and takes one again when one has gone")
    func connections() throws {
        var limits = ProxyLimits()
        limits.connectionsMax = 2
        let server = try ServerUnderTest(settings: ProxySettings(limits: limits)) { $0.respond(plain("x")) }
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        let first = server.connect()
        first.send(request)
        #expect(first.answer()?.status == 200)
        let second = server.connect()
        second.send(request)
        #expect(second.answer()?.status == 200)
        let third = server.connect()
        #expect(third.answer()?.status == 503)
        third.close()
        second.close()
        #expect(eventually { server.server.counters.connections.load(ordering: .relaxed) == 1 })
        #expect(server.ask(request)?.status == 200)
    }

    @Test("connections beyond those that are told of it are closed, and hold nothing")
    func beyondRefusing() throws {
        var settings = ProxySettings()
        settings.limits.connectionsMax = 1
        settings.refusalsMax = 1
        let server = try ServerUnderTest(settings: settings) { $0.respond(plain("x")) }
        let counters = server.server.counters
        let first = server.connect()
        first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(first.answer()?.status == 200)
        // It lingers, since its client closes nothing.
        let second = server.connect()
        #expect(second.answer()?.status == 503)
        let third = server.connect()
        #expect(third.receive() == nil)
        #expect(counters.connections.load(ordering: .relaxed) == 2)
        #expect(counters.refused.load(ordering: .relaxed) == 2)
        second.close()
        #expect(eventually { counters.connections.load(ordering: .relaxed) == 1 })
        #expect(server.connect().answer()?.status == 503)
        server.stop()
    }

    @Test("a head that is too slow gets 408")
    func slowHead() throws {
        let server = try ServerUnderTest { $0.respond(plain("x")) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT")
        #expect(client.answer()?.status == 200)
        server.clock.advance(by: .seconds(9))
        // More bytes buy no more time.
        client.send("P/1.")
        server.clock.advance(by: .seconds(2))
        #expect(client.answer()?.status == 408)
        #expect(client.receive() == nil)
    }

    @Test("an idle connection is closed without a word after the keep-alive time")
    func idle() throws {
        let server = try ServerUnderTest { $0.respond(plain("x")) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.status == 200)
        server.clock.advance(by: .seconds(74))
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer()?.status == 200)
        server.clock.advance(by: .seconds(76))
        #expect(client.receive() == nil)
    }

    @Test("a body that falls silent gets 408, and the handler is told")
    func slowBody() throws {
        let cancelled = ProxyCounters()
        let server = try ServerUnderTest { exchange in
            exchange.onCancel { reason in
                if reason == .timeout { cancelled.forgotten.add(1, ordering: .relaxed) }
            }
            exchange.collectBody(bytesMax: 100) { _ in exchange.respond(plain("x")) }
            cancelled.accepted.add(1, ordering: .relaxed)
        }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        #expect(eventually { cancelled.accepted.load(ordering: .relaxed) == 1 })
        server.clock.advance(by: .seconds(16))
        #expect(client.answer()?.status == 408)
        #expect(cancelled.forgotten.load(ordering: .relaxed) == 1)
    }

    @Test("a handler that never answers gets its client a 504 after the request time")
    func slowHandler() throws {
        let kept = Kept()
        let server = try ServerUnderTest { kept.keep($0) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { kept.count == 1 })
        server.clock.advance(by: .seconds(61))
        #expect(client.answer()?.status == 504)
        // The late answer is ignored.
        kept.each { exchange in exchange.respond(plain("late")) }
        #expect(client.receive() == nil)
    }

    @Test("a client that takes no byte of its answer is cut off, and what waits for it is bounded")
    func slowReader() throws {
        let server = try ServerUnderTest {
            $0.respond(Response(status: 200, body: [UInt8](repeating: 0x61, count: 8 << 20)))
        }
        let client = server.connect(receiveBuffer: 4096)
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { server.outcomes.count == 1 })
        server.clock.advance(by: .seconds(16))
        #expect(client.receiveAll().utf8.count < 8 << 20)
        #expect(eventually { server.server.counters.connections.load(ordering: .relaxed) == 0 })
    }
}
