import HTTPWire
import Synchronization
import Testing
import Transport

@testable import Proxy

/// An upstream of servers that nobody connects to: 10.0.0.1, 10.0.0.2 and so on.
func paperUpstream(
    weights: [Int], backups: Set<Int> = [], _ change: (inout UpstreamSettings) -> Void = { _ in }
) -> Upstream {
    let servers = weights.enumerated().map { index, weight in
        UpstreamServerSettings(
            endpoint: Endpoint(host: "10.0.0.\(index + 1)", port: 80), weight: weight,
            isBackup: backups.contains(index))
    }
    var settings = UpstreamSettings(name: "victim", servers: servers)
    change(&settings)
    return Upstream(settings: settings)
}

private let start = MonotonicTime(nanoseconds: 1_000_000_000)

extension LoopBalancer {
    /// The places of the servers chosen one after the other.
    fileprivate func choices(_ count: Int, key: UInt64 = 0, at now: MonotonicTime = start) -> [Int?] {
        (0..<count).map { _ in choose(key: key, avoiding: [], at: now)?.index }
    }
}

@Suite("Choosing a server")
struct BalancerTests {
    // The schedule by hand, debts after each payment: (5 1 1) pay a → (-2 1 1); (3 2 2) pay a → (-4 2 2);
    // (1 3 3) pay b → (1 -4 3); (6 -3 4) pay a → (-1 -3 4); (4 -2 5) pay c → (4 -2 -2); (9 -1 -1) pay a → (2 -1 -1);
    // (7 0 0) pay a → (0 0 0).
    @Test("weights 5, 1, 1 give a a b a c a a, by hand and again and again")
    func smooth() {
        let balancer = LoopBalancer(paperUpstream(weights: [5, 1, 1]), turn: 0)
        let round: [Int?] = [0, 0, 1, 0, 2, 0, 0]
        #expect(balancer.choices(21) == round + round + round)
    }

    @Test("equal weights take turns, and loops begin at different servers", arguments: [0, 1, 2])
    func turns(turn: Int) {
        let balancer = LoopBalancer(paperUpstream(weights: [1, 1, 1]), turn: turn)
        #expect(balancer.choices(4) == (0..<4).map { ($0 + turn) % 3 })
    }

    @Test("the server with the least work for its weight is chosen, equals in turn")
    func leastConnections() {
        let upstream = paperUpstream(weights: [1, 2, 1]) { $0.balance = .leastConnections }
        let balancer = LoopBalancer(upstream, turn: 0)
        // (1+1)/1 = 2, (2+1)/2 = 1.5, (0+1)/1 = 1
        for (server, load) in zip(upstream.servers, [1, 2, 0]) {
            server.inFlight.store(load, ordering: .relaxed)
        }
        #expect(balancer.choices(1) == [2])
        // (1+1)/1 = 2, (2+1)/2 = 1.5, (3+1)/1 = 4
        upstream.servers[2].inFlight.store(3, ordering: .relaxed)
        #expect(balancer.choices(1) == [1])
        for server in upstream.servers { server.inFlight.store(0, ordering: .relaxed) }
        // 1, 0.5, 1
        #expect(balancer.choices(2) == [1, 1])
    }

    @Test("a server that is full is passed over until all are")
    func full() {
        let upstream = paperUpstream(weights: [1, 1]) { $0.connectionsMax = 4 }
        let balancer = LoopBalancer(upstream, turn: 0)
        upstream.servers[0].inFlight.store(4, ordering: .relaxed)
        #expect(balancer.choices(3) == [1, 1, 1])
        upstream.servers[1].inFlight.store(4, ordering: .relaxed)
        #expect(Set(balancer.choices(2)) == [0, 1])
    }

    @Test("servers that are down, left out or avoided are not chosen, and backups only when no other is left")
    func availability() {
        let upstream = paperUpstream(weights: [1, 1, 1], backups: [2])
        let balancer = LoopBalancer(upstream, turn: 0)
        #expect(Set(balancer.choices(6)) == [0, 1])
        upstream.servers[0].standing.set(.down, at: start)
        #expect(Set(balancer.choices(6)) == [1])
        #expect(balancer.choose(key: 0, avoiding: [1], at: start)?.index == 2)
        #expect(upstream.servers[1].standing.eject(EjectionSettings(), at: start) == .seconds(10))
        #expect(Set(balancer.choices(6)) == [2])
        // The time of the second server is over.
        #expect(Set(balancer.choices(6, at: start.advanced(by: .seconds(10)))) == [1])
    }

    @Test("when all are down they are all used, or none, as the settings say", arguments: [true, false])
    func allDown(isRefused: Bool) {
        let upstream = paperUpstream(weights: [1, 1]) { $0.whenAllDown = isRefused ? .refuse : .use }
        for server in upstream.servers { server.standing.set(.down, at: start) }
        let balancer = LoopBalancer(upstream, turn: 0)
        #expect(Set(balancer.choices(4)) == (isRefused ? [nil] : [0, 1]))
    }

    @Test("a server that is back begins with a tenth of its weight and has all of it after the slow start")
    func slowStart() {
        let upstream = paperUpstream(weights: [10, 10]) { $0.slowStart = .seconds(100) }
        let standing = upstream.servers[0].standing
        #expect(standing.weight(at: start) == 10)
        standing.set(.down, at: start)
        standing.set(.up, at: start)
        #expect(standing.weight(at: start) == 1)
        #expect(standing.weight(at: start.advanced(by: .seconds(50))) == 5)
        let balancer = LoopBalancer(upstream, turn: 0)
        let early = balancer.choices(110).filter { $0 == 0 }.count
        #expect(early == 10)
        #expect(standing.weight(at: start.advanced(by: .seconds(100))) == 10)
    }
}

@Suite("Consistent hashing")
struct RendezvousTests {
    private static let keys = (0..<20_000).map { Rendezvous.key("client-\($0)".utf8) }

    private static func places(_ upstream: Upstream) -> [Int?] {
        let balancer = LoopBalancer(upstream, turn: 0)
        return keys.map { balancer.choose(key: $0, avoiding: [], at: start)?.index }
    }

    @Test("a server that goes takes only its own clients with it, and they come back with it")
    func movement() {
        let upstream = paperUpstream(weights: [1, 1, 1, 1, 1]) {
            $0.balance = .consistentHash(loadBound: nil)
        }
        let before = Self.places(upstream)
        upstream.servers[3].standing.set(.down, at: start)
        let during = Self.places(upstream)
        for (old, new) in zip(before, during) { #expect(old == 3 ? new != 3 : new == old) }
        // A fifth of the clients, give or take four standard deviations of a binomial draw.
        let moved = Double(before.count { $0 == 3 })
        let expected = Double(Self.keys.count) / 5
        #expect(abs(moved - expected) < 4 * (expected * 0.8).squareRoot())
        upstream.servers[3].standing.set(.up, at: start)
        #expect(Self.places(upstream) == before)
    }

    @Test("clients are spread in proportion to the weights")
    func weights() {
        let upstream = paperUpstream(weights: [1, 2, 5]) { $0.balance = .consistentHash(loadBound: nil) }
        let places = Self.places(upstream)
        for (index, weight) in [1.0, 2, 5].enumerated() {
            let expected = Double(Self.keys.count) * weight / 8
            let deviation = (expected * (1 - weight / 8)).squareRoot()
            #expect(abs(Double(places.count { $0 == index }) - expected) < 4 * deviation)
        }
    }

    @Test("the order of the servers in the settings does not matter")
    func order() {
        func named(_ hosts: [String]) -> [String] {
            let servers = hosts.map { UpstreamServerSettings(endpoint: Endpoint(host: $0, port: 80)) }
            var settings = UpstreamSettings(name: "victim", servers: servers)
            settings.balance = .consistentHash(loadBound: nil)
            return Self.places(Upstream(settings: settings)).map { hosts[$0 ?? 0] }
        }
        #expect(named(["10.0.0.1", "10.0.0.2", "10.0.0.3"]) == named(["10.0.0.3", "10.0.0.1", "10.0.0.2"]))
    }

    @Test("with a bound, a client whose server has more than its share goes to its next one")
    func bounded() throws {
        let upstream = paperUpstream(weights: [1, 1, 1]) { $0.balance = .consistentHash(loadBound: 1.25) }
        let balancer = LoopBalancer(upstream, turn: 0)
        let key = Self.keys[0]
        let first = try #require(balancer.choose(key: key, avoiding: [], at: start))
        let second = try #require(balancer.choose(key: key, avoiding: [first.index], at: start))
        for server in upstream.servers { server.inFlight.store(10, ordering: .relaxed) }
        // The bound is ⌈1.25 · 31 / 3⌉ = 13, so eleven are welcome; with 20 it is ⌈1.25 · 41 / 3⌉ = 18.
        #expect(balancer.choose(key: key, avoiding: [], at: start) === first)
        first.inFlight.store(20, ordering: .relaxed)
        #expect(balancer.choose(key: key, avoiding: [], at: start) === second)
    }

    @Test("an address is hashed by its network: all of an IPv6 /64 is one client")
    func addresses() throws {
        func key(_ host: String) throws -> UInt64 {
            Rendezvous.key(try #require(SocketAddress(host: host, port: 1)))
        }
        #expect(try key("2001:db8::1") == key("2001:db8::ffff"))
        #expect(try key("2001:db8::1") != key("2001:db8:0:1::1"))
        #expect(try key("192.0.2.1") != key("192.0.2.2"))
        #expect(try key("192.0.2.1") == key("::ffff:192.0.2.1"))
    }
}
