import Foundation
import Tensor

/// Losses: each returns its value and sets its activation's gradient.
extension Pass {
    /// factor · mean over all values of (x − target)².
    package func meanSquaredError(
        _ x: Activation, _ target: UnsafePointer<Float>, factor: Double = 1
    ) -> Double {
        let dx = workspace.arena.allocate(x.count)
        let slope = Float(2 * factor / Double(x.count))
        Kernels.scale(x.values, by: slope, into: dx, x.count)
        Kernels.scale(target, by: -slope, into: dx, x.count, accumulate: true)
        x.gradient = dx
        return factor * Kernels.squaredDistance(x.values, target, x.count) / Double(x.count)
    }

    /// The mean over the rows of the cross entropy between target probabilities and softmax(logits).
    ///
    /// **Shapes**: logits (B, K); `target(row, class)` is the probability wanted, summing to 1 over the classes.
    package func crossEntropy(_ logits: Activation, _ target: (Int, Int) -> Double) -> Double {
        eachRow(logits) { row, probabilities, logProbabilities, gradient in
            var loss = 0.0
            for k in probabilities.indices {
                let wanted = target(row, k)
                if wanted > 0 { loss -= wanted * logProbabilities[k] }
                gradient[k] = probabilities[k] - wanted
            }
            return loss
        }
    }

    /// The mean over the rows of ‖softmax(logits) − target‖²: Eq. (5).
    package func squaredProbabilities(_ logits: Activation, _ target: (Int, Int) -> Double) -> Double {
        eachRow(logits) { row, probabilities, _, gradient in
            var (loss, mean) = (0.0, 0.0)
            for k in probabilities.indices {
                let difference = probabilities[k] - target(row, k)
                loss += difference * difference
                gradient[k] = 2 * difference
                mean += probabilities[k] * gradient[k]
            }
            for k in probabilities.indices { gradient[k] = probabilities[k] * (gradient[k] - mean) }
            return loss
        }
    }

    /// The mean over the rows of the cross entropy between yes or no and the logistic function of the one logit of each.
    ///
    /// **Shapes**: logits (B, 1).
    package func binaryCrossEntropy(_ logits: Activation, _ isPositive: (Int) -> Bool) -> Double {
        precondition(logits.columns == 1, "one logit a row")
        let slopes = workspace.arena.allocate(logits.count)
        var total = 0.0
        for row in 0..<logits.rows {
            let logit = Double(logits.values[row]), wanted = isPositive(row) ? 1.0 : 0
            // ln(1 + e^z) − wanted·z, with the exponential of a negative number alone.
            total += max(logit, 0) - wanted * logit + log1p(exp(-abs(logit)))
            slopes[row] = Float((1 / (1 + exp(-logit)) - wanted) / Double(logits.rows))
        }
        logits.gradient = slopes
        return total / Double(max(logits.rows, 1))
    }

    /// Computes in double: a batch of logits is small, and a loss is compared across runs.
    private func eachRow(
        _ logits: Activation, _ body: (Int, [Double], [Double], inout [Double]) -> Double
    ) -> Double {
        let classes = logits.columns
        let slopes = workspace.arena.allocate(logits.count)
        var gradient = [Double](repeating: 0, count: classes)
        var total = 0.0
        for row in 0..<logits.rows {
            let values = (0..<classes).map { Double(logits.values[row * classes + $0]) }
            let high = values.max() ?? 0
            let logSum = high + log(values.reduce(0) { $0 + exp($1 - high) })
            let logProbabilities = values.map { $0 - logSum }
            total += body(row, logProbabilities.map { exp($0) }, logProbabilities, &gradient)
            for k in 0..<classes { slopes[row * classes + k] = Float(gradient[k] / Double(logits.rows)) }
        }
        logits.gradient = slopes
        return total / Double(max(logits.rows, 1))
    }
}
