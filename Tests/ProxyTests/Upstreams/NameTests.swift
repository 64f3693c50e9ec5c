import Dispatch
import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

/// Answers for names that a test changes.
private final class Zone: Sendable {
    private let answer: Mutex<Resolver.Answer>
    let questions = Atomic<Int>(0)

    init(_ answer: Resolver.Answer) { self.answer = Mutex(answer) }

    func set(_ new: Resolver.Answer) { answer.withLock { $0 = new } }

    var resolver: Resolver {
        Resolver { [self] _ in
            questions.add(1, ordering: .relaxed)
            return answer.withLock { $0 }
        }
    }
}

@Suite("Names of servers")
struct NameTests {
    private static func place(_ server: ScriptedUpstream, host: String = "127.0.0.1") throws -> SocketAddress
    {
        try #require(SocketAddress(host: host, port: server.port))
    }

    private static func settings(_ upstream: inout UpstreamSettings) {
        upstream.servers = [UpstreamServerSettings(endpoint: Endpoint(host: "victim.example", port: 80))]
    }

    @Test("a name that leads elsewhere is followed at the interval, and its old connections are let go")
    func change() throws {
        let fleet = Fleet([named("old"), named("new")])
        let zone = Zone(.success([try Self.place(fleet.servers[0])]))
        let upstream = fleet.upstream(resolver: zone.resolver, Self.settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let events = Chain.Events()
        upstream.start(on: server.group.loops[0]) { event in events.all.withLock { $0.append(event) } }
        server.group.loops[0].sync { @Sendable in }
        for _ in 0..<3 { #expect(server.ask(Chain.get)?.body == "old") }
        zone.set(.success([try Self.place(fleet.servers[1])]))
        #expect(server.ask(Chain.get)?.body == "old")
        server.clock.advance(by: .seconds(31))
        #expect(eventually { events.changes.count == 1 })
        #expect(eventually { upstream.connectionCount == 0 })
        for _ in 0..<3 { #expect(server.ask(Chain.get)?.body == "new") }
        server.stop()
        upstream.close()
        fleet.stop()
    }

    @Test("while the resolver fails the old addresses stay in use, and the log says so")
    func failing() throws {
        let fleet = Fleet([named("old")])
        let zone = Zone(.success([try Self.place(fleet.servers[0])]))
        let upstream = fleet.upstream(resolver: zone.resolver) {
            Self.settings(&$0)
            $0.connectionRequestsMax = 1
        }
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let events = Chain.Events()
        upstream.start(on: server.group.loops[0]) { event in events.all.withLock { $0.append(event) } }
        server.group.loops[0].sync { @Sendable in }
        #expect(server.ask(Chain.get)?.body == "old")
        zone.set(.failure(.unresolved(host: "victim.example", reason: "no such name")))
        server.clock.advance(by: .seconds(31))
        #expect(
            eventually {
                events.changes == [.resolveFailed("victim.example has no address: no such name", kept: 1)]
            })
        for _ in 0..<3 { #expect(server.ask(Chain.get)?.body == "old") }
        server.stop()
        upstream.close()
        fleet.stop()
    }

    @Test("when no address answers, the name is asked for again without waiting for the interval")
    func stale() throws {
        let fleet = Fleet([named("new")])
        let (grave, port) = BlockingSocket.listening()
        grave.close()
        let zone = Zone(.success([try #require(SocketAddress(host: "127.0.0.1", port: port))]))
        let upstream = fleet.upstream(resolver: zone.resolver, Self.settings)
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        #expect(server.ask(Chain.get)?.status == 502)
        zone.set(.success([try Self.place(fleet.servers[0])]))
        server.clock.advance(by: .seconds(2))
        #expect(server.ask(Chain.get)?.status == 502)
        #expect(eventually { server.ask(Chain.get)?.body == "new" })
        server.stop()
        upstream.close()
        fleet.stop()
    }

    @Test("each address of a name gets its part of the connections, and one that is dead costs no request")
    func several() throws {
        let fleet = Fleet([named("a"), named("b")])
        let (grave, port) = BlockingSocket.listening()
        grave.close()
        let addresses = try fleet.servers.map { try Self.place($0) }
        let dead = try #require(SocketAddress(host: "127.0.0.1", port: port))
        let zone = Zone(.success([dead] + addresses))
        let upstream = fleet.upstream(resolver: zone.resolver) {
            Self.settings(&$0)
            $0.connectionRequestsMax = 1
        }
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let answers = (0..<12).compactMap { _ in server.ask(Chain.get)?.body }
        #expect(answers.count == 12)
        #expect(answers.count { $0 == "a" } >= 4)
        #expect(answers.count { $0 == "b" } >= 4)
        server.stop()
        upstream.close()
        fleet.stop()
    }

    @Test("a check finds a server well that answers at one of its addresses, as requests do")
    func checkedAddresses() throws {
        let fleet = Fleet([named("well")])
        let (grave, port) = BlockingSocket.listening()
        grave.close()
        let dead = try #require(SocketAddress(host: "127.0.0.1", port: port))
        let zone = Zone(.success([dead, try Self.place(fleet.servers[0])]))
        let upstream = fleet.upstream(resolver: zone.resolver) {
            Self.settings(&$0)
            $0.healthCheck = HealthCheckSettings(path: "/")
            $0.whenAllDown = .refuse
        }
        let server = try ServerUnderTest(UpstreamFailureTests.handler(.stream, upstream))
        let events = Chain.Events()
        upstream.start(on: server.group.loops[0]) { event in events.all.withLock { $0.append(event) } }
        let loop = server.group.loops[0]
        let checked = upstream.servers[0]
        // A check for which the name is not known yet is left to the next one.
        try #require(
            eventually("the name is known") { loop.sync { checked.knownAddresses(on: loop) != nil } })
        // As many as it takes to begin with either address, past the time for which a failure is remembered.
        for check in 1...12 {
            server.clock.advance(by: .seconds(6))
            // Ended, not only begun: the next step of the clock is past a check's time.
            try #require(
                eventually("check \(check)") {
                    checked.counters.checksPassed.load(ordering: .acquiring) == check
                })
        }
        #expect(fleet.asked.count == 12)
        #expect(checked.standing.health == .up)
        #expect(!events.changes.contains { if case .down = $0 { true } else { false } })
        #expect(upstream.servers[0].counters.checksFailed.load(ordering: .relaxed) == 0)
        server.stop()
        upstream.close()
        fleet.stop()
    }

    @Test("a resolver that hangs holds up no loop")
    func hanging() throws {
        let gate = DispatchSemaphore(value: 0)
        let fleet = Fleet([named("alive")])
        let resolver = Resolver { _ in
            gate.wait()
            return .failure(.unresolved(host: "victim.example", reason: "late"))
        }
        let slow = fleet.upstream(resolver: resolver, Self.settings)
        let quick = fleet.upstream()
        let server = try ServerUnderTest { exchange in
            exchange.stream(to: exchange.request.target.path == "/slow" ? slow : quick)
        }
        let client = server.connect()
        client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { slow.queueCount == 1 })
        #expect(server.ask(Chain.get)?.body == "alive")
        server.clock.advance(by: .seconds(2))
        #expect(client.answer()?.status == 504)
        gate.signal()
        server.stop()
        slow.close()
        quick.close()
        fleet.stop()
    }
}
