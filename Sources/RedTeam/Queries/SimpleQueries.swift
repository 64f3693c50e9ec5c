import Neural
import SAME
import Tensor

/// Queries that need no attack loop: what the demonstration sends, and the floor any detector must clear.
package enum SimpleQueries {
    /// Values drawn independently and uniformly over the whole range, on the 8-bit grid that pictures have.
    ///
    /// **Shapes** result (count, C·H·W), canonical values in [−1, 1].
    package static func uniformNoise(count: Int, image: ImageShape, seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        let values = (0..<count * image.count).map { _ in
            PixelRange.signed.canonical(UInt8(generator.integer(below: 256)))
        }
        return Tensor(shape: [count, image.count], values: values)
    }

    /// One step of size `step` along the sign of the gradient of the class that `model` gives each picture,
    /// clipped to the range: the perturbation that JBDA is made of.
    ///
    /// A thief only has a substitute's gradient; with the victim itself as `model` this is his best case.
    /// **Shapes** pictures and result (B, C·H·W), canonical values in [−1, 1]. **Units** step in canonical
    /// values: the paper's 0.1, 0.05 of the distance from black to white.
    /// **Source** Papernot et al. 2017, §4: x + λ·sign(∂F_ŷ/∂x).
    package static func signGradient(_ pictures: Tensor, model: Classifier, step: Float) -> Tensor {
        let workspace = Workspace(threads: 1)
        var values: [Float] = []
        values.reserveCapacity(pictures.count)
        for start in stride(from: 0, to: pictures.rows, by: batchRows) {
            let batch = pictures.rows(start..<min(pictures.rows, start + batchRows))
            let probabilities = model.probabilities(batch, workspace: workspace)
            let labels = (0..<batch.rows).map { row in
                probabilities.row(row).enumerated().max { $0.element < $1.element }?.offset ?? 0
            }
            // The gradient of F_ŷ has the opposite sign of the cross entropy's, class for class.
            let gradient = model.inputGradient(batch, .labels(labels), workspace: workspace)
            for (value, slope) in zip(batch.values, gradient.values) {
                let sign: Float = slope > 0 ? -1 : slope < 0 ? 1 : 0
                values.append(min(1, max(-1, value + step * sign)))
            }
        }
        return Tensor(shape: pictures.shape, values: values)
    }

    private static let batchRows = 64
}
