import Glibc
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

@Suite("Bounds and deadlines towards upstreams")
struct UpstreamBoundTests {
    typealias Way = UpstreamFailureTests.Way

    @Test("a connection carries as many requests as it may")
    func requests() throws {
        let chain = try Chain([named("x")]) { $0.connectionRequestsMax = 3 }
        let client = chain.server.connect()
        for _ in 0..<7 {
            client.send(Chain.get)
            #expect(client.answer()?.body == "x")
        }
        #expect(chain.fleet.servers[0].connections == 3)
        chain.stop()
    }

    @Test("a connection past its time gets no further request")
    func lifetime() throws {
        let chain = try Chain([named("x")]) { $0.connectionLifetime = .seconds(20) }
        let client = chain.server.connect()
        for _ in 0..<4 {
            client.send(Chain.get)
            #expect(client.answer()?.body == "x")
            chain.server.clock.advance(by: .seconds(11))
        }
        // At 0 and 11 seconds by the first; its time was over at 20, while nobody used it.
        #expect(chain.fleet.servers[0].connections == 2)
        chain.stop()
    }

    @Test("no more unused connections are kept than the settings say", arguments: [0, 1])
    func idle(most: Int) throws {
        let hold = Switch(true)
        let chain = try Chain([
            { _ in
                while hold.isOn { sched_yield() }
                return ok("x")
            }
        ]) { $0.idleConnectionsMax = most }
        let clients = (0..<3).map { _ in chain.server.connect() }
        for client in clients { client.send(Chain.get) }
        #expect(eventually { chain.fleet.asked.count == 3 })
        hold.isOn = false
        for client in clients { #expect(client.answer()?.body == "x") }
        #expect(eventually { chain.upstream.connectionCount == most })
        chain.stop()
    }

    @Test("a wait for a free connection ends with its own time, and one for a new connection with that")
    func queueTime() throws {
        let chain = try Chain([{ _ in "" }]) {
            $0.connectionsMax = 1
            $0.queueTimeout = .seconds(5)
        }
        let first = chain.server.connect()
        first.send(Chain.get)
        #expect(eventually { chain.fleet.asked.count == 1 })
        let second = chain.server.connect()
        second.send(Chain.get)
        #expect(eventually { chain.upstream.queueCount == 1 })
        chain.server.clock.advance(by: .seconds(4))
        #expect(chain.upstream.queueCount == 1)
        chain.server.clock.advance(by: .seconds(2))
        #expect(second.answer()?.status == 503)
        #expect(chain.server.outcomes.last?.upstreamError?.code == "queue-timeout")
        chain.stop()
    }

    @Test("a server whose queue is full leaves the request to another, and with all full the answer is 503")
    func queueFull() throws {
        let chain = try Chain([{ _ in "" }, { _ in "" }]) {
            $0.connectionsMax = 1
            $0.queueMax = 0
            $0.queueTimeout = .seconds(5)
        }
        let busy = (0..<2).map { _ in chain.server.connect() }
        for client in busy { client.send(Chain.get) }
        #expect(eventually { chain.fleet.asked.count == 2 })
        let refused = chain.ask()
        #expect(refused?.status == 503)
        #expect(refused?.field("retry-after") == "1")
        #expect(chain.upstream.servers.map { $0.counters.failures(.queue) } == [1, 1])
        for client in busy { client.close() }
        chain.stop()
    }

    @Test("the whole of a request to an upstream has its deadline, retries included", arguments: Way.allCases)
    func total(way: Way) throws {
        let chain = try Chain([{ _ in "" }, { _ in "" }], way: way) {
            $0.firstByteTimeout = .seconds(3)
            $0.totalTimeout = .seconds(5)
        }
        let client = chain.server.connect()
        client.send(Chain.get)
        #expect(eventually { chain.fleet.asked == [0] })
        chain.server.clock.advance(by: .seconds(4))
        #expect(eventually { chain.fleet.asked == [0, 1] })
        chain.server.clock.advance(by: .milliseconds(1100))
        #expect(client.answer()?.status == 504)
        #expect(eventually { chain.server.outcomes.last?.upstreamError?.code == "request-timeout" })
        #expect(eventually { chain.upstream.connectionCount == 0 })
        chain.stop()
    }

    @Test("silence inside an answer ends it after its own time", arguments: Way.allCases)
    func answerIdle(way: Way) throws {
        let asked = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            asked.add(1, ordering: .relaxed)
            _ = connection.receive()
        }
        let upstream = origin.upstream { $0.answerIdleTimeout = .seconds(4) }
        let server = try ServerUnderTest(UpstreamFailureTests.handler(way, upstream))
        let client = server.connect()
        client.send(Chain.get)
        if way == .stream { #expect(client.receive(through: "half") != nil) }
        #expect(eventually { asked.load(ordering: .relaxed) == 1 })
        // The loop has its bytes only some time after they were sent.
        #expect(
            eventually {
                server.clock.advance(by: .milliseconds(500))
                return !server.outcomes.isEmpty
            })
        #expect(server.outcomes.first?.upstreamError?.code == "idle-timeout")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "Host is the client's, the server's or a fixed one",
        arguments: [
            (UpstreamSettings.HostField.passThrough, "client.example"),
            (.fixed("other.example"), "other.example"),
        ])
    func host(field: UpstreamSettings.HostField, expected: String) throws {
        let chain = try Chain([named("x")]) { $0.hostField = field }
        #expect(chain.ask()?.status == 200)
        #expect(chain.fleet.requests.first?.contains("\r\nHost: \(expected)\r\n") == true)
        chain.stop()
    }

    @Test("the server's own host has its port where that is not the scheme's (RFC 9110 §7.2)")
    func ownHost() throws {
        let chain = try Chain([named("a"), named("b")]) { $0.hostField = .upstream }
        for _ in 0..<2 { #expect(chain.ask()?.status == 200) }
        for (index, server) in chain.fleet.servers.enumerated() {
            #expect(
                chain.fleet.requests.dropFirst(index).first?.contains(
                    "\r\nHost: 127.0.0.1:\(server.port)\r\n") == true)
        }
        chain.stop()
        let upstream = Upstream(
            settings: UpstreamSettings(name: "v", endpoint: Endpoint(host: "::1", port: 80)))
        #expect(upstream.servers[0].authority == "[::1]")
    }

    @Test("the same client comes to the same server, and what is at work is forgotten when it has done")
    func hashed() throws {
        let chain = try Chain([named("a"), named("b"), named("c")]) {
            $0.balance = .consistentHash(loadBound: nil)
        }
        let bodies = Set((0..<6).map { _ in chain.ask()?.body })
        #expect(bodies.count == 1 && !bodies.contains(nil))
        #expect(
            eventually { chain.upstream.servers.allSatisfy { $0.inFlight.load(ordering: .relaxed) == 0 } })
        chain.stop()
    }

    @Test("three servers share requests in turn, and every request has the answer of one of them")
    func turns() throws {
        let chain = try Chain([named("a"), named("b"), named("c")])
        let bodies = (0..<9).compactMap { _ in chain.ask()?.body }
        #expect(bodies == ["a", "b", "c", "a", "b", "c", "a", "b", "c"])
        chain.stop()
    }
}
