import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import Store

/// One kind of rate store to put to the suite.
struct RateStoreKind: CustomTestStringConvertible, Sendable {
    var testDescription: String
    /// A store for this many keys whose unsettled reservations end after a minute.
    var make: @Sendable (Int, ManualClock) -> any RateStore

    /// Every implementation: a new one is added here and must pass as it is.
    static let all = [1, 16].map { shards in
        RateStoreKind(testDescription: "memory, shards: \(shards)") { keys, clock in
            RateTable(keysMax: keys, holdFor: .seconds(60), shards: shards, now: { clock.now })
        }
    }
}

extension RateQuota {
    static func make(_ cells: Int, per period: Duration, burst: RateCost? = nil) throws -> RateQuota {
        try #require(RateQuota(cells: cells, period: period, burst: burst))
    }
}

/// A token bucket in exact arithmetic: levels are counted in units of one millicell divided by the period's nanoseconds, so that
/// refilling for any whole number of nanoseconds is a whole number of units.
private struct NaiveBucket {
    let unitsPerMillicell: Int128
    let unitsPerNanosecond: Int128
    var capacity: Int128
    var level: Int128
    var last: Duration

    init(cells: Int, periodNanoseconds: Int64, burst: RateCost, now: Duration) {
        unitsPerMillicell = Int128(periodNanoseconds)
        unitsPerNanosecond = Int128(cells) * 1000
        capacity = Int128(burst.millicells) * unitsPerMillicell
        level = capacity
        last = now
    }

    mutating func take(_ cost: RateCost, at now: Duration) -> Bool {
        let (seconds, attoseconds) = (now - last).components
        let elapsed = Int128(seconds) * 1_000_000_000 + Int128(attoseconds / 1_000_000_000)
        level = min(capacity, level + elapsed * unitsPerNanosecond)
        last = now
        let price = Int128(cost.millicells) * unitsPerMillicell
        guard level >= price else { return false }
        level -= price
        return true
    }
}

@Suite("Rate limits: what every store promises")
struct RateStoreConformanceTests {
    let clock = ManualClock()

    @Test("a burst is let in, the next is denied until one cell is refilled", arguments: RateStoreKind.all)
    func burst(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(10, per: .seconds(1), burst: RateCost(cells: 3))
        for left in [2, 1, 0] {
            let answer = try store.charge(.make(1), .one, of: quota)
            #expect(answer.outcome == .allowed)
            #expect(answer.remaining == RateCost(cells: left))
            #expect(answer.refilledAfter == .milliseconds(100 * (3 - left)))
        }
        let denied = try store.charge(.make(1), .one, of: quota)
        #expect(denied.outcome == .denied)
        #expect(denied.retryAfter == .milliseconds(100))
        clock.advance(by: .nanoseconds(99_999_999))
        #expect(try store.charge(.make(1), .one, of: quota).retryAfter == .nanoseconds(1))
        clock.advance(by: .nanoseconds(1))
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .allowed)
        #expect(store.rateStatistics.allowed == 4)
        #expect(store.rateStatistics.denied == 2)
    }

    @Test("decisions are those of a token bucket in exact arithmetic", arguments: RateStoreKind.all)
    func oracle(kind: RateStoreKind) throws {
        var generator = SeededGenerator(seed: 20_261_121)
        // Periods that the cells divide without remainder: then the two agree to the nanosecond.
        for (cells, period, burst) in [
            (10, 1_000_000_000, 10.0), (4, 8_000, 2.5), (1, 60_000_000_000, 1), (8, 64_000, 40),
        ] {
            let cost = RateCost(burst)
            let quota = try RateQuota.make(cells, per: .nanoseconds(period), burst: cost)
            let store = kind.make(10, clock)
            var naive = NaiveBucket(
                cells: cells, periodNanoseconds: Int64(period), burst: cost, now: clock.now)
            var allowed = 0
            for step in 0..<2000 {
                let price = RateCost(
                    millicells: Int64.random(in: 0...Int64(burst * 1000), using: &generator) / 125 * 125)
                let expected = naive.take(price, at: clock.now)
                let answer = try store.charge(.make(1), price, of: quota)
                #expect((answer.outcome == .allowed) == expected, "step \(step) of \(cells) per \(period)")
                allowed += expected ? 1 : 0
                let pause = Int64.random(in: 0...Int64(period) * 2 / Int64(cells), using: &generator)
                clock.advance(by: .nanoseconds(pause))
            }
            #expect(allowed > 200 && allowed < 1990, "the walk meets both answers")
        }
    }

    @Test(
        "rounding lets in no more than the quota and what one nanosecond refills, however many the charges",
        arguments: RateStoreKind.all)
    func rounding(kind: RateStoreKind) throws {
        var generator = SeededGenerator(seed: 7)
        // A third of a nanosecond is lost with each charge, in the quota's favour.
        let quota = try RateQuota.make(3, per: .nanoseconds(100), burst: RateCost(cells: 2))
        let store = kind.make(10, clock)
        var naive = NaiveBucket(cells: 3, periodNanoseconds: 100, burst: RateCost(cells: 2), now: clock.now)
        naive.capacity += naive.unitsPerNanosecond
        naive.level = naive.capacity
        var allowed = 0
        for _ in 0..<20000 {
            let price = RateCost(millicells: Int64.random(in: 1...2000, using: &generator))
            if try store.charge(.make(1), price, of: quota).outcome == .allowed {
                let hasRoom = naive.take(price, at: clock.now)
                #expect(hasRoom)
                allowed += 1
            }
            clock.advance(by: .nanoseconds(Int64.random(in: 0...60, using: &generator)))
        }
        #expect(allowed > 500)
    }

    @Test("a client that waits as long as it is told is let in", arguments: RateStoreKind.all)
    func retryAfter(kind: RateStoreKind) throws {
        var generator = SeededGenerator(seed: 11)
        let quota = try RateQuota.make(7, per: .seconds(3), burst: RateCost(5.5))
        let store = kind.make(10, clock)
        for _ in 0..<500 {
            let price = RateCost(millicells: Int64.random(in: 1...9000, using: &generator))
            let answer = try store.charge(.make(1), price, of: quota)
            guard answer.outcome == .denied else { continue }
            #expect(answer.retryAfter > .zero)
            clock.advance(by: answer.retryAfter - .nanoseconds(1))
            #expect(try store.charge(.make(1), price, of: quota).outcome == .denied)
            clock.advance(by: .nanoseconds(1))
            #expect(try store.charge(.make(1), price, of: quota).outcome == .allowed)
        }
    }

    @Test(
        "a reservation counts in full until it is settled, and only the true cost stays",
        arguments: RateStoreKind.all)
    func reservations(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 10))
        #expect(try store.reserve(.make(1), RateCost(cells: 8), of: quota).outcome == .allowed)
        #expect(try store.reserve(.make(1), RateCost(cells: 3), of: quota).outcome == .denied)
        clock.advance(by: .seconds(5))
        #expect(
            try store.reserve(.make(1), RateCost(cells: 3), of: quota).outcome == .denied,
            "a held cell is not refilled")
        #expect(
            try store.settle(.make(1), reserved: RateCost(cells: 8), cost: RateCost(0.5), of: quota).remaining
                == RateCost(9.5))
        #expect(try store.charge(.make(1), RateCost(9.5), of: quota).outcome == .allowed)
        #expect(try store.charge(.make(1), RateCost(millicells: 1), of: quota).outcome == .denied)
    }

    @Test(
        "a late correction never hands out cells that were refilled meanwhile", arguments: RateStoreKind.all)
    func lateCorrection(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 6))
        _ = try store.reserve(.make(1), RateCost(cells: 5), of: quota)
        clock.advance(by: .seconds(4))
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .allowed)
        let answer = try store.settle(.make(1), reserved: RateCost(cells: 5), cost: .zero, of: quota)
        #expect(answer.remaining == RateCost(cells: 5), "the cell charged just now is still owed")
    }

    @Test("a cost above the estimate is owed, a bounded one", arguments: RateStoreKind.all)
    func debt(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 4))
        for _ in 0..<3 { #expect(try store.reserve(.make(1), .one, of: quota).outcome == .allowed) }
        for _ in 0..<3 { try store.settle(.make(1), reserved: .one, cost: RateCost(cells: 100), of: quota) }
        let denied = try store.charge(.make(1), .one, of: quota)
        #expect(denied.outcome == .denied)
        #expect(denied.retryAfter == .seconds(297), "300 s are owed, of which all but three must be over")
        for _ in 0..<9 {
            try store.settle(.make(1), reserved: .zero, cost: RateCost(cells: 1_000_000), of: quota)
        }
        #expect(try store.charge(.make(1), .one, of: quota).retryAfter == .seconds(4 * 1024 - 3))
    }

    @Test("a batch dearer than the burst waits for all of it and owes the rest", arguments: RateStoreKind.all)
    func batch(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 4))
        let batch = RateCost(cells: 1000)
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .allowed)
        #expect(try store.charge(.make(1), batch, of: quota).retryAfter == .seconds(1))
        clock.advance(by: .seconds(1))
        let answer = try store.charge(.make(1), batch, of: quota)
        #expect(answer.outcome == .allowed && answer.remaining == .zero)
        #expect(answer.refilledAfter == .seconds(1000))
        #expect(try store.charge(.make(1), .one, of: quota).retryAfter == .seconds(997))
        #expect(try store.charge(.make(1), batch, of: quota).retryAfter == .seconds(1000))
        clock.advance(by: .seconds(1000))
        // Held until it is scored, it counts as much.
        #expect(try store.reserve(.make(1), batch, of: quota).outcome == .allowed)
        clock.advance(by: .seconds(30))
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .denied)
        try store.settle(.make(1), reserved: batch, cost: batch, of: quota)
        #expect(try store.charge(.make(1), .one, of: quota).retryAfter == .seconds(997))
    }

    @Test("a reservation that nobody settles is let go of", arguments: RateStoreKind.all)
    func forgottenReservation(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 4))
        _ = try store.reserve(.make(1), RateCost(cells: 4), of: quota)
        clock.advance(by: .nanoseconds(59_999_999_999))
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .denied)
        clock.advance(by: .nanoseconds(1))
        #expect(try store.charge(.make(1), RateCost(cells: 4), of: quota).outcome == .allowed)
    }

    @Test(
        "a full store never forgets a limit that holds, and takes new keys when others are refilled",
        arguments: RateStoreKind.all)
    func full(kind: RateStoreKind) throws {
        let store = kind.make(8, clock)
        let slow = try RateQuota.make(1, per: .seconds(100), burst: .one)
        let fast = try RateQuota.make(1, per: .seconds(1), burst: .one)
        for key in 0..<4 { #expect(try store.charge(.make(key), .one, of: slow).outcome == .allowed) }
        for key in 4..<8 { #expect(try store.charge(.make(key), .one, of: fast).outcome == .allowed) }
        for key in 100..<200 { #expect(try store.charge(.make(key), .one, of: fast).outcome == .full) }
        #expect(store.rateStatistics.keys == 8)
        #expect(store.rateStatistics.turnedAway == 100)
        for key in 0..<8 { #expect(try store.charge(.make(key), .one, of: slow).outcome == .denied) }
        clock.advance(by: .seconds(2))
        for key in 100..<104 { #expect(try store.charge(.make(key), .one, of: slow).outcome == .allowed) }
        #expect(try store.charge(.make(104), .one, of: slow).outcome == .full)
        for key in 0..<4 { #expect(try store.charge(.make(key), .one, of: slow).outcome == .denied) }
        #expect(store.rateStatistics.keys == 8)
    }

    @Test("a key with an open reservation is not forgotten either", arguments: RateStoreKind.all)
    func fullOfReservations(kind: RateStoreKind) throws {
        let store = kind.make(1, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 2))
        _ = try store.reserve(.make(1), RateCost(cells: 2), of: quota)
        clock.advance(by: .seconds(30))
        #expect(try store.charge(.make(2), .one, of: quota).outcome == .full)
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .denied)
        clock.advance(by: .seconds(31))
        #expect(try store.charge(.make(2), .one, of: quota).outcome == .allowed)
    }

    @Test("racing clients get exactly the burst", arguments: RateStoreKind.all)
    func races(kind: RateStoreKind) throws {
        let store = kind.make(1000, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 300))
        let granted = (0..<4).map { _ in Counted() }
        DispatchQueue.concurrentPerform(iterations: 4000) { index in
            let answer = try? store.charge(.make(index % 4), .one, of: quota)
            if answer?.outcome == .allowed { granted[index % 4].count.wrappingAdd(1, ordering: .relaxed) }
        }
        #expect(granted.map { $0.count.load(ordering: .relaxed) } == [300, 300, 300, 300])
        #expect(store.rateStatistics.keys == 4)
    }

    @Test("racing reservations that are settled at nothing leave nothing", arguments: RateStoreKind.all)
    func racingReservations(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 3))
        DispatchQueue.concurrentPerform(iterations: 2000) { _ in
            guard (try? store.reserve(.make(1), .one, of: quota))?.outcome == .allowed else { return }
            _ = try? store.settle(.make(1), reserved: .one, cost: .zero, of: quota)
        }
        #expect(try store.charge(.make(1), RateCost(cells: 3), of: quota).outcome == .allowed)
    }

    @Test(
        "a clock that is set back a day locks nobody out for longer than a batch does",
        arguments: RateStoreKind.all)
    func clockSetBack(kind: RateStoreKind) throws {
        let store = kind.make(10, clock)
        let quota = try RateQuota.make(1, per: .seconds(1), burst: RateCost(cells: 2))
        #expect(try store.charge(.make(1), .one, of: quota).outcome == .allowed)
        clock.advance(by: .seconds(-86_400))
        #expect(try store.charge(.make(1), .one, of: quota).retryAfter <= .seconds(2 * 1024))
    }
}

/// A class, because an array cannot hold atomics.
private final class Counted: Sendable {
    let count = Atomic(0)
}

@Suite("RateTable and its numbers")
struct RateTableTests {
    @Test("a table whose keys come and go holds only those that are limited, however busy")
    func bounded() throws {
        let clock = ManualClock()
        let table = RateTable(keysMax: 5000, shards: 4, now: { clock.now })
        let quota = try RateQuota.make(10, per: .seconds(1), burst: RateCost(cells: 5))
        for round in 0..<200 {
            for key in 0..<50 { _ = table.charge(.make(round * 50 + key), .one, of: quota) }
            // One key is busy all the time and must not be filed more than once.
            _ = table.charge(.make(1_000_000), .one, of: quota)
            clock.advance(by: .milliseconds(100))
            #expect(table.rateStatistics.keys <= 50 * 4 + 1)
        }
        clock.advance(by: .seconds(10))
        table.sweep()
        #expect(table.rateStatistics.keys == 0)
    }

    @Test(
        "quotas that cannot be kept are refused",
        arguments: [
            (0, Duration.seconds(1), nil), (-1, .seconds(1), nil), (1, .zero, nil), (1, .seconds(-1), nil),
            (1, .seconds(1), RateCost(0.5)), (1, .seconds(366 * 86400 + 1), nil), (2, .nanoseconds(1), nil),
            (1, .seconds(86400), RateCost(cells: 367)), (1_000_000_001, .seconds(10), nil),
            (1, .seconds(Int64.max), nil),
        ] as [(Int, Duration, RateCost?)])
    func refused(cells: Int, period: Duration, burst: RateCost?) {
        #expect(RateQuota(cells: cells, period: period, burst: burst) == nil)
    }

    @Test("the largest numbers overflow nothing")
    func large() throws {
        let clock = ManualClock()
        let table = RateTable(keysMax: 10, now: { clock.now })
        let quota = try RateQuota.make(1_000_000_000, per: .seconds(1), burst: RateCost(millicells: .max))
        #expect(table.charge(.make(1), RateCost(millicells: .max), of: quota).outcome == .allowed)
        #expect(table.charge(.make(1), RateCost(millicells: .max), of: quota).outcome == .denied)
        table.settle(.make(1), reserved: .zero, cost: RateCost(millicells: .max), of: quota)
        #expect(table.charge(.make(1), .one, of: quota).retryAfter > .seconds(900))
        let year = try RateQuota.make(1, per: RateQuota.refillMax)
        #expect(table.charge(.make(2), .one, of: year).refilledAfter == RateQuota.refillMax)
    }

    @Test(
        "costs are rounded up to a thousandth, and what is no number costs the most",
        arguments: [
            (0.0, 0), (1, 1000), (0.0001, 1), (1.0005, 1001), (-3, 0), (1e300, RateCost.millicellsMax),
            (.nan, RateCost.millicellsMax), (.infinity, RateCost.millicellsMax), (-.infinity, 0),
        ] as [(Double, Int64)])
    func costs(cells: Double, millicells: Int64) { #expect(RateCost(cells).millicells == millicells) }
}
