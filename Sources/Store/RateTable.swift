import Synchronization

/// The rate store of a single process: a bounded number of keys in shards under mutexes.
///
/// A full table forgets keys that are refilled, which loses nothing. A key that is still limited is never forgotten: a flood of
/// new keys must not free an old one. Where nothing can be forgotten the answer is `.full`, and the caller's configuration says
/// what that means.
package final class RateTable: RateStore {
    /// A class, because an array cannot hold mutexes.
    private final class Shard: Sendable {
        let table = Mutex(RateTableShard())
    }

    private let keysMax: Atomic<Int>
    private let holdNanoseconds: Atomic<Int64>
    private let shards: [Shard]
    private let now: @Sendable () -> Duration

    private let keys = Atomic(0)
    private let allowed = Atomic<UInt64>(0)
    private let denied = Atomic<UInt64>(0)
    private let turnedAway = Atomic<UInt64>(0)

    /// An empty table.
    ///
    /// - Parameters:
    ///   - keysMax: keys remembered at once.
    ///   - holdFor: when a reservation is let go of that nobody settled: longer than any request lasts.
    ///   - shards: how many locks, at least 1.
    ///   - now: the time since the start of the Unix era; a step back costs no key more than it could owe.
    package init(
        keysMax: Int, holdFor: Duration = .seconds(300), shards: Int = 16,
        now: @escaping @Sendable () -> Duration
    ) {
        precondition(shards > 0 && keysMax >= 0, "a table has at least one shard and no negative bound")
        self.keysMax = Atomic(keysMax)
        holdNanoseconds = Atomic(max(0, RateQuota.nanoseconds(holdFor)))
        self.shards = (0..<shards).map { _ in Shard() }
        self.now = now
    }

    /// Other bounds from now on, as in `init`. Keys that are remembered stay, also where they are more than `keysMax`.
    package func change(keysMax: Int, holdFor: Duration) {
        precondition(keysMax >= 0, "a table has no negative bound")
        self.keysMax.store(keysMax, ordering: .relaxed)
        holdNanoseconds.store(max(0, RateQuota.nanoseconds(holdFor)), ordering: .relaxed)
    }

    /// See `RateStore.charge`; never throws.
    package func charge(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) -> RateAnswer {
        take(key, quota) { entry, now in entry.take(cost, quota, now: now, holdUntil: nil) }
    }

    /// See `RateStore.reserve`; never throws.
    package func reserve(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) -> RateAnswer {
        let hold = holdNanoseconds.load(ordering: .relaxed)
        return take(key, quota) { entry, now in
            entry.take(cost, quota, now: now, holdUntil: now + hold)
        }
    }

    /// See `RateStore.foresee`; never throws.
    package func foresee(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) -> RateAnswer {
        let now = RateQuota.nanoseconds(now())
        func answer(_ entry: RateEntry) -> RateAnswer {
            var entry = entry
            entry.advance(to: now, quota)
            return entry.take(cost, quota, now: now, holdUntil: nil)
        }
        return shard(of: key).table.withLock { table in
            table.update(key) { answer($0) } ?? answer(.fresh(at: now))
        }
    }

    /// See `RateStore.settle`; never throws.
    @discardableResult
    package func settle(
        _ key: StoreKey, reserved: RateCost, cost: RateCost, of quota: RateQuota
    ) -> RateAnswer {
        apply(key, quota) { entry, now in entry.settle(reserved, cost, quota, now: now) }
    }

    /// Numbers of this moment, each read by itself.
    package var rateStatistics: RateStatistics {
        var statistics = RateStatistics()
        statistics.keys = keys.load(ordering: .relaxed)
        statistics.allowed = allowed.load(ordering: .relaxed)
        statistics.denied = denied.load(ordering: .relaxed)
        statistics.turnedAway = turnedAway.load(ordering: .relaxed)
        return statistics
    }

    /// Frees the room of refilled keys; for a timer on an idle gateway, not needed for correctness.
    package func sweep() { sweepAll(now: RateQuota.nanoseconds(now())) }

    // MARK: Steps

    private typealias Step = (inout RateEntry, Int64) -> RateAnswer

    private func take(_ key: StoreKey, _ quota: RateQuota, _ step: Step) -> RateAnswer {
        let answer = apply(key, quota, step)
        switch answer.outcome {
        case .allowed: allowed.wrappingAdd(1, ordering: .relaxed)
        case .denied: denied.wrappingAdd(1, ordering: .relaxed)
        case .full: break
        }
        return answer
    }

    private func apply(_ key: StoreKey, _ quota: RateQuota, _ step: Step) -> RateAnswer {
        let now = RateQuota.nanoseconds(now())
        if let answer = attempt(key, quota, now, isRoomReserved: false, step) { return answer }
        guard reserveRoom(now: now) else {
            turnedAway.wrappingAdd(1, ordering: .relaxed)
            return RateAnswer(
                outcome: .full, remaining: .zero, retryAfter: .seconds(1), refilledAfter: .zero)
        }
        if let answer = attempt(key, quota, now, isRoomReserved: true, step) { return answer }
        preconditionFailure("an attempt with room always has an answer")
    }

    /// Takes the step on the key's entry. Nil when the key is new and no room is reserved for it; room that turns out not to
    /// be needed is given back.
    private func attempt(
        _ key: StoreKey, _ quota: RateQuota, _ now: Int64, isRoomReserved: Bool, _ step: Step
    ) -> RateAnswer? {
        let (answer, freed) = shard(of: key).table.withLock { table -> (RateAnswer?, Int) in
            let swept = table.sweep(now: now)
            let known = table.update(key) { entry in
                entry.advance(to: now, quota)
                return step(&entry, now)
            }
            if let known { return (known, swept + (isRoomReserved ? 1 : 0)) }
            guard isRoomReserved else { return (nil, swept) }
            var entry = RateEntry.fresh(at: now)
            let answer = step(&entry, now)
            table.insert(entry, as: key)
            return (answer, swept)
        }
        if freed > 0 { keys.wrappingSubtract(freed, ordering: .relaxed) }
        return answer
    }

    // MARK: Room

    private func shard(of key: StoreKey) -> Shard { shards[Int(key.low % UInt64(shards.count))] }

    /// Counts one more key, after forgetting what can be where the table is full.
    private func reserveRoom(now: Int64) -> Bool {
        if countOne() { return true }
        sweepAll(now: now)
        return countOne()
    }

    private func countOne() -> Bool {
        var current = keys.load(ordering: .relaxed)
        let keysMax = keysMax.load(ordering: .relaxed)
        while current < keysMax {
            let (exchanged, original) = keys.weakCompareExchange(
                expected: current, desired: current + 1, ordering: .relaxed)
            if exchanged { return true }
            current = original
        }
        return false
    }

    private func sweepAll(now: Int64) {
        for shard in shards {
            let freed = shard.table.withLock { $0.sweep(now: now) }
            if freed > 0 { keys.wrappingSubtract(freed, ordering: .relaxed) }
        }
    }
}
