/// What is remembered of one key. **Units**: nanoseconds since the start of the Unix era.
struct RateEntry {
    /// When everything used would be refilled.
    var refilledAt: Int64
    /// What is reserved, as the time it takes to refill.
    var held: Int64 = 0
    /// When unsettled reservations are let go of.
    var heldUntil: Int64 = .min

    /// A key with its whole burst.
    static func fresh(at now: Int64) -> RateEntry { RateEntry(refilledAt: now) }

    /// The time after which nothing of this key needs to be remembered.
    var end: Int64 { held > 0 ? max(refilledAt, heldUntil) : refilledAt }

    /// Lets time pass: what is refilled is forgotten, and reservations that nobody settled. A clock that was set back must
    /// not lock a key out for as long, so nothing owes more than work can.
    mutating func advance(to now: Int64, _ quota: RateQuota) {
        if heldUntil <= now { held = 0 }
        refilledAt = min(max(refilledAt, now), now + quota.debtNanoseconds)
    }

    /// Uses or holds `cost` if it fits, or if the whole burst is there. To be called after `advance`.
    mutating func take(_ cost: RateCost, _ quota: RateQuota, now: Int64, holdUntil: Int64?) -> RateAnswer {
        let increment = quota.increment(cost)
        let excess =
            refilledAt - now + held + min(increment, quota.burstNanoseconds) - quota.burstNanoseconds
        guard excess <= 0 else { return answer(.denied, quota, now: now, excess: excess) }
        if let holdUntil {
            held = min(held + increment, quota.debtNanoseconds)
            heldUntil = max(heldUntil, holdUntil)
        } else {
            refilledAt += increment
        }
        return answer(.allowed, quota, now: now, excess: 0)
    }

    /// Replaces what was held by what it cost.
    mutating func settle(_ reserved: RateCost, _ cost: RateCost, _ quota: RateQuota, now: Int64) -> RateAnswer
    {
        held = max(0, held - quota.increment(reserved))
        refilledAt = min(refilledAt + quota.increment(cost), now + quota.debtNanoseconds)
        return answer(.allowed, quota, now: now, excess: 0)
    }

    private func answer(
        _ outcome: RateAnswer.Outcome, _ quota: RateQuota, now: Int64, excess: Int64
    ) -> RateAnswer {
        let used = refilledAt - now + held
        return RateAnswer(
            outcome: outcome, remaining: quota.cost(quota.burstNanoseconds - used),
            retryAfter: .nanoseconds(excess), refilledAfter: .nanoseconds(max(0, used)))
    }
}
