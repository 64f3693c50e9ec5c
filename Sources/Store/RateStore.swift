/// What rate limits remember: how much each key has used. Every operation is one atomic step.
///
/// A cost that is not known yet is *reserved*: it counts in full against the quota, is not refilled while it is held, and is
/// replaced by the true cost when it is *settled*. Charging an estimate and giving the difference back later would not do: the
/// estimate is refilled meanwhile, so that giving back more than is left of it hands out cells that were never paid for.
///
/// **Runs on** any thread; an implementation answers within its own stated deadline.
package protocol RateStore: Sendable {
    /// Uses `cost` of the quota of `key` if there is room.
    ///
    /// Throws: `StoreError` when the store cannot be asked; the caller treats that as its configuration says.
    func charge(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer

    /// Holds `cost` of the quota of `key` if there is room, until it is settled or its time is over: what is never settled
    /// (its request's process died) is let go of some time after the last reservation of the key.
    func reserve(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer

    /// What `charge` would answer now; uses nothing and remembers nothing.
    func foresee(_ key: StoreKey, _ cost: RateCost, of quota: RateQuota) throws(StoreError) -> RateAnswer

    /// Ends a reservation of `reserved` and uses `cost` in its place, even when there is no room for it: the work is done. Once
    /// for each reservation. Returns what remains.
    @discardableResult
    func settle(
        _ key: StoreKey, reserved: RateCost, cost: RateCost, of quota: RateQuota
    ) throws(StoreError) -> RateAnswer

    /// What is held and what happened, for metrics.
    var rateStatistics: RateStatistics { get }
}

/// What a rate store says of one key.
package struct RateAnswer: Hashable, Sendable {
    /// What became of the request.
    package enum Outcome: Hashable, Sendable {
        /// There was room.
        case allowed
        /// There was none.
        case denied
        /// The key is new and there is no room to remember it: the quota is unknown.
        case full
    }

    /// What became of the request.
    package let outcome: Outcome
    /// Cells that could be used at once now.
    package let remaining: RateCost
    /// The time after which the same request would be let in; zero if it was.
    package let retryAfter: Duration
    /// The time after which the whole burst is there again.
    package let refilledAfter: Duration

    /// An answer as given, for stores.
    package init(outcome: Outcome, remaining: RateCost, retryAfter: Duration, refilledAfter: Duration) {
        self.outcome = outcome
        self.remaining = remaining
        self.retryAfter = retryAfter
        self.refilledAfter = refilledAfter
    }
}

/// Numbers for metrics; the counters never go down.
package struct RateStatistics: Hashable, Sendable {
    /// Keys remembered now, refilled ones not yet swept included.
    package var keys = 0
    /// Charges and reservations let in.
    package var allowed: UInt64 = 0
    /// Charges and reservations denied.
    package var denied: UInt64 = 0
    /// New keys that found no room.
    package var turnedAway: UInt64 = 0

    /// All zero.
    package init() {}
}
