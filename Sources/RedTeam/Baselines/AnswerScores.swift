import Foundation

/// Scores of the victim's answer alone: no model, no cost. The larger, the more suspicious.
package enum AnswerScores {
    /// 1 − the largest probability of softmax, as the share of all other classes: 1 − p would be 0 wherever a Float has no room
    /// between p and 1, and confident answers would tie.
    package static func maximumSoftmax(logits: ArraySlice<Float>) -> Double {
        guard let top = logits.max() else { return 1 }
        let others = othersSum(logits, without: top) { exp(Double($0) - Double(top)) }
        return others / (1 + others)
    }

    /// The same where only probabilities are known: the sum of all but the largest.
    package static func maximumSoftmax(probabilities: ArraySlice<Float>) -> Double {
        guard let top = probabilities.max() else { return 1 }
        return othersSum(probabilities, without: top) { Double($0) }
    }

    /// Σ `weight` of all values but one that equals `top`.
    private static func othersSum(
        _ values: ArraySlice<Float>, without top: Float, weight: (Float) -> Double
    ) -> Double {
        let left = values.firstIndex(of: top)
        return values.indices.reduce(0) { $1 == left ? $0 : $0 + weight(values[$1]) }
    }

    /// −ln Σ eᶻ of the logits.
    package static func energy(logits: ArraySlice<Float>) -> Double {
        let high = Double(logits.max() ?? 0)
        return -(high + log(logits.reduce(0) { $0 + exp(Double($1) - high) }))
    }

    /// The energy where only probabilities are known. Log-probabilities are logits up to a constant, and their own energy is
    /// always 0; with the constant chosen so that their mean is 0, it is the mean log-probability. Floored at 1e-12.
    package static func energy(probabilities: ArraySlice<Float>) -> Double {
        probabilities.reduce(0) { $0 + log(max(Double($1), 1e-12)) } / Double(max(1, probabilities.count))
    }
}
