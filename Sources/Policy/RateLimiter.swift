import Store

/// Applies a route's rate limits: every rule must have room, or nothing is used of any. Usable from any thread.
///
/// The way of a request: `admit` once its rows are known, `chargeFixed` once it is worked on (or `cancel` where it is not),
/// `settle` once its rows are scored. All are synchronous; with a table in memory they take about a microsecond a rule.
package struct RateLimiter: Sendable {
    /// The rules, in the order in which they are asked.
    package let rules: [RateLimitRule]
    private let store: any RateStore

    /// A limiter for these rules.
    package init(rules: [RateLimitRule], store: any RateStore) {
        self.rules = rules
        self.store = store
    }

    /// Whether a request of `rows` rows is let in. Its cost is held at the estimate; where nothing more is to come of it, it is
    /// charged at once (`isFinal`).
    ///
    /// Rules are asked one after the other and hold until all have agreed, so a request that one denies uses nothing of the
    /// others.
    package func admit(
        _ subject: RateLimitSubject, rows: Int = 1, isFinal: Bool = false
    ) -> RateLimitDecision {
        var holds: [RateLimitTicket.Hold] = []
        var standings: [RateLimitStanding] = []
        for (index, rule) in rules.enumerated() {
            let key = subject.key(for: rule)
            let cost = rule.price.estimate(rows: rows)
            // What nothing can take back any more needs no hold.
            let isLast = isFinal && index == rules.count - 1
            guard let answer = ask(rule, key, cost, isFinal: isLast), answer.outcome != .full else {
                if rule.whenUnknown == .allow { continue }
                cancel(RateLimitTicket(holds: holds))
                return .unknown(rule: rule.name)
            }
            standings.append(RateLimitStanding(rule: rule, answer: answer))
            guard answer.outcome == .allowed else {
                cancel(RateLimitTicket(holds: holds))
                return .denied(
                    RateLimitDenial(rule: rule.name, retryAfter: answer.retryAfter, standings: standings))
            }
            if !isLast { holds.append(.init(rule: rule, key: key, reserved: cost)) }
        }
        if isFinal {
            settleEstimate(RateLimitTicket(holds: holds))
            holds = []
        }
        return .allowed(RateLimitTicket(holds: holds), standings)
    }

    /// Why not even one row would be let in now; nil where it would, or nobody can say. Uses nothing.
    package func foresees(_ subject: RateLimitSubject) -> RateLimitDenial? {
        var standings: [RateLimitStanding] = []
        for rule in rules {
            let cost = rule.price.estimate(rows: 1)
            guard let answer = try? store.foresee(subject.key(for: rule), cost, of: rule.quota) else {
                continue
            }
            standings.append(RateLimitStanding(rule: rule, answer: answer))
            if answer.outcome == .denied {
                return RateLimitDenial(rule: rule.name, retryAfter: answer.retryAfter, standings: standings)
            }
        }
        return nil
    }

    /// Replaces what is held by what the scored rows cost. Once a ticket.
    package func settle(_ ticket: RateLimitTicket, rows: some Sequence<Assessment>) {
        for hold in ticket.holds { settle(hold, hold.rule.price.cost(of: rows)) }
    }

    /// Charges the estimate: for a request that was not scored but answered. Once a ticket.
    package func settleEstimate(_ ticket: RateLimitTicket) {
        for hold in ticket.holds { settle(hold, hold.reserved) }
    }

    /// Charges the rules whose cost does not depend on scores, once the request is to be worked on: what they hold is not refilled.
    /// Returns the ticket of the others.
    package func chargeFixed(_ ticket: RateLimitTicket) -> RateLimitTicket {
        for hold in ticket.holds where !hold.rule.price.dependsOnScore { settle(hold, hold.reserved) }
        return RateLimitTicket(holds: ticket.holds.filter(\.rule.price.dependsOnScore))
    }

    /// Lets go of what is held: for a request that was refused before any work was done for it. Once a ticket.
    package func cancel(_ ticket: RateLimitTicket) { for hold in ticket.holds { settle(hold, .zero) } }

    private func ask(
        _ rule: RateLimitRule, _ key: StoreKey, _ cost: RateCost, isFinal: Bool
    ) -> RateAnswer? {
        isFinal
            ? try? store.charge(key, cost, of: rule.quota) : try? store.reserve(key, cost, of: rule.quota)
    }

    /// A store that is out forgets holds by itself; its error has no one left to be told to.
    private func settle(_ hold: RateLimitTicket.Hold, _ cost: RateCost) {
        _ = try? store.settle(hold.key, reserved: hold.reserved, cost: cost, of: hold.rule.quota)
    }
}

/// What a request that was let in holds of its quotas until it is scored.
package struct RateLimitTicket: Sendable {
    struct Hold: Sendable {
        let rule: RateLimitRule
        let key: StoreKey
        let reserved: RateCost
    }

    let holds: [Hold]

    /// True when there is nothing to settle.
    package var isEmpty: Bool { holds.isEmpty }
}

/// Whether a request is let in.
package enum RateLimitDecision: Sendable {
    /// It is. The ticket must be settled or cancelled.
    case allowed(RateLimitTicket, [RateLimitStanding])
    /// It is not: 429.
    case denied(RateLimitDenial)
    /// The quota of this rule is unknown and the rule says to refuse then: 503.
    case unknown(rule: String)
}

/// Why a request is not let in, and for how long.
package struct RateLimitDenial: Hashable, Sendable {
    /// The rule without room.
    package let rule: String
    /// After this time the same request would be let in, if nothing else came.
    package let retryAfter: Duration
    /// The rules asked so far, the denying one last.
    package let standings: [RateLimitStanding]

    /// The value of `Retry-After` (RFC 9110 §10.2.3): whole seconds, rounded up so that a client that waits is let in, and
    /// never zero.
    package var retryAfterSeconds: Int { max(1, RateLimitStanding.seconds(retryAfter)) }
}
