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

    /// What a row's or a request's verdict was, and would be.
    package struct Ruling: Sendable, Equatable {
        /// What decides.
        package var basis: Basis
        /// What was decided.
        package var was: DecisionRecord.Verdict
        /// What would be.
        package var wouldBe: DecisionRecord.Verdict

        /// The ruling on a request that has both rows: whatever is worse.
        func joined(_ other: Ruling) -> Ruling {
            Ruling(
                basis: basis == .bands ? .bands : other.basis, was: was.worse(other.was),
                wouldBe: wouldBe.worse(other.wouldBe))
        }
    }

    /// What a verdict goes by.
    package enum Basis: Sendable, Equatable {
        /// The bands.
        case bands
        /// There is no score: what became of it has nothing to do with bands.
        case notScored
        /// There is a score, but the victim's answer decided: it was an error, or could not be read.
        case answer
    }

    /// Verdicts by what they were and what they would be.
    package struct Tally: Sendable, Equatable {
        /// A verdict that bands have no say in.
        package struct Fixed: Sendable, Hashable {
            /// Whether there is a score.
            package let isScored: Bool
            /// What was decided.
            package let verdict: DecisionRecord.Verdict
        }

        /// Where bands decide: how often each verdict was.
        package private(set) var was: [DecisionRecord.Verdict: Int] = [:]
        /// The same, as it would be.
        package private(set) var wouldBe: [DecisionRecord.Verdict: Int] = [:]
        /// Where they do not.
        package private(set) var fixed: [Fixed: Int] = [:]
        /// How many verdicts would be others.
        package private(set) var changed = 0

        /// All that were counted.
        package var total: Int { was.values.reduce(0, +) + fixed.values.reduce(0, +) }

        mutating func add(_ ruling: Ruling, _ count: Int = 1) {
            guard ruling.basis == .bands else {
                let kind = Fixed(isScored: ruling.basis == .answer, verdict: ruling.was)
                return fixed[kind, default: 0] += count
            }
            was[ruling.was, default: 0] += count
            wouldBe[ruling.wouldBe, default: 0] += count
            if ruling.was != ruling.wouldBe { changed += count }
        }
    }

    /// The bands, ascending.
    package let bands: [Band]
    /// What was counted of rows.
    package private(set) var rows = Tally()
    /// Decisions without a score, which no bands change.
    package var unknown: Int { rows.fixed.reduce(0) { $0 + ($1.key.isScored ? 0 : $1.value) } }

    /// A replay with these bands.
    package init(bands: [Band]) {
        self.bands = bands.sorted { $0.above < $1.above }
    }

    /// The verdict of a percentile: that of the last band it is above, as the policy decides.
    package func verdict(at percentile: Double) -> DecisionRecord.Verdict {
        bands.last { percentile > $0.above }?.verdict ?? .pass
    }

    /// Counts a decision, its verdict under a name of the summary's, and says what it would be.
    @discardableResult
    package mutating func add(_ record: DecisionRecord, as verdict: DecisionRecord.Verdict) -> Ruling {
        let ruling = ruling(on: record, as: verdict)
        rows.add(ruling, record.queries)
        return ruling
    }

    private func ruling(on record: DecisionRecord, as verdict: DecisionRecord.Verdict) -> Ruling {
        guard let percentile = record.percentile else {
            return Ruling(basis: .notScored, was: verdict, wouldBe: verdict)
        }
        if Self.isDecidedByAnswer(record) { return Ruling(basis: .answer, was: verdict, wouldBe: verdict) }
        return Ruling(basis: .bands, was: verdict, wouldBe: self.verdict(at: percentile))
    }

    /// Whether the victim's answer has decided. A refused row whose answer could not be read is taken for refused by that, though
    /// its route may have let bands decide.
    private static func isDecidedByAnswer(_ record: DecisionRecord) -> Bool {
        guard let reason = record.reason else { return false }
        return record.verdict == .reject && reason.hasPrefix("unreadable answer: ")
            || reason.hasPrefix("the upstream answered ")
    }
}

extension DecisionRecord.Verdict {
    /// Of the verdicts on two rows, that on the request that has both.
    func worse(_ other: Self) -> Self { other.severity > severity ? other : self }

    private var severity: Int {
        switch self {
        case .reject: 3
        case .proofOfWork: 2
        case .perturb: 1
        default: 0
        }
    }
}
