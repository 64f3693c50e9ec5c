import Synchronization

/// The store of a single process: sharded tables under mutexes, nothing else.
///
/// Shards keep threads from queueing on one lock; the bounds are on the whole store, counted by atomics, so that
/// an unlucky shard is never full while others are empty. Every call does a constant amount of work but for
/// sweeping what has ended, which each entry pays for once.
package final class MemoryStore: StateStore {
    /// The bounds of a store.
    package struct Limits: Hashable, Sendable {
        /// Claims remembered at once. A full table refuses claims: forgetting one would let a proof be used twice.
        package var claimsMax: Int
        /// Answers withheld at once.
        package var answersMax: Int
        /// Bytes of all withheld answers.
        package var answerBytesMax: Int

        /// Bounds as given.
        package init(claimsMax: Int, answersMax: Int, answerBytesMax: Int) {
            self.claimsMax = claimsMax
            self.answersMax = answersMax
            self.answerBytesMax = answerBytesMax
        }
    }

    private struct Tables {
        var claims = ExpiringTable<Void>()
        var answers = ExpiringTable<WithheldAnswer>()
        /// Set once another process has a copy: a claim granted here would be granted there too.
        var isHandedOver = false
    }

    /// A class, because an array cannot hold mutexes.
    private final class Shard: Sendable {
        let tables = Mutex(Tables())
    }

    private let claimsMax: Atomic<Int>
    private let answersMax: Atomic<Int>
    private let answerBytesMax: Atomic<Int>
    private let shards: [Shard]
    private let now: @Sendable () -> Duration

    private let claims = Atomic(0)
    private let answers = Atomic(0)
    private let answerBytes = Atomic(0)
    private let replays = Atomic<UInt64>(0)
    private let claimsTurnedAway = Atomic<UInt64>(0)
    private let answersTurnedAway = Atomic<UInt64>(0)
    private let answersExpired = Atomic<UInt64>(0)
    /// Who is told of answers that are withheld after the hand-over.
    private let heir = Mutex<(@Sendable (StoreEntry) -> Void)?>(nil)

    /// An empty store.
    ///
    /// - Parameters:
    ///   - shards: how many locks, at least 1.
    ///   - now: the time since the start of the Unix era; it should not step back.
    package init(limits: Limits, shards: Int = 16, now: @escaping @Sendable () -> Duration) {
        precondition(shards > 0, "a store has at least one shard")
        claimsMax = Atomic(limits.claimsMax)
        answersMax = Atomic(limits.answersMax)
        answerBytesMax = Atomic(limits.answerBytesMax)
        self.shards = (0..<shards).map { _ in Shard() }
        self.now = now
    }

    /// Other bounds from now on. What is held already stays, also where it is more than they allow.
    package func change(_ limits: Limits) {
        claimsMax.store(limits.claimsMax, ordering: .relaxed)
        answersMax.store(limits.answersMax, ordering: .relaxed)
        answerBytesMax.store(limits.answerBytesMax, ordering: .relaxed)
    }

    /// See `StateStore.claim`; never throws.
    package func claim(_ key: StoreKey, until: Duration) -> Claim {
        let now = now()
        guard until > now else { return .expired }
        sweep(shard(of: key), now: now)
        let claimsMax = claimsMax.load(ordering: .relaxed)
        if !reserve(1, of: claimsMax, in: claims) {
            // A replay is answered as such even when there is no room.
            let (known, isHandedOver) = shard(of: key).tables.withLock {
                ($0.claims.value(key, now: now) != nil, $0.isHandedOver)
            }
            guard !isHandedOver else { return .handedOver }
            if !known, sweepAll(now: now), reserve(1, of: claimsMax, in: claims) {
                return record(key, until: until, now: now)
            }
            guard known else {
                claimsTurnedAway.wrappingAdd(1, ordering: .relaxed)
                return .full
            }
            replays.wrappingAdd(1, ordering: .relaxed)
            return .replayed
        }
        return record(key, until: until, now: now)
    }

    /// See `StateStore.withhold`; never throws.
    package func withhold(_ answer: WithheldAnswer, as key: StoreKey, until: Duration) -> Withholding {
        let now = now()
        guard until > now else { return .expired }
        sweep(shard(of: key), now: now)
        guard reserve(answer) || (sweepAll(now: now) && reserve(answer)) else {
            answersTurnedAway.wrappingAdd(1, ordering: .relaxed)
            return .full
        }
        let (isTaken, replaced) = shard(of: key).tables.withLock { tables -> (Bool, WithheldAnswer?) in
            guard tables.answers.value(key, now: now) == nil else { return (true, nil) }
            return (false, tables.answers.insert(answer, as: key, until: until))
        }
        if isTaken { release(answer) }
        if let replaced { expire(replaced) }
        guard !isTaken else { return .taken }
        if let heir = heir.withLock({ $0 }) { heir(.answer(answer, key, until: until)) }
        return .held
    }

    /// Whether an answer is withheld under the key.
    func holds(_ key: StoreKey) -> Bool {
        let now = now()
        return shard(of: key).tables.withLock { $0.answers.value(key, now: now) != nil }
    }

    /// See `StateStore.redeem`; never throws.
    package func redeem(_ key: StoreKey) -> WithheldAnswer? {
        let now = now()
        guard let removed = shard(of: key).tables.withLock({ $0.answers.remove(key, now: now) }) else {
            return nil
        }
        guard removed.isCurrent else {
            expire(removed.value)
            return nil
        }
        release(removed.value)
        return removed.value
    }

    /// Numbers of this moment, each read by itself.
    package var statistics: StoreStatistics {
        var statistics = StoreStatistics()
        statistics.claims = claims.load(ordering: .relaxed)
        statistics.answers = answers.load(ordering: .relaxed)
        statistics.answerBytes = answerBytes.load(ordering: .relaxed)
        statistics.replays = replays.load(ordering: .relaxed)
        statistics.claimsTurnedAway = claimsTurnedAway.load(ordering: .relaxed)
        statistics.answersTurnedAway = answersTurnedAway.load(ordering: .relaxed)
        statistics.answersExpired = answersExpired.load(ordering: .relaxed)
        return statistics
    }

    /// Frees the room of everything that has ended; for a timer on an idle gateway, not needed for correctness.
    package func sweep() { _ = sweepAll(now: now()) }

    // MARK: Handing over

    func listen(_ heir: (@Sendable (StoreEntry) -> Void)?) { self.heir.withLock { $0 = heir } }

    func time() -> Duration { now() }

    /// Refuses claims from here on, and returns what each shard holds: a shard's claims and its copy are one step.
    func freeze(at now: Duration) -> [[StoreEntry]] {
        shards.map { shard in
            shard.tables.withLock { tables -> [StoreEntry] in
                tables.isHandedOver = true
                return tables.claims.current(at: now).map { .claim($0.key, until: $0.end) }
                    + tables.answers.current(at: now).map { .answer($0.value, $0.key, until: $0.end) }
            }
        }
    }

    func thaw() {
        for shard in shards { shard.tables.withLock { $0.isHandedOver = false } }
    }

    // MARK: Claims

    /// Writes a claim whose room is reserved, or gives the room back.
    private func record(_ key: StoreKey, until: Duration, now: Duration) -> Claim {
        var replaced = false
        let claim = shard(of: key).tables.withLock { tables -> Claim in
            guard !tables.isHandedOver else { return .handedOver }
            guard tables.claims.value(key, now: now) == nil else { return .replayed }
            replaced = tables.claims.insert((), as: key, until: until) != nil
            return .fresh
        }
        if claim != .fresh || replaced { claims.wrappingSubtract(1, ordering: .relaxed) }
        if claim == .replayed { replays.wrappingAdd(1, ordering: .relaxed) }
        return claim
    }

    // MARK: Room

    /// Adds `amount` to `counter` unless that would exceed `bound`; false leaves it as it was.
    private func reserve(_ amount: Int, of bound: Int, in counter: borrowing Atomic<Int>) -> Bool {
        var current = counter.load(ordering: .relaxed)
        while true {
            guard current <= bound - amount else { return false }
            let (exchanged, original) = counter.weakCompareExchange(
                expected: current, desired: current + amount, ordering: .relaxed)
            if exchanged { return true }
            current = original
        }
    }

    private func reserve(_ answer: WithheldAnswer) -> Bool {
        guard reserve(1, of: answersMax.load(ordering: .relaxed), in: answers) else { return false }
        let bytesMax = answerBytesMax.load(ordering: .relaxed)
        guard reserve(answer.byteCount, of: bytesMax, in: answerBytes) else {
            answers.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    private func release(_ answer: WithheldAnswer) {
        answers.wrappingSubtract(1, ordering: .relaxed)
        answerBytes.wrappingSubtract(answer.byteCount, ordering: .relaxed)
    }

    private func expire(_ answer: WithheldAnswer) {
        release(answer)
        answersExpired.wrappingAdd(1, ordering: .relaxed)
    }

    // MARK: Sweeping

    private func shard(of key: StoreKey) -> Shard { shards[Int(key.low % UInt64(shards.count))] }

    private func sweepAll(now: Duration) -> Bool {
        for shard in shards { sweep(shard, now: now) }
        return true
    }

    private func sweep(_ shard: Shard, now: Duration) {
        shard.tables.withLock { tables in
            tables.claims.sweep(now: now) { _ in claims.wrappingSubtract(1, ordering: .relaxed) }
            tables.answers.sweep(now: now) { expire($0) }
        }
    }
}
