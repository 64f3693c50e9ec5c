import Policy
import SAME

/// Figure 4: what refusing and asking for work do to honest queries and to an attack's, with the policy engine itself.
///
/// Each score is calibrated in the same way, on every other honest query, and judged on the rest, so that all of them refuse
/// the same share of honest queries and differ in what they let an attack have.
struct PolicyMeasure {
    /// The benign percentile where both policies begin.
    static let percentile = 95.0
    /// The work of the shipped configuration.
    static let work = WorkRule(least: 262_144, most: 268_435_456, growth: 4)

    private let engines: [(name: String, engine: PolicyEngine)]

    init() throws(PolicyProblems) {
        let above = Threshold.percentile(Self.percentile)
        engines = [
            ("reject", try PolicyEngine(bands: [Band(above: above, verdict: .reject)])),
            (
                "proof-of-work",
                try PolicyEngine(bands: [Band(above: above, verdict: .proofOfWork(Self.work))])
            ),
        ]
    }

    /// What each policy does with each score. A client does whatever work it is asked for.
    func entries(
        _ key: EvaluationResult.RunKey, attack: [ScoreBench.Row], honest: [ScoreBench.Row], kinds: [ScoreKind]
    ) -> [PolicyEntry] {
        let calibrating = honest.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        let measured = honest.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
        var entries: [PolicyEntry] = []
        for score in kinds {
            guard let tail = try? TailFunction(sample: calibrating.values(score).map { Float($0) }) else {
                continue
            }
            for (name, engine) in engines {
                let honest = Self.outcome(engine, tail, measured.values(score))
                let thief = Self.outcome(engine, tail, attack.values(score))
                entries.append(
                    PolicyEntry(
                        attack: key.attack, budget: key.budget, seed: key.seed, score: score, policy: name,
                        honestAnswered: honest.answered, attackAnswered: thief.answered,
                        honestHashes: honest.hashes, attackHashes: thief.hashes))
            }
        }
        return entries
    }

    private static func outcome(
        _ engine: PolicyEngine, _ tail: TailFunction, _ scores: [Double]
    ) -> (answered: Double, hashes: Double) {
        var answered = 0, hashes = 0.0
        for score in scores {
            let surprise = tail.surprise(score)
            let assessment = Assessment(
                score: score, percentile: AnomalyScore.percentile(surprise: surprise), surprise: surprise)
            switch engine.verdict(for: assessment) {
            case .pass, .perturb: answered += 1
            case .proofOfWork(let demand):
                answered += 1
                hashes += demand.expectedHashes
            case .reject: break
            }
        }
        let count = Double(max(1, scores.count))
        return (Double(answered) / count, hashes / count)
    }
}
