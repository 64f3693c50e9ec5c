import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import Store

/// A clock that moves when it is told to.
final class ManualClock: Sendable {
    private let time = Mutex(Duration.seconds(1_800_000_000))

    var now: Duration { time.withLock { $0 } }

    func advance(by step: Duration) { time.withLock { $0 += step } }
}

/// One kind of store to put to the suite.
struct StoreKind: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var make: @Sendable (MemoryStore.Limits, ManualClock) -> any StateStore

    /// Every implementation: a new one is added here and must pass as it is.
    static let all = [1, 16].map { shards in
        StoreKind(testDescription: "memory, shards: \(shards)") { limits, clock in
            MemoryStore(limits: limits, shards: shards, now: { clock.now })
        }
    }
}

extension MemoryStore.Limits {
    static func make(claims: Int = 100, answers: Int = 100, bytes: Int = 10_000) -> Self {
        Self(claimsMax: claims, answersMax: answers, answerBytesMax: bytes)
    }
}

extension StoreKey {
    static func make(_ number: Int) -> StoreKey { StoreKey(high: 0xABCD, low: UInt64(number)) }
}

extension WithheldAnswer {
    static func make(_ number: Int, bytes: Int = 10) -> WithheldAnswer {
        WithheldAnswer(head: [UInt8(number & 255)], body: [UInt8](repeating: 7, count: bytes - 1))
    }
}

@Suite("Store: what every implementation promises")
struct StoreConformanceTests {
    let clock = ManualClock()

    @Test("a key is claimed once until its time is over", arguments: StoreKind.all)
    func claims(kind: StoreKind) throws {
        let store = kind.make(.make(), clock)
        let until = clock.now + .seconds(10)
        #expect(try store.claim(.make(1), until: until) == .fresh)
        #expect(try store.claim(.make(1), until: until) == .replayed)
        #expect(try store.claim(.make(2), until: until) == .fresh)
        clock.advance(by: .milliseconds(9999))
        #expect(try store.claim(.make(1), until: until) == .replayed)
        clock.advance(by: .milliseconds(1))
        #expect(
            try store.claim(.make(1), until: until) == .expired, "an ended challenge is never fresh again")
        #expect(try store.claim(.make(1), until: clock.now + .seconds(1)) == .fresh)
        #expect(store.statistics.replays == 2)
    }

    @Test("keys that share half their bits are different keys", arguments: StoreKind.all)
    func keys(kind: StoreKind) throws {
        let store = kind.make(.make(), clock)
        let until = clock.now + .seconds(10)
        for key in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            #expect(
                try store.claim(StoreKey(high: UInt64(key.0), low: UInt64(key.1)), until: until) == .fresh)
        }
    }

    @Test(
        "a full store refuses new claims, still knows the old ones, and recovers with time",
        arguments: StoreKind.all)
    func fullOfClaims(kind: StoreKind) throws {
        let store = kind.make(.make(claims: 50), clock)
        let until = clock.now + .seconds(10)
        for number in 0..<50 { #expect(try store.claim(.make(number), until: until) == .fresh) }
        #expect(try store.claim(.make(50), until: until) == .full)
        #expect(try store.claim(.make(0), until: until) == .replayed)
        #expect(store.statistics.claims == 50)
        #expect(store.statistics.claimsTurnedAway == 1)
        clock.advance(by: .seconds(12))
        for number in 50..<100 {
            #expect(try store.claim(.make(number), until: clock.now + .seconds(10)) == .fresh)
        }
        #expect(store.statistics.claims == 50)
    }

    @Test("an answer is released once, whole, and to its own key", arguments: StoreKind.all)
    func answers(kind: StoreKind) throws {
        let store = kind.make(.make(), clock)
        let until = clock.now + .seconds(10)
        #expect(try store.withhold(.make(1), as: .make(1), until: until) == .held)
        #expect(try store.withhold(.make(2), as: .make(2), until: until) == .held)
        #expect(try store.withhold(.make(3), as: .make(1), until: until) == .taken)
        #expect(store.statistics.answerBytes == 20)
        #expect(try store.redeem(.make(9)) == nil)
        #expect(try store.redeem(.make(1)) == .make(1))
        #expect(try store.redeem(.make(1)) == nil)
        #expect(try store.redeem(.make(2)) == .make(2))
        #expect(store.statistics.answers == 0)
        #expect(store.statistics.answerBytes == 0)
    }

    @Test("an answer whose time is over is gone, and its room is free", arguments: StoreKind.all)
    func expiredAnswers(kind: StoreKind) throws {
        let store = kind.make(.make(answers: 2), clock)
        let until = clock.now + .seconds(10)
        #expect(try store.withhold(.make(1), as: .make(1), until: until) == .held)
        #expect(try store.withhold(.make(2), as: .make(2), until: until + .seconds(60)) == .held)
        clock.advance(by: .seconds(10))
        #expect(try store.redeem(.make(1)) == nil, "at the very end it is over")
        clock.advance(by: .seconds(2))
        #expect(try store.withhold(.make(3), as: .make(3), until: until) == .expired)
        #expect(try store.withhold(.make(3), as: .make(3), until: clock.now + .seconds(1)) == .held)
        #expect(try store.redeem(.make(2)) == .make(2))
        #expect(store.statistics.answersExpired == 1)
    }

    @Test(
        "unexpired answers are never dropped for newer ones, by count or by bytes", arguments: StoreKind.all)
    func fullOfAnswers(kind: StoreKind) throws {
        let store = kind.make(.make(answers: 3, bytes: 100), clock)
        let until = clock.now + .seconds(10)
        #expect(try store.withhold(.make(1, bytes: 90), as: .make(1), until: until) == .held)
        #expect(try store.withhold(.make(2, bytes: 11), as: .make(2), until: until) == .full)
        #expect(try store.withhold(.make(2, bytes: 5), as: .make(2), until: until) == .held)
        #expect(try store.withhold(.make(3, bytes: 5), as: .make(3), until: until) == .held)
        #expect(try store.withhold(.make(4, bytes: 1), as: .make(4), until: until) == .full)
        #expect(store.statistics.answersTurnedAway == 2)
        #expect(try store.redeem(.make(1)) == .make(1, bytes: 90))
        #expect(try store.withhold(.make(4, bytes: 90), as: .make(4), until: until) == .held)
        for (number, bytes) in [(2, 5), (3, 5), (4, 90)] {
            #expect(try store.redeem(.make(number)) == .make(number, bytes: bytes))
        }
    }

    @Test("an answer larger than the whole store is refused at once", arguments: StoreKind.all)
    func oversized(kind: StoreKind) throws {
        let store = kind.make(.make(bytes: 100), clock)
        #expect(
            try store.withhold(.make(1, bytes: 101), as: .make(1), until: clock.now + .seconds(9)) == .full)
        #expect(store.statistics.answers == 0)
    }

    @Test("of racing claims of one key exactly one is fresh (double spending)", arguments: StoreKind.all)
    func racingClaims(kind: StoreKind) {
        let store = kind.make(.make(claims: 10_000), clock)
        let until = clock.now + .seconds(10)
        let fresh = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for number in 0..<500 where (try? store.claim(.make(number), until: until)) == .fresh {
                fresh.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(fresh.load(ordering: .relaxed) == 500)
        #expect(store.statistics.replays == 7 * 500)
        #expect(store.statistics.claims == 500)
    }

    @Test("of racing redemptions of one answer exactly one gets it", arguments: StoreKind.all)
    func racingRedemptions(kind: StoreKind) {
        let store = kind.make(.make(answers: 1000), clock)
        let until = clock.now + .seconds(10)
        for number in 0..<500 { _ = try? store.withhold(.make(number), as: .make(number), until: until) }
        let released = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for number in 0..<500 where (try? store.redeem(.make(number))) == .make(number) {
                released.wrappingAdd(1, ordering: .relaxed)
            }
        }
        #expect(released.load(ordering: .relaxed) == 500)
        #expect(store.statistics.answers == 0 && store.statistics.answerBytes == 0)
    }

    @Test("racing writers never exceed the bounds, and nothing leaks", arguments: StoreKind.all)
    func racingBounds(kind: StoreKind) throws {
        let store = kind.make(.make(claims: 300, answers: 40, bytes: 500), clock)
        let clock = clock
        DispatchQueue.concurrentPerform(iterations: 8) { lane in
            for step in 0..<400 {
                let key = StoreKey.make(lane * 1000 + step)
                let until = clock.now + .seconds(step % 7 + 1)
                _ = try? store.claim(key, until: until)
                _ = try? store.withhold(.make(step, bytes: 10 + step % 10), as: key, until: until)
                if step % 3 == 0 { _ = try? store.redeem(.make(lane * 1000 + step / 2)) }
                if step % 50 == 0 { clock.advance(by: .seconds(1)) }
                let held = store.statistics
                #expect(held.claims <= 300 && held.answers <= 40 && held.answerBytes <= 500)
            }
        }
        clock.advance(by: .seconds(100))
        // One more call lets the store notice the time.
        for number in 0..<16 { _ = try store.claim(.make(90_000 + number), until: clock.now + .seconds(1)) }
        #expect(store.statistics.claims == 16)
        #expect(store.statistics.answers == 0 && store.statistics.answerBytes == 0)
    }
}

@Suite("Store: memory")
struct MemoryStoreTests {
    @Test("sweeping an idle store frees what has ended and nothing else")
    func sweeping() {
        let clock = ManualClock()
        let store = MemoryStore(limits: .make(), now: { clock.now })
        for number in 0..<20 {
            let until = clock.now + .seconds(number < 10 ? 5 : 500)
            #expect(store.claim(.make(number), until: until) == .fresh)
            #expect(store.withhold(.make(number), as: .make(number), until: until) == .held)
        }
        clock.advance(by: .seconds(7))
        store.sweep()
        #expect(store.statistics.claims == 10)
        #expect(store.statistics.answers == 10)
        #expect(store.statistics.answersExpired == 10)
        #expect(store.redeem(.make(19)) == .make(19))
    }
}

@Suite("Store: tables that expire")
struct ExpiringTableTests {
    @Test(
        "a table agrees with a scanned dictionary over random operations", arguments: [1, 2, 3] as [UInt64])
    func naive(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ExpiringTable<Int>()
        var naive: [StoreKey: (value: Int, end: Duration)] = [:]
        var now = Duration.zero
        var swept = 0
        for step in 0..<5000 {
            let key = StoreKey.make(Int.random(in: 0..<50, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let end = now + .milliseconds(Int.random(in: 1...30_000, using: &random))
                let replaced = table.insert(step, as: key, until: end)
                #expect(replaced == nil || naive[key]?.value == replaced, "seed \(seed)")
                naive[key] = (step, end)
            case 5..<7:
                let removed = table.remove(key, now: now)
                if let removed, removed.isCurrent { #expect(naive[key]?.value == removed.value) }
                #expect((removed?.isCurrent ?? false) == (naive[key].map { $0.end > now } ?? false))
                naive[key] = nil
            case 7:
                now += .milliseconds(Int.random(in: 0...20_000, using: &random))
                table.sweep(now: now) { _ in swept += 1 }
            default: break
            }
            let expected = naive[key].flatMap { $0.end > now ? $0.value : nil }
            #expect(table.value(key, now: now) == expected, "seed \(seed), step \(step)")
        }
        now += .seconds(40)
        table.sweep(now: now) { _ in swept += 1 }
        #expect(table.count == 0)
        #expect(swept > 100)
    }

    @Test("keys of removed entries do not pile up until their end")
    func churn() {
        var table = ExpiringTable<Int>()
        for step in 0..<100_000 {
            _ = table.insert(step, as: .make(step), until: .seconds(1_000_000))
            _ = table.remove(.make(step), now: .zero)
        }
        #expect(table.bucketedKeys <= 65)
    }

    @Test("an entry put in after its bucket was swept is swept all the same")
    func lateEntry() {
        var table = ExpiringTable<Int>()
        _ = table.insert(0, as: .make(0), until: .seconds(500))
        table.sweep(now: .seconds(100)) { _ in }
        // A thread that read the clock before another one swept.
        _ = table.insert(1, as: .make(1), until: .seconds(99))
        var swept: [Int] = []
        table.sweep(now: .seconds(102)) { swept.append($0) }
        #expect(swept == [1])
    }
}
