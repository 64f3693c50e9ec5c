/// Why a calibration could not be made.
package enum CalibrationError: Error, Hashable, Sendable {
    case tooFewValues(count: Int, minimum: Int)
    case notFinite(index: Int)
    case termMissing(ScoreTerm, index: Int)
    case alphaOutOfRange(Double)
    case noTerms
}

extension CalibrationError: CustomStringConvertible {
    /// A sentence that says what to change.
    package var description: String {
        switch self {
        case .tooFewValues(let count, let minimum):
            "calibration needs \(minimum) images or more that trained nothing, got \(count)"
        case .notFinite(let index):
            "held-out image \(index) has a score that is not finite: the model did not train"
        case .termMissing(let term, let index):
            "held-out image \(index) has no \(term.rawValue) term: what it is made from is missing"
        case .alphaOutOfRange(let alpha): "alpha is \(alpha), expected a number from 0 to 1"
        case .noTerms: "a score needs at least one term"
        }
    }
}
