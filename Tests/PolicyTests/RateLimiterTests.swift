import Store
import Synchronization
import Testing

@testable import Policy

/// A clock that moves when it is told to.
private final class StepClock: Sendable {
    private let time = Mutex(Duration.seconds(1_800_000_000))
    var now: Duration { time.withLock { $0 } }
    func advance(by step: Duration) { time.withLock { $0 += step } }
}

/// A store that is out.
private struct DeadStore: RateStore {
    let rateStatistics = RateStatistics()

    func charge(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer {
        throw .timedOut
    }

    func reserve(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer {
        throw .timedOut
    }

    func foresee(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer {
        throw .timedOut
    }

    func settle(
        _ key: StoreKey, reserved: RateCost, cost: RateCost, of quota: RateQuota
    ) throws(StoreError) -> RateAnswer {
        throw .timedOut
    }
}

extension RateLimitRule {
    static func make(
        name: String = "limit", cells: Int = 10, per period: Duration = .seconds(10), burst: RateCost? = nil,
        scope: Set<Scope> = [.client], price: RateLimitPrice = .one, whenUnknown: Unknown = .deny
    ) throws -> RateLimitRule {
        let quota = try #require(RateQuota(cells: cells, period: period, burst: burst))
        return try #require(
            RateLimitRule(name: name, quota: quota, scope: scope, price: price, whenUnknown: whenUnknown))
    }
}

extension RateLimitSubject {
    static func make(
        _ account: String? = "api-key:a", address: String = "192.0.2.1", route: String = "predict"
    ) -> RateLimitSubject { RateLimitSubject(account: account, address: address, route: route) }
}

extension RateLimitDecision {
    fileprivate var ticket: RateLimitTicket? {
        if case .allowed(let ticket, _) = self { ticket } else { nil }
    }
    fileprivate var denial: RateLimitDenial? { if case .denied(let denial) = self { denial } else { nil } }
    fileprivate var standings: [RateLimitStanding] {
        switch self {
        case .allowed(_, let standings): standings
        case .denied(let denial): denial.standings
        case .unknown: []
        }
    }
    fileprivate var unknown: String? { if case .unknown(let rule) = self { rule } else { nil } }
}

@Suite("RateLimiter")
struct RateLimiterTests {
    private let clock = StepClock()

    private func limiter(_ rules: RateLimitRule..., keysMax: Int = 1000) -> RateLimiter {
        RateLimiter(rules: rules, store: RateTable(keysMax: keysMax, now: { [clock] in clock.now }))
    }

    @Test("a request that one rule denies uses nothing of the others")
    func allOrNothing() throws {
        let wide = try RateLimitRule.make(name: "wide", cells: 10, scope: [])
        let narrow = try RateLimitRule.make(name: "narrow", cells: 2, scope: [.client])
        let limiter = limiter(wide, narrow)
        for _ in 0..<2 { #expect(limiter.admit(.make("a"), isFinal: true).ticket?.isEmpty == true) }
        for _ in 0..<50 { #expect(limiter.admit(.make("a")).denial?.rule == "narrow") }
        var others = 0
        while limiter.admit(.make("b\(others)")).ticket != nil { others += 1 }
        #expect(others == 8)
    }

    @Test("a query's price follows its surprise: estimated before, corrected after")
    func scored() throws {
        let price = RateLimitPrice(base: .one, perSurprise: RateCost(0.5), rowMax: RateCost(cells: 5))
        let limiter = limiter(try .make(cells: 20, per: .seconds(20), price: price))
        let ticket = try #require(limiter.admit(.make(), rows: 2).ticket)
        #expect(!ticket.isEmpty)
        limiter.settle(
            ticket,
            rows: [
                Assessment(score: 0, percentile: 50, surprise: 0.7),
                Assessment(score: 9, percentile: 99.9999, surprise: 14),
            ])
        // 1 + 0.35 for the first row, 5 for the second, and one for this request.
        #expect(limiter.admit(.make()).standings.map(\.remaining) == [12])
        let unusable = [Assessment(score: .nan, percentile: .nan, surprise: .nan)]
        #expect(price.cost(of: unusable) == RateCost(cells: 5), "what cannot be priced is not cheap")
    }

    @Test("a cancelled request costs nothing, an unscored one its estimate")
    func endings() throws {
        let price = RateLimitPrice(base: .one, perSurprise: .one)
        let limiter = limiter(try .make(cells: 10, price: price))
        limiter.cancel(try #require(limiter.admit(.make(), rows: 4).ticket))
        limiter.settleEstimate(try #require(limiter.admit(.make(), rows: 3).ticket))
        #expect(limiter.admit(.make(), rows: 1).standings.map(\.remaining) == [6])
        let fixed = self.limiter(try .make(cells: 10), try .make(name: "second", cells: 10))
        fixed.cancel(try #require(fixed.admit(.make(), rows: 4).ticket))
        #expect(try #require(fixed.admit(.make(), rows: 3, isFinal: true).ticket).isEmpty)
        #expect(fixed.admit(.make(), rows: 1).standings.map(\.remaining) == [6, 6])
    }

    @Test("what is foreseen is what would be answered, and uses nothing")
    func foreseen() throws {
        let limiter = limiter(try .make(cells: 2))
        for _ in 0..<5 { #expect(limiter.foresees(.make()) == nil) }
        for _ in 0..<2 { _ = limiter.admit(.make(), isFinal: true) }
        let denial = try #require(limiter.foresees(.make()))
        #expect(denial == limiter.admit(.make()).denial)
        #expect(limiter.foresees(.make()) == denial)
        let dead = RateLimiter(rules: limiter.rules, store: DeadStore())
        #expect(dead.foresees(.make()) == nil)
    }

    @Test(
        "scopes tell apart what they name and nothing else",
        arguments: [
            ([.client], [true, false, false, true]), ([.network], [false, true, false, false]),
            ([.route], [false, false, true, false]), ([.client, .route], [true, false, true, true]),
            ([], [false, false, false, false]),
        ] as [(Set<RateLimitRule.Scope>, [Bool])])
    func scopes(scope: Set<RateLimitRule.Scope>, differs: [Bool]) throws {
        let rule = try RateLimitRule.make(scope: scope)
        let key = RateLimitSubject.make().key(for: rule)
        let others: [RateLimitSubject] = [
            .make("api-key:b"), .make(address: "192.0.3.1"), .make(route: "other"), .make(nil),
        ]
        #expect(others.map { $0.key(for: rule) != key } == differs)
        #expect(RateLimitSubject.make().key(for: try .make(name: "second", scope: scope)) != key)
    }

    @Test("anonymous clients are limited by network, and no account can take their name")
    func anonymous() throws {
        let rule = try RateLimitRule.make()
        let key = RateLimitSubject.make(nil).key(for: rule)
        #expect(RateLimitSubject.make(nil, address: "192.0.2.200").key(for: rule) == key)
        #expect(RateLimitSubject.make(nil, address: "198.51.100.1").key(for: rule) != key)
        #expect(RateLimitSubject.make("anonymous").key(for: rule) != key)
    }

    @Test("joined parts of different subjects are different keys")
    func framing() throws {
        let rule = try RateLimitRule.make(scope: [.client, .route])
        #expect(
            RateLimitSubject.make("a", route: "bc").key(for: rule)
                != RateLimitSubject.make("ab", route: "c").key(for: rule))
    }

    @Test(
        "networks are /24 and /64, mapped IPv4 is IPv4, and other text is a network of its own",
        arguments: [
            ("192.0.2.1", "192.0.2.255", true), ("192.0.2.1", "192.0.3.1", false),
            ("::ffff:192.0.2.7", "192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true), ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::c000:201", "192.0.2.1", false), ("0.0.0.0", "::", false), ("socket", "sockets", false),
        ])
    func networks(first: String, second: String, same: Bool) throws {
        let rule = try RateLimitRule.make(scope: [.network])
        let keys = [first, second].map { RateLimitSubject.make(address: $0).key(for: rule) }
        #expect((keys[0] == keys[1]) == same)
    }

    @Test("prefixes of any length cut exactly there")
    func prefixes() throws {
        let odd = try #require(RateLimitNetwork.Prefixes(ipv4: 20, ipv6: 49))
        #expect(RateLimitNetwork(address: "10.1.255.9", prefixes: odd)?.bytes == [10, 1, 240, 0])
        #expect(
            RateLimitNetwork(address: "ffff:ffff:ffff:ffff::", prefixes: odd)?.bytes
                == [255, 255, 255, 255, 255, 255, 128] + [UInt8](repeating: 0, count: 9))
        let all = try #require(RateLimitNetwork.Prefixes(ipv4: 0, ipv6: 128))
        #expect(RateLimitNetwork(address: "10.1.2.3", prefixes: all)?.bytes == [0, 0, 0, 0])
        for (four, six) in [(33, 64), (-1, 64), (24, 129), (24, -1)] {
            #expect(RateLimitNetwork.Prefixes(ipv4: four, ipv6: six) == nil)
        }
        for text in ["", "1.2.3", "1.2.3.4:80", "[::1]", "fe80::1%eth0", "01.2.3.4x"] {
            #expect(RateLimitNetwork(address: text) == nil, "\(text)")
        }
    }

    @Test(
        "a full table and a store that is out do what the rule says",
        arguments: [
            RateLimitRule.Unknown.allow, .deny,
        ])
    func unknown(whenUnknown: RateLimitRule.Unknown) throws {
        let rule = try RateLimitRule.make(whenUnknown: whenUnknown)
        let full = limiter(rule, keysMax: 1)
        #expect(full.admit(.make("a")).ticket != nil)
        let dead = RateLimiter(rules: [rule], store: DeadStore())
        for decision in [full.admit(.make("b")), dead.admit(.make("a"))] {
            #expect((decision.ticket != nil) == (whenUnknown == .allow))
            #expect(decision.unknown == (whenUnknown == .allow ? nil : "limit"))
        }
        #expect(full.admit(.make("a")).ticket != nil, "the client that is known still has its quota")
    }

    @Test(
        "RateLimit, RateLimit-Policy and Retry-After say when to come back (draft-ietf-httpapi-ratelimit-headers-10)"
    )
    func fields() throws {
        let limiter = limiter(
            try .make(name: "all", cells: 1000, per: .seconds(60), scope: []),
            try .make(name: "client", cells: 60, per: .seconds(60), burst: RateCost(2.5)))
        let first = try #require(RateLimitStanding.fields(limiter.admit(.make(), isFinal: true).standings))
        #expect(first.limit == #""all";r=999;t=1, "client";r=1;t=1"#)
        #expect(first.policy == #""all";q=1000;w=60, "client";q=2;w=3"#)
        #expect(limiter.chargeFixed(try #require(limiter.admit(.make()).ticket)).isEmpty)
        clock.advance(by: .milliseconds(100))
        let denial = try #require(limiter.admit(.make()).denial)
        #expect(denial.rule == "client")
        #expect(denial.retryAfter == .milliseconds(400))
        #expect(denial.retryAfterSeconds == 1)
        #expect(RateLimitStanding.fields([]) == nil)
    }

    @Test(
        "names that cannot stand in a field are refused",
        arguments: ["", "a b", "a\"", "A", "é", "a;b", String(repeating: "x", count: 65)])
    func names(name: String) throws {
        let quota = try #require(RateQuota(cells: 1, period: .seconds(1)))
        #expect(RateLimitRule(name: name, quota: quota, scope: []) == nil)
    }
}
