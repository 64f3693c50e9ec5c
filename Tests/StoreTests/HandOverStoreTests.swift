import Dispatch
import Synchronization
import Testing

@testable import Store

@Suite("A store that another process takes over")
struct HandOverStoreTests {
    private static func store(at time: Duration = .seconds(100), answers: Int = 100) -> MemoryStore {
        MemoryStore(
            limits: MemoryStore.Limits(claimsMax: 100, answersMax: answers, answerBytesMax: 1 << 20),
            shards: 4
        ) { time }
    }

    private static func key(_ number: UInt64) -> StoreKey { StoreKey(high: 1, low: number) }

    private static let answer = WithheldAnswer(head: [1], body: [2, 3])

    /// What a store gives up, as it comes.
    private final class Heir: Sendable {
        let entries = Mutex<[StoreEntry]>([])
        func take(_ entry: StoreEntry) { entries.withLock { $0.append(entry) } }
    }

    @Test("everything that has not ended is given, and then every answer that is withheld")
    func gives() {
        let store = Self.store()
        for number in 0..<10 { _ = store.claim(Self.key(UInt64(number)), until: .seconds(200)) }
        _ = store.withhold(Self.answer, as: Self.key(50), until: .seconds(150))
        _ = store.claim(Self.key(60), until: .seconds(100))
        let heir = Heir()
        store.handOver(to: heir.take)
        #expect(heir.entries.withLock(\.count) == 11)
        #expect(store.withhold(Self.answer, as: Self.key(51), until: .seconds(160)) == .held)
        let last = heir.entries.withLock(\.last)
        #expect(last == .answer(Self.answer, Self.key(51), until: .seconds(160)))
        #expect(store.withhold(Self.answer, as: Self.key(51), until: .seconds(160)) == .taken)
        #expect(heir.entries.withLock(\.count) == 12, "what is not held is not given")
    }

    @Test("no claim is granted once it may be granted elsewhere, and all are again when nobody took over")
    func claims() {
        let store = Self.store()
        #expect(store.claim(Self.key(1), until: .seconds(200)) == .fresh)
        store.handOver { _ in }
        #expect(store.claim(Self.key(1), until: .seconds(200)) == .handedOver)
        #expect(store.claim(Self.key(2), until: .seconds(200)) == .handedOver)
        #expect(store.statistics.claims == 1, "a refused claim takes no room")
        store.takeBack()
        #expect(store.claim(Self.key(1), until: .seconds(200)) == .replayed)
        #expect(store.claim(Self.key(2), until: .seconds(200)) == .fresh)
    }

    @Test("what is adopted counts as one's own, within one's own bounds")
    func adopts() {
        let store = Self.store(answers: 1)
        #expect(store.adopt(.claim(Self.key(1), until: .seconds(200))))
        #expect(store.claim(Self.key(1), until: .seconds(200)) == .replayed)
        #expect(store.adopt(.answer(Self.answer, Self.key(2), until: .seconds(200))))
        // Given twice, held once.
        #expect(store.adopt(.answer(Self.answer, Self.key(2), until: .seconds(200))))
        #expect(!store.adopt(.answer(Self.answer, Self.key(3), until: .seconds(200))))
        #expect(store.redeem(Self.key(2)) == Self.answer)
    }

    @Test("of racing claims in two stores, one is granted while the one is handed over to the other")
    func race() {
        for _ in 0..<50 {
            let old = Self.store()
            let new = Self.store()
            let keys = (0..<64).map { Self.key($0) }
            let granted = Atomic<Int>(0)
            DispatchQueue.concurrentPerform(iterations: 2) { side in
                if side == 1 { old.handOver { _ = new.adopt($0) } }
                let store = side == 1 ? new : old
                for key in keys where store.claim(key, until: .seconds(200)) == .fresh {
                    granted.wrappingAdd(1, ordering: .relaxed)
                }
            }
            #expect(granted.load(ordering: .relaxed) == keys.count)
        }
    }
}
