import Foundation

extension AnswerKind {
    /// The probabilities that a row of this kind stands for. Shapes: values and result (C).
    func probabilities(of values: ArraySlice<Float>) -> [Float] {
        switch self {
        // A rounding below zero passed the tolerance of the reader.
        case .probabilities, .topK, .labels: return values.map { max(0, $0) }
        case .logProbabilities, .logits:
            let normaliser = Self.logSumExp(values)
            return values.map { Float(exp(Double($0) - normaliser)) }
        }
    }

    /// `probabilities` in this kind, beside the row they replace. Shapes: both (C).
    ///
    /// A zero has no logarithm; the least normal Float stands for it, 87 nats below certainty.
    func values(of probabilities: [Float], like original: ArraySlice<Float>) -> [Float] {
        switch self {
        case .probabilities, .topK, .labels: return probabilities
        case .logProbabilities, .logits:
            let sum = probabilities.reduce(0) { $0 + Double($1) }
            let shift = Self.logSumExp(original) - log(sum)
            return probabilities.map { Float(log(Double(max($0, .leastNormalMagnitude))) + shift) }
        }
    }

    /// ln Σ eˣ, without overflow.
    private static func logSumExp(_ values: ArraySlice<Float>) -> Double {
        let largest = Double(values.max() ?? 0)
        return largest + log(values.reduce(0) { $0 + exp(Double($1) - largest) })
    }
}
