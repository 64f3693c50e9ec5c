import Foundation
import Tensor

/// The losses on outliers, each with its slopes by the logits.
enum ExposureLoss {
    /// The mean over rows of logsumexp z − mean z: the cross entropy with the flat distribution.
    ///
    /// **Shapes** logits (B, K).
    static func flatness(_ logits: Tensor) -> (loss: Double, slopes: Tensor) {
        var slopes = Tensor(shape: logits.shape)
        var loss = 0.0
        let (rows, classes) = (logits.rows, logits.rowCount)
        for row in 0..<rows {
            let values = logits.row(row).map(Double.init)
            let (probabilities, normaliser) = softmax(values)
            loss += (normaliser - values.reduce(0, +) / Double(classes)) / Double(rows)
            for k in 0..<classes {
                slopes.values[row * classes + k] = Float(
                    (probabilities[k] - 1 / Double(classes)) / Double(rows))
            }
        }
        return (loss, slopes)
    }

    /// The mean over rows of ln Σ_{a<b} exp(cos(p_a, p_b)) over pairs of models, with slopes by each model's logits.
    ///
    /// **Shapes** each of logits (B, K).
    static func diversity(_ logits: [Tensor]) -> [(loss: Double, slopes: Tensor)] {
        guard let first = logits.first else { return [] }
        var slopes = logits.map { Tensor(shape: $0.shape) }
        var loss = 0.0
        let (rows, classes) = (first.rows, first.rowCount)
        for row in 0..<rows {
            let outputs = logits.map { softmax($0.row(row).map(Double.init)).probabilities }
            let (value, gradients) = rowDiversity(outputs)
            loss += value / Double(rows)
            for (model, gradient) in gradients.enumerated() {
                let output = outputs[model]
                let mean = zip(output, gradient).reduce(0) { $0 + $1.0 * $1.1 }
                for k in 0..<classes {
                    slopes[model].values[row * classes + k] = Float(
                        output[k] * (gradient[k] - mean) / Double(rows))
                }
            }
        }
        return slopes.map { (loss, $0) }
    }

    /// ln Σ exp(cos) of one row, and its slopes by the probabilities.
    private static func rowDiversity(_ outputs: [[Double]]) -> (value: Double, gradients: [[Double]]) {
        let norms = outputs.map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        var gradients = outputs.map { $0.map { _ in 0.0 } }
        var pairs: [(a: Int, b: Int, cosine: Double)] = []
        for a in outputs.indices {
            for b in a + 1..<max(outputs.count, a + 1) {
                pairs.append((a, b, cosine(outputs[a], outputs[b])))
            }
        }
        let sum = pairs.reduce(0) { $0 + exp($1.cosine) }
        for pair in pairs {
            let share = exp(pair.cosine) / sum
            for k in outputs[pair.a].indices {
                let (a, b) = (outputs[pair.a][k], outputs[pair.b][k])
                let scale = norms[pair.a] * norms[pair.b]
                gradients[pair.a][k] +=
                    share * (b / scale - pair.cosine * a / (norms[pair.a] * norms[pair.a]))
                gradients[pair.b][k] +=
                    share * (a / scale - pair.cosine * b / (norms[pair.b] * norms[pair.b]))
            }
        }
        return (log(sum), gradients)
    }

    /// The cosine of the angle between two outputs.
    static func cosine(_ a: [Double], _ b: [Double]) -> Double {
        let product = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        let norms = a.reduce(0) { $0 + $1 * $1 }.squareRoot() * b.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return norms > 0 ? product / norms : 0
    }

    static func softmax(_ values: [Double]) -> (probabilities: [Double], normaliser: Double) {
        let high = values.max() ?? 0
        let normaliser = high + log(values.reduce(0) { $0 + exp($1 - high) })
        return (values.map { exp($0 - normaliser) }, normaliser)
    }
}
