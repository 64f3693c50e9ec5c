import Foundation
import Tensor

/// What a data-free student minimises and its generator maximises, for one query.
package enum Disagreement: String, Sendable, CaseIterable {
    /// Mean over the classes of |z − t|: z the student's logits, t the victim's log-probabilities less their
    /// mean.
    case l1
    /// KL(V ‖ S) in nats.
    case kl

    /// Log-probabilities are floored here, since a victim's Float32 answer may be exactly 0. **Units** nats.
    static let logFloor = -27.6

    /// The value and its slopes by the student's logits.
    ///
    /// **Shapes** logits and answer (K).
    package func evaluate(_ logits: ArraySlice<Float>, answer: [Float]) -> (value: Double, slopes: [Double]) {
        let logs = answer.map { max(log(Double($0)), Self.logFloor) }
        let count = Double(logits.count)
        switch self {
        case .l1:
            let mean = logs.reduce(0, +) / count
            let gaps = zip(logits, logs).map { Double($0) - ($1 - mean) }
            let slopes = gaps.map { $0 > 0 ? 1 / count : $0 < 0 ? -1 / count : 0 }
            return (gaps.reduce(0) { $0 + abs($1) } / count, slopes)
        case .kl:
            let values = logits.map(Double.init)
            let high = values.max() ?? 0
            let normaliser = high + log(values.reduce(0) { $0 + exp($1 - high) })
            let terms = zip(answer, zip(logs, values)).map { p, pair in
                p > 0 ? Double(p) * (pair.0 - (pair.1 - normaliser)) : 0
            }
            return (terms.reduce(0, +), zip(values, answer).map { exp($0 - normaliser) - Double($1) })
        }
    }
}
