/// What benign queries score, and so what a score means: terms → one calibrated anomaly score.
package struct Calibration: Codable, Hashable, Sendable {
    /// How terms become one number.
    package enum Combination: Codable, Hashable, Sendable {
        /// Σ over the terms of −ln P(benign ≥ term), each with its ``Voice``: even-handed, since each term speaks in its
        /// own rarity.
        case tailSum
        /// Eq. (6): α·L_rec + (1−α)·L_dev, unnormalised as in the paper.
        case paper(alpha: Double)
    }

    /// The tail of one term alone.
    package struct Term: Codable, Hashable, Sendable {
        /// What is measured.
        package let term: ScoreTerm
        /// Its benign upper tail.
        package let tail: TailFunction
        /// What its surprise counts for in the sum; nil, and no field of the file, where that is a plain one.
        package var voice: Voice?

        /// A term as given.
        package init(term: ScoreTerm, tail: TailFunction, voice: Voice? = nil) {
            self.term = term
            self.tail = tail
            self.voice = voice
        }

        /// What `value` adds to a tail-sum. **Units** nats.
        package func heard(_ value: Double) -> Double { (voice ?? .plain).heard(tail.surprise(value)) }
    }

    /// How the terms become one number.
    package let combination: Combination
    /// The terms of the score, each with its own benign tail.
    package let terms: [Term]
    /// What reconstruction loss a benign image has, by its roughness; nil where no term needs it.
    package let expected: ExpectedLoss?
    /// The same by the loss of its hidden patches.
    package let expectedMasked: ExpectedLoss?
    /// The benign tail of the combination of all terms.
    package let full: TailFunction
    /// The benign tail of those terms that need the victim's largest probability at most; nil where they are all, or none
    /// that needs it, and in bundles from before there was such a thing.
    package let confident: TailFunction?
    /// The benign tail of the combination of those terms that need no answer of the victim; a score without
    /// an answer is judged against this one, so that its percentile stays true.
    package let answerless: TailFunction

    /// Calibrates on benign held-out queries. Terms that `voices` does not name have a plain one.
    ///
    /// Each term's tail is of the whole sample. The tails of the combinations, and with them the stated false-positive
    /// rates, are of the queries at the `rated` indices, ascending; of all of them unless told otherwise.
    ///
    /// **Throws** when a term is missing or not finite, or the sample is too small.
    package init(
        sample: [TermValues], terms: [ScoreTerm] = Self.defaultTerms, combination: Combination = .tailSum,
        voices: [ScoreTerm: Voice] = [:], rated: [Int]? = nil
    ) throws(CalibrationError) {
        let used = try Self.usedTerms(terms, combination)
        let expected = used.contains(.excess) ? try Self.expected(sample, .excess, \.roughness) : nil
        let expectedMasked =
            used.contains(.masked) ? try Self.expected(sample, .masked, \.maskedLoss) : nil
        let sample = sample.map { Self.filled($0, expected, expectedMasked) }
        var calibrated: [Term] = []
        for term in used {
            var column: [Float] = []
            for (index, values) in sample.enumerated() {
                guard let value = values[term] else { throw .termMissing(term, index: index) }
                column.append(value)
            }
            calibrated.append(
                Term(term: term, tail: try TailFunction(sample: column), voice: voices[term]))
        }
        self.combination = combination
        self.expected = expected
        self.expectedMasked = expectedMasked
        self.terms = calibrated
        let judged = rated.map { $0.map { sample[$0] } } ?? sample
        func tail(_ need: ScoreTerm.Need) throws(CalibrationError) -> TailFunction {
            try Self.tail(judged, calibrated.filter { $0.term.need <= need }, combination)
        }
        full = try tail(.distribution)
        confident = Self.hasConfidentPart(used, combination) ? try tail(.confidence) : nil
        answerless = try tail(.query)
    }

    /// The terms that a score is made of unless it is told otherwise.
    package static let defaultTerms: [ScoreTerm] = [.reconstruction, .excess, .deviation]

    /// The calibrated score of a query. It is made of the terms whose need is met: those that need more of the victim than
    /// it told are left out together, and the rest is judged by a calibration of its own.
    package func score(_ values: TermValues) -> AnomalyScore {
        let values = Self.filled(values, expected, expectedMasked)
        let (used, tail) = judges(of: values)
        let isNumber = used.allSatisfy { values[$0.term].map(\.isFinite) ?? false }
        // What cannot be compared is never waved through.
        let raw = isNumber ? Self.combine(values, used, combination) : TailFunction.surpriseMax
        let surprise = isNumber ? tail.surprise(raw) : TailFunction.surpriseMax
        return AnomalyScore(values: values, raw: raw, surprise: surprise, terms: used.map(\.term))
    }

    /// The terms that judge a query, the most that its values allow, and the benign tail of their combination.
    private func judges(of values: TermValues) -> ([Term], TailFunction) {
        func isThere(_ terms: [Term]) -> Bool { terms.allSatisfy { values[$0.term] != nil } }
        if isThere(terms) { return (terms, full) }
        if let confident {
            let some = terms.filter { $0.term.need <= .confidence }
            if isThere(some) { return (some, confident) }
        }
        return (terms.filter { !$0.term.needsAnswer }, answerless)
    }

    /// The raw score that a share of `percentile` of the benign queries stays below: the stated
    /// false-positive rate of the threshold is 1 − percentile/100. Units: percent in, raw score out.
    package func threshold(percentile: Double) -> Double {
        full.value(surprise: AnomalyScore.surprise(percentile: min(max(percentile, 0), 100)))
    }

    /// The surprise of each term of a query, before its voice; nil where one is missing. **Units** nats, in the order of
    /// ``terms``.
    package func surprises(_ values: TermValues) -> [Double?] {
        let values = Self.filled(values, expected, expectedMasked)
        return terms.map { entry in values[entry.term].map { entry.tail.surprise(Double($0)) } }
    }

    /// Whether there is a combination that the largest probability makes possible and neither more nor less does.
    private static func hasConfidentPart(_ terms: [ScoreTerm], _ combination: Combination) -> Bool {
        let needs = terms.map(\.need)
        return combination == .tailSum && needs.contains(.confidence) && needs.contains(.distribution)
    }

    private static func expected(
        _ sample: [TermValues], _ term: ScoreTerm, _ measure: KeyPath<TermValues, Float?>
    ) throws(CalibrationError) -> ExpectedLoss {
        var values: [Float] = []
        for (index, row) in sample.enumerated() {
            guard let value = row[keyPath: measure] else { throw .termMissing(term, index: index) }
            values.append(value)
        }
        return ExpectedLoss(losses: sample.map(\.reconstruction), measures: values)
    }

    static func filled(
        _ values: TermValues, _ expected: ExpectedLoss?, _ expectedMasked: ExpectedLoss?
    ) -> TermValues {
        var filled = values
        filled.excess = excess(values, expected, values.roughness)
        filled.masked = excess(values, expectedMasked, values.maskedLoss)
        return filled
    }

    private static func excess(_ values: TermValues, _ expected: ExpectedLoss?, _ measure: Float?) -> Float? {
        guard let expected, let measure else { return nil }
        // A loss that is no number stays none: a logarithm's floor must not make it a small one.
        guard values.reconstruction.isFinite, measure.isFinite else { return .nan }
        return expected.excess(loss: values.reconstruction, measure: measure)
    }

    private static func usedTerms(
        _ terms: [ScoreTerm], _ combination: Combination
    ) throws(CalibrationError) -> [ScoreTerm] {
        if case .paper(let alpha) = combination {
            guard alpha >= 0, alpha <= 1 else { throw .alphaOutOfRange(alpha) }
            return [.reconstruction, .deviation]
        }
        // The reconstruction is always there: without it a score would be impossible when an answer is
        // missing.
        let used = ScoreTerm.allCases.filter { $0 == .reconstruction || terms.contains($0) }
        guard !terms.isEmpty else { throw .noTerms }
        return used
    }

    private static func tail(
        _ sample: [TermValues], _ terms: [Term], _ combination: Combination
    ) throws(CalibrationError) -> TailFunction {
        try TailFunction(sample: sample.map { Float(combine($0, terms, combination)) })
    }

    static func combine(_ values: TermValues, _ terms: [Term], _ combination: Combination) -> Double {
        switch combination {
        case .tailSum:
            let sum = terms.reduce(0) { $0 + $1.heard(Double(values[$1.term] ?? 0)) }
            return min(sum, TailFunction.surpriseMax)
        case .paper(let alpha):
            let reconstruction = Double(values.reconstruction)
            guard terms.contains(where: { $0.term == .deviation }), let deviation = values.deviation else {
                return reconstruction
            }
            return alpha * reconstruction + (1 - alpha) * Double(deviation)
        }
    }
}

extension Calibration {
    /// What is wrong with a calibration read from a file, or nil when every invariant holds.
    package var defect: String? {
        if case .paper(let alpha) = combination, !(alpha >= 0 && alpha <= 1) { return "alpha is outside 0…1" }
        if terms.first?.term != .reconstruction { return "the reconstruction term is missing" }
        if Set(terms.map(\.term)).count != terms.count { return "a term appears twice" }
        // With a floor under every term most queries would score the same, and no percentile would be true of them.
        if let voice = terms.first?.voice, voice.floor > 0 { return "the reconstruction's voice has a floor" }
        if terms.contains(where: { $0.term == .excess }) != (expected != nil) {
            return "the expected loss is there without the excess, or the excess without it"
        }
        if terms.contains(where: { $0.term == .masked }) != (expectedMasked != nil) {
            return "the expected masked loss is there without its term, or the term without it"
        }
        for line in [expected, expectedMasked].compactMap(\.self)
        where !line.intercept.isFinite || !line.slope.isFinite {
            return "the expected loss is not finite"
        }
        for entry in terms {
            if let defect = entry.tail.defect ?? entry.voice?.defect {
                return "\(entry.term.rawValue): \(defect)"
            }
        }
        if confident != nil, !Self.hasConfidentPart(terms.map(\.term), combination) {
            return "there is a part of the score that the largest probability allows, and no such terms"
        }
        if let defect = full.defect { return "full: \(defect)" }
        if let defect = confident?.defect { return "confident: \(defect)" }
        return answerless.defect.map { "answerless: \($0)" }
    }
}
