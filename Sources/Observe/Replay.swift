/// What other thresholds would have decided of the queries in a log.
package struct Replay: Sendable, Equatable {
    /// Percentiles above this have this verdict.
    package struct Band: Sendable, Equatable {
        /// The benign percentile past which the band begins.
        package var above: Double
        /// What happens there.
        package var verdict: DecisionRecord.Verdict

        /// A band.
        package init(above: Double, verdict: DecisionRecord.Verdict) {
            self.above = above
            self.verdict = verdict
        }
    }

    /// The bands, ascending.
    package let bands: [Band]
    /// How often each verdict would have been.
    package private(set) var verdicts: [DecisionRecord.Verdict: Int] = [:]
    /// Decisions whose verdict would have been another.
    package private(set) var changed = 0
    /// Decisions without a percentile, about which nothing can be said.
    package private(set) var unknown = 0

    /// A replay with these bands.
    package init(bands: [Band]) {
        self.bands = bands.sorted { $0.above < $1.above }
    }

    /// The verdict of a percentile: that of the last band it is above, as the policy decides.
    package func verdict(at percentile: Double) -> DecisionRecord.Verdict {
        bands.last { percentile > $0.above }?.verdict ?? .pass
    }

    /// Counts a decision.
    package mutating func add(_ record: DecisionRecord) {
        guard let percentile = record.percentile else {
            unknown += record.queries
            return
        }
        let verdict = verdict(at: percentile)
        verdicts[verdict, default: 0] += record.queries
        if verdict != record.verdict { changed += record.queries }
    }
}
