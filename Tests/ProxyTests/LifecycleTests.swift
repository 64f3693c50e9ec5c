import Dispatch
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Bounds of the pool, drain, clients that go, descriptors", .serialized)
struct LifecycleTests {
    @Test("requests beyond the pool wait their turn, and beyond the queue get 503 with Retry-After")
    func queue() throws {
        let gate = DispatchSemaphore(value: 0)
        let origin = ScriptedUpstream { connection, _ in
            while connection.receive(through: "\r\n\r\n") != nil {
                gate.wait()
                connection.send(ok("x"))
            }
        }
        let upstream = origin.upstream {
            $0.connectionsMax = 1
            $0.queueMax = 2
        }
        let server = try ServerUnderTest(loops: 2) { $0.stream(to: upstream) }
        let clients = (0..<3).map { _ in server.connect() }
        for client in clients {
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if client === clients[0] {
                #expect(eventually { origin.connections == 1 && upstream.queueCount == 0 })
            }
        }
        #expect(eventually { upstream.queueCount == 2 })
        let refusal = try #require(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        #expect(refusal.status == 503)
        #expect(refusal.field("retry-after") == "1")
        for _ in 0..<3 { gate.signal() }
        // The loops share one connection's permit: the other loop gets its turn too.
        for client in clients { #expect(client.answer()?.body == "x") }
        #expect(upstream.connectionCount <= 1)
        for _ in 0..<8 { gate.signal() }
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a request that waits too long for a connection gets 503")
    func queueTimeout() throws {
        let origin = ScriptedUpstream { connection, _ in while connection.receive() != nil {} }
        let upstream = origin.upstream { $0.connectionsMax = 1 }
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let first = server.connect()
        first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { origin.connections == 1 && upstream.queueCount == 0 })
        let second = server.connect()
        second.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { upstream.queueCount == 1 })
        server.clock.advance(by: .seconds(2))
        #expect(second.answer()?.status == 503)
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("drain closes idle connections, lets the others finish with Connection: close")
    func drain() throws {
        let kept = Kept()
        let server = try ServerUnderTest {
            if $0.request.target.path == "/wait" { kept.keep($0) } else { $0.respond(plain("x")) }
        }
        let idle = server.connect()
        idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(idle.answer()?.status == 200)
        let busy = server.connect()
        busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { kept.count == 1 })
        let done = DispatchSemaphore(value: 0)
        server.server.drain(deadline: .seconds(30)) { @Sendable in done.signal() }
        #expect(idle.receive() == nil)
        kept.each { $0.respond(plain("done")) }
        let answer = try #require(busy.answer())
        #expect(answer.body == "done")
        #expect(answer.field("connection") == "close")
        busy.close()
        #expect(done.wait(timeout: .now() + .seconds(10)) == .success)
    }

    @Test("a listener that is taken away lets its connections finish, with Connection: close, and no more")
    func removedListener() throws {
        let kept = Kept()
        let goOn = DispatchSemaphore(value: 0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            goOn.wait()
            connection.send("half")
            _ = connection.receive()
        }
        let upstream = origin.upstream()
        let server = try ServerUnderTest { exchange in
            switch exchange.request.target.path {
            case "/wait": kept.keep(exchange)
            case "/stream": exchange.stream(to: upstream)
            default: exchange.respond(plain("x"))
            }
        }
        let (idle, busy, begun) = (server.connect(), server.connect(), server.connect())
        idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(idle.answer()?.status == 200)
        busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        begun.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(begun.receive(through: "half") != nil)
        #expect(eventually { kept.count == 1 })
        let other = try Listener(binding: try #require(SocketAddress(host: "127.0.0.1", port: 0)))
        try server.server.apply(listeners: [other], settings: ProxySettings(), handler: server.handler)
        #expect(idle.receive() == nil)
        kept.each { $0.respond(plain("done")) }
        let answer = try #require(busy.answer())
        #expect(answer.body == "done" && answer.field("connection") == "close")
        busy.close()
        goOn.signal()
        #expect(begun.receiveAll() == "half")
        #expect(server.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")?.body == "x")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("drain cuts what is left after its deadline")
    func drainDeadline() throws {
        let kept = Kept()
        let server = try ServerUnderTest { kept.keep($0) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { kept.count == 1 })
        let done = DispatchSemaphore(value: 0)
        server.server.drain(deadline: .seconds(30)) { @Sendable in done.signal() }
        server.group.loops[0].sync { @Sendable in }
        server.clock.advance(by: .seconds(31))
        #expect(done.wait(timeout: .now() + .seconds(10)) == .success)
        #expect(server.outcomes.first?.end == .cut(.shuttingDown))
        #expect(client.receive() == nil)
    }

    enum Moment: String, CaseIterable {
        case inHead, inBody, queued, waiting, inAnswer, collecting, forwarding
    }

    @Test(
        "a client that goes at any moment frees everything and is told to the handler",
        arguments: Moment.allCases, [false, true])
    func clientGoes(moment: Moment, byReset: Bool) throws {
        let arrived = Atomic<Int>(0)
        let cancelled = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            guard connection.receive(through: "\r\n\r\n") != nil else { return }
            if moment == .inAnswer {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                while connection.send([UInt8](repeating: 0, count: 65536)) == 65536 {}
            }
            while connection.receive() != nil {}
        }
        let upstream = origin.upstream { if moment == .queued { $0.connectionsMax = 0 } }
        let server = try ServerUnderTest { exchange in
            exchange.onCancel { if $0 == .clientGone { cancelled.add(1, ordering: .relaxed) } }
            switch moment {
            case .collecting: exchange.collectBody(bytesMax: 1000) { _ in exchange.respond(plain("x")) }
            case .forwarding:
                exchange.collectBody(bytesMax: 1000) { body in
                    exchange.forward(body: body, to: upstream, answerBytesMax: 1000) { _ in
                        exchange.respond(plain("x"))
                    }
                }
            default: exchange.stream(to: upstream)
            }
            arrived.add(1, ordering: .relaxed)
        }
        let client = server.connect()
        switch moment {
        case .inHead: client.send("GET / HT")
        case .inBody, .collecting: client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        default: client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        }
        let isAsked = moment == .waiting || moment == .forwarding || moment == .inBody || moment == .inAnswer
        #expect(
            eventually("arrived") {
                if moment == .inHead { return server.server.counters.accepted.load(ordering: .relaxed) == 1 }
                return arrived.load(ordering: .relaxed) == 1 && (!isAsked || origin.connections == 1)
            })
        if moment == .inAnswer { #expect(client.receive(through: "\r\n\r\n") != nil) }
        if byReset { client.reset() } else { client.close() }
        #expect(eventually("closed") { server.server.counters.connections.load(ordering: .relaxed) == 0 })
        #expect(eventually("upstream closed") { upstream.connectionCount == 0 && upstream.queueCount == 0 })
        if moment != .inHead {
            #expect(eventually { server.outcomes.count == 1 })
            #expect(server.outcomes.first?.end == .cut(.clientGone))
            #expect(cancelled.load(ordering: .relaxed) == (moment == .inAnswer ? 0 : 1))
        }
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test("a client that only half-closes is served to the end when the settings say so")
    func halfClose() throws {
        let origin = ScriptedUpstream.answering { _ in ok("x") }
        let upstream = origin.upstream()
        var settings = ProxySettings()
        settings.cancelsOnClientClose = false
        let server = try ServerUnderTest(settings: settings) { $0.stream(to: upstream) }
        let client = server.connect()
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.shutdownWrite()
        #expect(client.answer()?.body == "x")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "requests that were sent before a client's half was closed are all answered when the settings say so")
    func pipelinedHalfClose() throws {
        let origin = ScriptedUpstream.answering { _ in ok("x") }
        let upstream = origin.upstream()
        var settings = ProxySettings()
        settings.cancelsOnClientClose = false
        let server = try ServerUnderTest(settings: settings) { $0.stream(to: upstream) }
        let client = server.connect()
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        client.send(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + String(repeating: get, count: 20))
        client.shutdownWrite()
        for _ in 0..<21 { #expect(client.answer()?.body == "x") }
        #expect(client.receiveAll().isEmpty)
        server.stop()
        upstream.close()
        origin.stop()
    }
}
