import Testing
import Transport

@testable import Proxy

private func second(_ count: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: UInt64(count * 1e9))
}

@Suite("Retry budget")
struct RetryBudgetTests {
    private static func budget(share: Double, perSecond: Int) -> RetryBudget {
        var settings = RetryBudgetSettings()
        settings.share = share
        settings.perSecondMin = perSecond
        settings.windowSeconds = 10
        return RetryBudget(settings)
    }

    @Test("a fifth of a hundred requests may be sent again, and no more")
    func share() {
        let budget = Self.budget(share: 0.2, perSecond: 0)
        for _ in 0..<100 { budget.countRequest(at: second(100)) }
        #expect((0..<30).count { _ in budget.spend(at: second(100.5)) } == 20)
        #expect(budget.exhausted.load(ordering: .relaxed) == 10)
    }

    @Test("without requests there is the minimum: three a second over ten seconds")
    func minimum() {
        let budget = Self.budget(share: 0.2, perSecond: 3)
        #expect((0..<40).count { _ in budget.spend(at: second(100)) } == 30)
    }

    @Test("what is older than the window counts neither for nor against")
    func window() {
        let budget = Self.budget(share: 0.5, perSecond: 0)
        for _ in 0..<10 { budget.countRequest(at: second(100)) }
        #expect((0..<9).count { _ in budget.spend(at: second(104)) } == 5)
        for _ in 0..<10 { budget.countRequest(at: second(109)) }
        // 20 requests and 5 retries in 100…109
        #expect((0..<9).count { _ in budget.spend(at: second(109.9)) } == 5)
        // 100 has gone; 104 with its retries has not: 10 requests, 10 retries.
        #expect(!budget.spend(at: second(110)))
        // From 114 on there are the 10 requests and 5 retries of 109.
        #expect(!budget.spend(at: second(114)))
        // A long silence later nothing is left of either.
        #expect(!budget.spend(at: second(500)))
        budget.countRequest(at: second(500))
        budget.countRequest(at: second(500))
        #expect(budget.spend(at: second(500)))
    }
}

@Suite("Standing")
struct StandingTests {
    @Test("each time out is twice as long, up to the ceiling, and anew after a long good time")
    func doubling() {
        var settings = EjectionSettings()
        settings.baseTime = .seconds(10)
        settings.maxTime = .seconds(60)
        var history = EjectionHistory()
        var now = 100.0
        for expected in [10, 20, 40, 60, 60] {
            #expect(history.next(settings, at: second(now)) == .seconds(expected))
            now += Double(expected) + 1
        }
        now += 59
        #expect(history.next(settings, at: second(now)) == .seconds(10))
    }

    @Test(
        "never more than the share is out, one at least, and the only one never",
        arguments: [(2, 1), (3, 1), (4, 2)])
    func share(servers: Int, most: Int) {
        var settings = UpstreamSettings(
            name: "victim",
            servers: (1...servers).map {
                UpstreamServerSettings(endpoint: Endpoint(host: "10.0.0.\($0)", port: 80))
            })
        settings.ejection?.failureCount = 3
        let standings = settings.servers.map { _ in ServerStanding(weight: 1, slowStart: .zero) }
        let panel = EjectionPanel(settings, standings)
        for _ in 0..<10 {
            for standing in standings { _ = panel?.noteFailure(of: standing, at: second(1)) }
        }
        #expect(standings.count { $0.isEjected(at: second(1)) } == most)
        settings.servers = [settings.servers[0]]
        #expect(EjectionPanel(settings, [standings[0]]) == nil)
    }

    @Test("a success between failures clears them")
    func cleared() {
        var settings = UpstreamSettings(
            name: "victim",
            servers: (1...2).map {
                UpstreamServerSettings(endpoint: Endpoint(host: "10.0.0.\($0)", port: 80))
            })
        settings.ejection?.failureCount = 3
        let standings = settings.servers.map { _ in ServerStanding(weight: 1, slowStart: .zero) }
        let panel = EjectionPanel(settings, standings)
        for _ in 0..<5 {
            for _ in 0..<2 { #expect(panel?.noteFailure(of: standings[0], at: second(1)) == nil) }
            standings[0].noteSuccess()
        }
        #expect(!standings[0].isEjected(at: second(1)))
    }

    @Test("the first check decides alone, then as many in a row as the settings say")
    func tally() {
        var settings = HealthCheckSettings(path: "/")
        settings.healthyCount = 2
        settings.unhealthyCount = 3
        var tally = HealthTally(settings)
        let checks = [true, false, false, true, false, false, false, true, false, true, true]
        let verdicts: [ServerStanding.Health?] = [.up, nil, nil, nil, nil, nil, .down, nil, nil, nil, .up]
        #expect(checks.map { tally.record(isGood: $0) } == verdicts)
        var other = HealthTally(settings)
        #expect(other.record(isGood: false) == .down)
    }
}

@Suite("Addresses of a name")
struct AddressBookTests {
    private func address(_ last: Int) throws -> SocketAddress {
        try #require(SocketAddress(host: "10.0.0.\(last)", port: 80))
    }

    @Test("connections begin with each address in turn, and those that failed come last for a while")
    func order() throws {
        let (a, b, c) = (try address(1), try address(2), try address(3))
        var book = AddressBook()
        #expect(book.learn([a, b, c]) == nil)
        #expect(book.order(at: second(1)) == [b, c, a])
        #expect(book.order(at: second(1)) == [c, a, b])
        book.noteFailure(of: a, at: second(1))
        #expect(book.order(at: second(2)) == [b, c, a])
        #expect(book.order(at: second(3)) == [b, c, a])
        #expect(book.order(at: second(40)) == [c, a, b])
    }

    @Test(
        "another answer replaces the addresses, the same in another order does not, and an empty one neither")
    func learning() throws {
        let (a, b, c) = (try address(1), try address(2), try address(3))
        var book = AddressBook()
        _ = book.learn([a, b])
        #expect(book.learn([b, a]) == nil)
        #expect(book.learn([]) == nil)
        #expect(book.addresses == [a, b])
        #expect(book.learn([c]) == [a, b])
        #expect(book.addresses == [c])
    }

    @Test("the name is asked for at the interval, whoever asks")
    func asking() {
        var book = AddressBook()
        #expect(book.mayAsk(at: second(1), after: .seconds(30)) == true)
        #expect(book.mayAsk(at: second(30), after: .seconds(30)) == false)
        #expect(book.mayAsk(at: second(31), after: .seconds(30)) == true)
        #expect(book.mayAsk(at: second(32), after: .seconds(1)) == true)
        #expect(book.mayAsk(at: second(33), after: .seconds(30)) == false)
    }
}
