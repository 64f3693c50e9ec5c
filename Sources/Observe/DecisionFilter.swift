/// Which decisions are of interest; what is nil takes all.
package struct DecisionFilter: Sendable, Equatable {
    /// Only this route.
    package var route: String?
    /// Only these verdicts; empty takes all.
    package var verdicts: Set<DecisionRecord.Verdict>
    /// Only this client.
    package var client: String?
    /// Only from this moment on.
    package var since: WallTime?
    /// Only before this moment.
    package var until: WallTime?
    /// Only scores of at least this benign percentile.
    package var leastPercentile: Double?

    /// A filter; by default it takes all.
    package init(
        route: String? = nil, verdicts: Set<DecisionRecord.Verdict> = [], client: String? = nil,
        since: WallTime? = nil, until: WallTime? = nil, leastPercentile: Double? = nil
    ) {
        self.route = route
        self.verdicts = verdicts
        self.client = client
        self.since = since
        self.until = until
        self.leastPercentile = leastPercentile
    }

    /// Whether a decision is of interest.
    package func takes(_ record: DecisionRecord) -> Bool {
        if let route, record.route != route { return false }
        if !verdicts.isEmpty, !verdicts.contains(record.verdict) { return false }
        if let client, record.client != client { return false }
        if let since, record.time < since { return false }
        if let until, record.time >= until { return false }
        if let leastPercentile {
            guard let percentile = record.percentile, percentile >= leastPercentile else { return false }
        }
        return true
    }
}
