import Foundation

extension AnswerFormat {
    /// The probabilities that a row of class values stands for: the one judge of whether it is a distribution, for readers of every
    /// protocol. Shapes: values and result (C).
    ///
    /// A victim that rounds its probabilities has rows that do not sum to 1. They are taken as far off as the rounding explains, and
    /// made to sum to 1, as they did before it; a row that nobody has rounded stays as it is.
    ///
    /// - Parameter written: how finely the row's numbers were written, asked for only where it matters; nil where they are no text,
    ///   and so are not rounded to decimals.
    ///
    /// **Throws** `notProbabilities` for a row that `kind` cannot be of.
    func distribution(
        of values: ArraySlice<Float>, row: Int, written: @autoclosure () -> WrittenPrecision?
    ) throws(AnswerError) -> [Float] {
        let probabilities = kind.probabilities(of: values)
        guard let mass = kind.mass(of: values) else { return probabilities }
        let isNegative = kind == .probabilities && values.contains { $0 < -Float(sumTolerance) }
        guard !isNegative, mass.isFinite else { throw .notProbabilities(row: row, sum: mass) }
        let excess = abs(mass - 1)
        guard excess > Self.floatSlack else { return probabilities }
        let slack = written()?.slack(of: kind, classes: values.count) ?? 0
        guard excess <= max(sumTolerance, slack + Self.floatSlack) else {
            throw .notProbabilities(row: row, sum: mass)
        }
        // Logarithms have become probabilities that sum to 1 already.
        guard slack > 0, kind == .probabilities else { return probabilities }
        let sum = probabilities.reduce(0) { $0 + Double($1) }
        return probabilities.map { Float(Double($0) / sum) }
    }

    /// Whether some of a row's probabilities may stand in an answer of the top classes; `written` as above.
    func admitsPart(of sum: Double, classes: Int, written: WrittenPrecision?) -> Bool {
        let rounding = written?.slack(of: .topK, classes: classes) ?? 0
        let slack = max(sumTolerance, rounding + Self.floatSlack)
        return sum > 0 && sum <= 1 + slack
    }

    /// More than the roundings to Float add up to.
    private static let floatSlack = 1e-6
}

extension AnswerKind {
    /// What should be 1; nil where it is so whatever the values are.
    fileprivate func mass(of values: ArraySlice<Float>) -> Double? {
        switch self {
        case .probabilities: values.reduce(0) { $0 + Double($1) }
        case .logProbabilities: values.reduce(0) { $0 + exp(Double($1)) }
        case .logits, .topK, .labels: nil
        }
    }
}
