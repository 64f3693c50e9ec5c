import Store

/// Where a client stands with one rule: what the `RateLimit` fields tell it.
///
/// Source: draft-ietf-httpapi-ratelimit-headers-10; lists of structured field strings (RFC 9651).
package struct RateLimitStanding: Hashable, Sendable {
    private let rule: String
    private let quota: RateQuota
    private let answer: RateAnswer

    init(rule: RateLimitRule, answer: RateAnswer) {
        self.rule = rule.name
        quota = rule.quota
        self.answer = answer
    }

    /// Whole cells that could be used at once now.
    package var remaining: Int { Int(answer.remaining.millicells / 1000) }

    /// The item of `RateLimit`: what remains (`r`) and the seconds until all is there again (`t`).
    package var item: String { "\"\(rule)\";r=\(remaining);t=\(Self.seconds(answer.refilledAfter))" }

    /// The item of `RateLimit-Policy`: the burst (`q`) and the seconds in which it is refilled (`w`). The rate is stated by the
    /// burst because that is what `r` counts down from.
    package var policyItem: String {
        let cells = quota.burst.millicells / 1000
        return "\"\(rule)\";q=\(cells);w=\(max(1, Self.seconds(quota.refillTime)))"
    }

    /// The values of the `RateLimit` and `RateLimit-Policy` fields for these rules; nil when there are none.
    package static func fields(_ standings: [RateLimitStanding]) -> (limit: String, policy: String)? {
        guard !standings.isEmpty else { return nil }
        return (
            standings.map(\.item).joined(separator: ", "), standings.map(\.policyItem).joined(separator: ", ")
        )
    }

    /// Whole seconds, rounded up.
    static func seconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: seconds) + (attoseconds > 0 ? 1 : 0)
    }
}
