import SAME

/// What the trials see of attacks: those that need something of honest queries have it from one half of them, and all are
/// measured against the other.
struct TrialMeasure {
    /// A query by both measurements.
    struct Query {
        var row: TrialRow
        /// The default score before its calibration, a sum of surprises. **Units** nats.
        var ours: Double
    }

    private let honest: [Query]
    private let expected: [Trial: ExpectedLoss]
    private let ofClass: [Trial: [Int: TailFunction]]
    private var tails: [Trial: TailFunction] = [:]

    /// Measures against every other one of `honest`.
    ///
    /// **Throws** `CalibrationError` where there are too few of them.
    init(honest: [Query]) throws(CalibrationError) {
        let calibrating = honest.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element.row)
        self.honest = honest.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
        var expected: [Trial: ExpectedLoss] = [:], ofClass: [Trial: [Int: TailFunction]] = [:]
        for trial in Trial.allCases {
            if let hidden = trial.hidden {
                let known = calibrating.filter { $0.measured[hidden] != nil }
                expected[trial] = ExpectedLoss(
                    losses: known.map { Float($0.loss) },
                    measures: known.map { Float($0.measured[hidden] ?? 0) })
            } else if let source = trial.ofClass {
                ofClass[trial] = Dictionary(grouping: calibrating, by: \.answered).compactMapValues { rows in
                    try? TailFunction(sample: rows.compactMap { Self.plain(source, $0).map(Float.init) })
                }
            }
        }
        (self.expected, self.ofClass) = (expected, ofClass)
        for trial in Trial.allCases {
            let values = calibrating.compactMap { value(trial, $0) }
            guard values.count == calibrating.count else { continue }
            tails[trial] = try TailFunction(sample: values.map(Float.init))
        }
    }

    /// The figures of every trial that the queries have, on one run's attack.
    func entries(_ key: EvaluationResult.RunKey, attack: [Query]) -> [TrialEntry] {
        guard let losses = tails[.nothing] else { return [] }
        return Trial.allCases.compactMap { trial in
            guard let tail = tails[trial] else { return nil }
            let added = { (query: Query) in
                trial == .nothing ? 0 : tail.surprise(value(trial, query.row) ?? .nan)
            }
            return TrialEntry(
                attack: key.attack, budget: key.budget, seed: key.seed, trial: trial,
                alone: trial == .nothing ? nil : auroc(attack) { value(trial, $0.row) ?? .infinity },
                besideLoss: auroc(attack) { losses.surprise($0.row.loss) + added($0) },
                besideOurs: auroc(attack) { $0.ours + added($0) })
        }
    }

    private func auroc(_ attack: [Query], _ score: (Query) -> Double) -> Double? {
        DetectionMetrics(attack: attack.map(score), benign: honest.map(score))?.auroc
    }

    /// What a trial makes of a query; nil where it was not measured.
    private func value(_ trial: Trial, _ row: TrialRow) -> Double? {
        if let hidden = trial.hidden {
            return row.measured[hidden].flatMap { measure in
                expected[trial].map { Double($0.excess(loss: Float(row.loss), measure: Float(measure))) }
            }
        }
        guard let source = trial.ofClass else { return Self.plain(trial, row) }
        // A class that is answered too seldom says nothing of its own.
        guard let tail = ofClass[trial]?[row.answered] else { return 0 }
        return Self.plain(source, row).map(tail.surprise)
    }

    private static func plain(_ trial: Trial, _ row: TrialRow) -> Double? {
        trial == .nothing ? row.loss : row.measured[trial]
    }
}

/// What a trial sees of one run of an attack: shares of 1, AUROC.
package struct TrialEntry: Codable, Hashable, Sendable {
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    package var trial: Trial
    /// By itself; nil for nothing.
    package var alone: Double?
    /// The sum of its surprise and the reconstruction loss's: the place of the paper's second term.
    package var besideLoss: Double?
    /// The sum of its surprise and the bundle's own score.
    package var besideOurs: Double?
}
