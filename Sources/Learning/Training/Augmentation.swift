import Tensor

/// Small changes to training images that keep their class.
package struct Augmentation: Codable, Hashable, Sendable {
    /// The most pixels to shift by, each way; what comes in from outside is background.
    package var shift: Int
    /// Whether to mirror half of the images left to right.
    package var mirror: Bool

    /// Augmentation by shifts and mirroring.
    package init(shift: Int, mirror: Bool) {
        self.shift = shift
        self.mirror = mirror
    }

    /// Images as they are.
    package static let none = Augmentation(shift: 0, mirror: false)

    /// The batch with each image changed by its own draw. `background` is the value of new pixels.
    ///
    /// **Shapes** batch (B, C·H·W).
    package func apply(
        _ batch: Tensor, shape: ImageShape, background: Float, generator: inout RandomGenerator
    ) -> Tensor {
        guard shift > 0 || mirror else { return batch }
        var changed = [Float](repeating: background, count: batch.count)
        for row in 0..<batch.rows {
            let down = generator.integer(below: 2 * shift + 1) - shift
            let right = generator.integer(below: 2 * shift + 1) - shift
            let flips = mirror && generator.integer(below: 2) == 1
            let start = row * shape.count
            for line in 0..<shape.channels * shape.height {
                let y = line % shape.height - down
                guard (0..<shape.height).contains(y) else { continue }
                let source = start + (line / shape.height * shape.height + y) * shape.width
                for column in 0..<shape.width {
                    let x = column - right
                    guard (0..<shape.width).contains(x) else { continue }
                    changed[start + line * shape.width + column] =
                        batch.values[source + (flips ? shape.width - 1 - x : x)]
                }
            }
        }
        return Tensor(shape: batch.shape, values: changed)
    }
}
