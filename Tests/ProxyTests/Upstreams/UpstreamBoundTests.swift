import Dispatch
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

    @Test("an upstream that falls silent while its client takes what has come is timed out all the same")
    func silentAfterPause() throws {
        let counters = Mutex<ProxyCounters?>(nil)
        let sent = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(1 << 30)\r\n\r\n")
            let piece = [UInt8](repeating: 120, count: 8 << 10)
            while counters.withLock({ $0?.bufferedBytes ?? 0 }) < 64 << 10 {
                sent.add(max(0, connection.sendWithoutWaiting(piece)), ordering: .relaxed)
            }
            sent.add(1 << 40, ordering: .relaxed)
            _ = connection.receive()
        }
        let upstream = origin.upstream { $0.answerIdleTimeout = .seconds(4) }
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        counters.withLock { $0 = server.server.counters }
        let client = server.connect(receiveBuffer: 4096)
        client.send(Chain.get)
        #expect(client.receive(through: "\r\n\r\n") != nil)
        try #require(eventually { sent.load(ordering: .relaxed) >= 1 << 40 })
        let total = sent.load(ordering: .relaxed) - 1 << 40
        #expect(client.receive(exactly: total)?.count == total)
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

    @Test("an interim answer does not hold the client's own upload to the upstream's time")
    func interim() throws {
        let isHinted = Atomic<Int>(0)
        let origin = ScriptedUpstream { connection, _ in
            _ = connection.receive(through: "\r\n\r\n")
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            isHinted.add(1, ordering: .relaxed)
            _ = connection.receive(exactly: 4)
            connection.send(ok("done"))
        }
        let upstream = origin.upstream { $0.answerIdleTimeout = .seconds(2) }
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        let client = server.connect()
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        #expect(client.receive(through: "\r\n\r\n")?.hasPrefix("HTTP/1.1 103") == true)
        server.clock.advance(by: .seconds(5))
        client.send("body")
        #expect(client.answer()?.body == "done")
        server.stop()
        upstream.close()
        origin.stop()
    }

    @Test(
        "bytes behind an answer that fills a read to its last byte are nobody's answer (RFC 9112 §9.2)",
        arguments: Way.allCases)
    func behindFullRead(way: Way) throws {
        let start = "HTTP/1.1 200 OK\r\nContent-Length: "
        let length = EventLoop.scratchBytes - start.utf8.count - "65000\r\n\r\n".utf8.count
        let whole = start + "\(length)\r\n\r\n" + String(repeating: "a", count: length)
        #expect(whole.utf8.count == EventLoop.scratchBytes)
        let isAsked = Atomic<Int>(0)
        let (mayAnswer, isSent) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let origin = ScriptedUpstream { connection, number in
            while connection.receive(through: "\r\n\r\n") != nil {
                guard number == 0 else {
                    connection.send(ok("right"))
                    continue
                }
                isAsked.add(1, ordering: .relaxed)
                mayAnswer.wait()
                connection.send(whole + ok("wrong"))
                isSent.signal()
            }
        }
        let upstream = origin.upstream { $0.retry = .anyMethod }
        let server = try ServerUnderTest(UpstreamFailureTests.handler(way, upstream, bytesMax: 1 << 20))
        let client = server.connect()
        client.send(Chain.get)
        #expect(eventually { isAsked.load(ordering: .relaxed) == 1 })
        server.group.loops[0].sync { @Sendable in
            mayAnswer.signal()
            isSent.wait()
        }
        #expect(client.answer()?.body.utf8.count == length)
        client.send(Chain.get)
        #expect(client.answer()?.body == "right")
        server.stop()
        upstream.close()
        origin.stop()
    }

    /// Takes a connection and keeps it.
    private final class Keeper: UpstreamClient {
        private(set) var connection: UpstreamConnection?
        private let isReady = Atomic<Bool>(false)
        /// **Runs on** any thread.
        var hasConnection: Bool { isReady.load(ordering: .acquiring) }
        var origin: ConnectionOrigin? { nil }
        var allowsUpstreamReading: Bool { true }

        func upstreamReady(_ upstream: UpstreamConnection) {
            connection = upstream
            isReady.store(true, ordering: .releasing)
        }
        func upstreamWritable() {}
        func upstreamInterim(_ head: ResponseHead) {}
        func upstreamHead(_ upstream: UpstreamConnection) {}
        func upstreamBody(_ bytes: UnsafeRawBufferPointer) {}
        func upstreamPaused() {}
        func upstreamEnd(_ upstream: UpstreamConnection) {}
        func upstreamFailed(_ error: UpstreamError, reused: Bool) {}
    }

    @Test("each request that starves on one loop gets an idle connection's place of another loop")
    func starving() throws {
        let group = try LoopGroup(count: 2, clock: ManualClock())
        let origin = ScriptedUpstream { connection, _ in _ = connection.receive() }
        let upstream = origin.upstream { $0.connectionsMax = 2 }
        let server = upstream.servers[0]
        let (idle, busy) = (group.loops[0], group.loops[1])
        nonisolated(unsafe) let clients = (0..<4).map { _ in Keeper() }
        func acquire(_ index: Int, on loop: EventLoop) {
            loop.sync { @Sendable in
                let acquired = server.pool(on: loop).acquire(for: clients[index], verifying: false)
                if case .connection(let connection) = acquired { clients[index].upstreamReady(connection) }
            }
        }
        for index in 0..<2 {
            acquire(index, on: idle)
            #expect(eventually { clients[index].hasConnection })
        }
        idle.sync { @Sendable in
            for client in clients[..<2] {
                if let kept = client.connection { server.pool(on: idle).release(kept) }
            }
        }
        #expect(server.idleCount == 2)
        for index in 2..<4 { acquire(index, on: busy) }
        #expect(eventually { clients[2].hasConnection && clients[3].hasConnection })
        upstream.close()
        let done = DispatchSemaphore(value: 0)
        group.shutdown { @Sendable in done.signal() }
        done.wait()
        origin.stop()
    }

    @Test("an upstream that is closed leaves nothing on the loops", arguments: [1, 2])
    func closed(servers: Int) throws {
        let fleet = Fleet((0..<servers).map { _ in named("x") })
        let upstream = fleet.upstream()
        let server = try ServerUnderTest { $0.stream(to: upstream) }
        #expect(server.ask(Chain.get)?.status == 200)
        upstream.close()
        let loop = server.group.loops[0]
        loop.sync { @Sendable in }
        #expect(loop.sync { @Sendable in loop.attachment(for: upstream) == nil })
        // A request that was under way meanwhile is refused, and leaves nothing either.
        #expect(server.ask(Chain.get)?.status == 503)
        let isClean = loop.sync { @Sendable in
            loop.attachment(for: upstream) == nil
                && upstream.servers.allSatisfy { loop.attachment(for: $0) == nil }
        }
        #expect(isClean)
        server.stop()
        fleet.stop()
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
