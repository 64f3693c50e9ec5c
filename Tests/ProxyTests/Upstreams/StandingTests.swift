import HTTPWire
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Proxy

/// A switch that a fake server looks at.
final class Switch: Sendable {
    private let value: Atomic<Bool>
    init(_ value: Bool) { self.value = Atomic(value) }
    var isOn: Bool {
        get { value.load(ordering: .relaxed) }
        set { value.store(newValue, ordering: .relaxed) }
    }
}

@Suite("Servers that fail and come back")
struct StandingSocketTests {
    @Test(
        "a server that fails in a row is left out, comes back after its time, and longer each time it does not hold"
    )
    func ejection() throws {
        let works = Switch(false)
        let chain = try Chain([{ _ in works.isOn ? ok("first") : nil }, named("second")], isKept: true) {
            $0.ejection?.failureCount = 3
            $0.retryBudget.perSecondMin = 100
        }
        for _ in 0..<12 { #expect(chain.ask()?.body == "second") }
        // In turn, so the first server was asked three times and then left alone.
        #expect(chain.fleet.asked.count { $0 == 0 } == 3)
        #expect(chain.events.changes == [.ejected(for: .seconds(10), failures: 3)])
        let now = chain.server.clock.now()
        #expect(chain.upstream.snapshots(at: now).map(\.isEjected) == [true, false])
        chain.server.clock.advance(by: .seconds(11))
        for _ in 0..<12 { #expect(chain.ask()?.body == "second") }
        #expect(chain.events.changes.dropFirst() == [.returned, .ejected(for: .seconds(20), failures: 3)])
        chain.server.clock.advance(by: .seconds(21))
        works.isOn = true
        let answers = (0..<10).compactMap { _ in chain.ask()?.body }
        #expect(answers.count { $0 == "first" } == 5)
        #expect(chain.events.changes.last == .returned)
        #expect(chain.upstream.servers[0].counters.ejections.load(ordering: .relaxed) == 2)
        chain.stop()
    }

    @Test(
        "a server that keeps silent until the request's own time is over is left out like one that fails",
        arguments: UpstreamFailureTests.Way.allCases)
    func silent(way: UpstreamFailureTests.Way) throws {
        let chain = try Chain([{ _ in "" }, named("second")], way: way, isKept: true) {
            $0.ejection?.failureCount = 2
            $0.totalTimeout = .seconds(5)
        }
        var statuses: [Int] = []
        for round in 1...8 {
            let client = chain.server.connect()
            client.send(Chain.get)
            #expect(eventually { chain.fleet.asked.count == round })
            if chain.fleet.asked.last == 0 {
                chain.server.group.loops[0].sync { @Sendable in }
                chain.server.clock.advance(by: .seconds(6))
            }
            statuses.append(try #require(client.answer()).status)
        }
        #expect(statuses.count { $0 == 504 } == 2 && statuses.suffix(4) == Array(repeating: 200, count: 4))
        #expect(chain.events.changes == [.ejected(for: .seconds(10), failures: 2)])
        chain.stop()
    }

    @Test(
        "502, 503 and 504 count as failures, and their answers are passed on",
        arguments: [502, 503, 504, 500])
    func gatewayErrors(status: Int) throws {
        let chain = try Chain([
            { _ in "HTTP/1.1 \(status) No\r\nContent-Length: 0\r\n\r\n" }, named("second"),
        ]) { $0.ejection?.failureCount = 2 }
        let statuses = (0..<8).map { _ in chain.ask()?.status }
        let isCounted = status != 500
        #expect(statuses.count { $0 == status } == (isCounted ? 2 : 4))
        #expect(chain.upstream.servers[0].counters.failures(.gateway) == (isCounted ? 2 : 0))
        chain.stop()
    }

    @Test("a flapping server costs no request while another one works")
    func flapping() throws {
        let works = Switch(true)
        let chain = try Chain([{ _ in works.isOn ? ok("first") : nil }, named("second")], isKept: true) {
            $0.ejection?.failureCount = 2
            $0.retryBudget.perSecondMin = 100
        }
        for round in 0..<12 {
            works.isOn = round.isMultiple(of: 2)
            for _ in 0..<6 { #expect(chain.ask()?.status == 200) }
            chain.server.clock.advance(by: .seconds(7))
        }
        chain.stop()
    }

    @Test("all down: every request has a clean answer, and they are used again as soon as they work")
    func allDown() throws {
        let chain = try Chain([], dead: 2)
        for _ in 0..<20 { #expect(chain.ask()?.status == 502) }
        #expect(chain.server.outcomes.allSatisfy { $0.upstreamError?.code == "connect-failed" })
        #expect(chain.upstream.connectionCount == 0)
        #expect(chain.upstream.servers.allSatisfy { $0.inFlight.load(ordering: .relaxed) == 0 })
        chain.stop()
    }

    // MARK: Active checks

    private static func checked(_ isWell: Switch) -> Fleet.Behaviour {
        { request in
            guard request.hasPrefix("GET /health ") else { return ok("answer") }
            return isWell.isOn ? ok("well") : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
        }
    }

    @Test(
        "checks take a server out after as many bad answers as the settings say, and back in after as many good ones"
    )
    func checks() throws {
        let isWell = Switch(true)
        let chain = try Chain([Self.checked(isWell)], isKept: true) {
            $0.healthCheck = HealthCheckSettings(path: "/health")
            $0.whenAllDown = .refuse
        }
        let clock = chain.server.clock
        let server = chain.upstream.servers[0]
        func ended(_ counter: borrowing Atomic<Int>) -> Int { counter.load(ordering: .acquiring) }
        // Until it has ended, not only begun: the next step of the clock is past a check's time.
        func nextCheck(_ what: String) throws {
            let before = ended(server.counters.checksPassed) + ended(server.counters.checksFailed)
            clock.advance(by: .seconds(6))
            try #require(
                eventually(what) {
                    ended(server.counters.checksPassed) + ended(server.counters.checksFailed) > before
                })
        }
        try nextCheck("the first check")
        #expect(server.standing.health == .up)
        isWell.isOn = false
        for bad in 1...3 {
            #expect(!chain.upstream.isDown)
            try nextCheck("bad check \(bad)")
            #expect(ended(server.counters.checksFailed) == bad)
        }
        #expect(eventually { chain.upstream.isDown })
        let refused = chain.ask()
        #expect(refused?.status == 503)
        #expect(refused?.field("retry-after") == "1")
        #expect(chain.server.outcomes.last?.upstreamError?.code == "no-server")
        isWell.isOn = true
        try nextCheck("the first good check")
        try nextCheck("the second good check")
        #expect(eventually { !chain.upstream.isDown })
        #expect(chain.ask()?.body == "answer")
        #expect(chain.events.changes == [.down(reason: "it answered 503"), .up])
        #expect(
            chain.fleet.requests.first?.contains("Host: 127.0.0.1:\(chain.fleet.servers[0].port)\r\n") == true
        )
        chain.stop()
    }

    @Test("a server that hangs, refuses, or answers garbage is down by the first check")
    func firstCheck() throws {
        let chain = try Chain([{ _ in "" }, { _ in "garbage\r\n\r\n" }, { _ in nil }], dead: 1, isKept: true)
        {
            $0.healthCheck = HealthCheckSettings(path: "/")
        }
        let clock = chain.server.clock
        clock.advance(by: .milliseconds(200))
        #expect(eventually { Set(chain.fleet.asked) == [0, 1, 2] })
        clock.advance(by: .seconds(3))
        #expect(eventually { chain.upstream.isDown })
        let reasons = chain.events.changes.map { if case .down(let reason) = $0 { reason } else { "" } }
        #expect(reasons.contains { $0.hasPrefix("no answer within") })
        #expect(reasons.contains { $0.hasPrefix("connect: ") })
        #expect(reasons.contains { $0.hasPrefix("its answer is not HTTP/1.1") })
        #expect(reasons.contains { $0.hasPrefix("the connection ended before an answer") })
        chain.stop()
    }

    @Test("an upstream that is closed leaves no check and no descriptor behind")
    func closing() throws {
        let before = openDescriptors()
        let chain = try Chain([{ _ in "" }], isKept: true) { $0.healthCheck = HealthCheckSettings(path: "/") }
        chain.server.clock.advance(by: .milliseconds(200))
        #expect(eventually { chain.fleet.asked.count == 1 })
        chain.stop()
        #expect(eventually("all descriptors closed") { openDescriptors() <= before })
    }
}
