import SAME

/// The bundle's score with each of its terms alone, without each, and with each that it leaves out.
///
/// It goes through `ScoreTerm.allCases` and the bundle's own calibration: a new term needs nothing here.
struct Ablation {
    private let calibration: Calibration

    init(_ calibration: Calibration) { self.calibration = calibration }

    /// The figures of every variant. A left-out term has no benign tail in the bundle; it is made from every other honest
    /// row, and its variant is measured against the rest.
    func entries(
        _ key: EvaluationResult.RunKey, attack: [ScoreBench.Row], honest: [ScoreBench.Row]
    ) -> [AblationEntry] {
        let own = calibration.terms
        var entries = [entry(key, "all terms", own, attack, honest)]
        if own.contains(where: { $0.voice != nil }) {
            let plain = own.map { Calibration.Term(term: $0.term, tail: $0.tail) }
            entries.append(entry(key, "all terms, plain sum", plain, attack, honest))
        }
        for term in own {
            entries.append(entry(key, "only \(term.term.rawValue)", [term], attack, honest))
            guard own.count > 1 else { continue }
            let rest = own.filter { $0.term != term.term }
            entries.append(entry(key, "without \(term.term.rawValue)", rest, attack, honest))
        }
        let calibrating = honest.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
        let measured = honest.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)
        for term in ScoreTerm.allCases where !own.contains(where: { $0.term == term }) {
            let values = calibrating.compactMap { $0.terms[term] }
            guard values.count == calibrating.count, let tail = try? TailFunction(sample: values) else {
                continue
            }
            let extra = Calibration.Term(term: term, tail: tail)
            entries.append(entry(key, "only \(term.rawValue)", [extra], attack, measured))
            entries.append(entry(key, "with \(term.rawValue)", own + [extra], attack, measured))
        }
        return entries.compactMap { $0 }
    }

    private func entry(
        _ key: EvaluationResult.RunKey, _ variant: String, _ terms: [Calibration.Term],
        _ attack: [ScoreBench.Row], _ honest: [ScoreBench.Row]
    ) -> AblationEntry? {
        let score = { (row: ScoreBench.Row) in
            terms.reduce(0) { sum, term in
                sum + (row.terms[term.term].map { term.heard(Double($0)) } ?? TailFunction.surpriseMax)
            }
        }
        return DetectionMetrics(attack: attack.map(score), benign: honest.map(score)).map {
            AblationEntry(
                attack: key.attack, budget: key.budget, seed: key.seed, variant: variant, auroc: $0.auroc,
                fpr95: $0.fpr95)
        }
    }
}
