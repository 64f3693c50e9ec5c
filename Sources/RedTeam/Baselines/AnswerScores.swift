import Foundation

/// Scores of the victim's answer alone: no model, no cost. The larger, the more suspicious.
package enum AnswerScores {
    /// 1 − the largest probability.
    package static func maximumSoftmax(_ probabilities: ArraySlice<Float>) -> Double {
        1 - Double(probabilities.max() ?? 0)
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
