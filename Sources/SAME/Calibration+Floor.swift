extension Calibration {
    /// A score that the finished one cannot be below, from the reconstruction, the statistics and the frame alone: what the other terms
    /// may add is never negative.
    ///
    /// The finished score is judged by the tail of all terms, or of those that the victim's answer is enough for. Which it
    /// will be is not known yet, so the mildest reading stands. Nil where one of them is no number: that has a score of its
    /// own. The statistics and the frame may be absent; what they might add is then left out.
    package func floor(
        loss: Float, roughness: Float?, statistics: Float? = nil, frame: Float? = nil
    ) -> AnomalyScore? {
        let values = Self.filled(
            TermValues(reconstruction: loss, roughness: roughness, statistics: statistics, frame: frame),
            expected, nil)
        let known = terms.filter { entry in
            switch entry.term {
            case .reconstruction, .excess: true
            case .statistics: statistics != nil
            case .frame: frame != nil
            case .masked, .perturbation, .energy, .neighbour, .deviation, .doubt: false
            }
        }
        guard known.allSatisfy({ values[$0.term].map(\.isFinite) ?? false }) else { return nil }
        let (complete, answerless) = least(values, known)
        var surprise = min(full.surprise(complete), self.answerless.surprise(answerless))
        if let confident { surprise = min(surprise, confident.surprise(answerless)) }
        // A raw score and a surprise from two readings where they differ: the lesser of each.
        let raw = min(complete, answerless)
        // A hair less: between two knots a tail does not ascend to the last bit.
        let least = surprise * (1 - 1e-9)
        return AnomalyScore(values: values, raw: raw, surprise: least, terms: known.map(\.term))
    }

    /// The least raw score with an answer, and that without one.
    private func least(_ values: TermValues, _ known: [Term]) -> (complete: Double, answerless: Double) {
        switch combination {
        case .tailSum:
            let sum = Self.combine(values, known, combination)
            return (sum, sum)
        case .paper(let alpha): return (alpha * Double(values.reconstruction), Double(values.reconstruction))
        }
    }
}
