import Foundation
import Neural
import SAME
import Tensor

/// Changes genuine images as attacks by gradients change theirs: JBDA's sign steps, the L2 steps of feature and boundary
/// attacks, up or down a class's logit, over the whole picture or a part of it, once or twice; and random signs.
struct SimulatedPerturbation {
    let image: ImageShape
    /// Whose gradients are followed.
    let thieves: [Classifier]
    let workspace: Workspace

    /// The size of a sign step, drawn evenly in its logarithm. **Units** canonical values, whose range is 2.
    private static let sizes: Range<Double> = 0.03..<0.3
    private static let downShare = 0.3
    private static let signShare = 0.8
    private static let twiceShare = 0.4
    /// Shares of steps that are confined to bright pixels, to random ones, to a rectangle.
    private static let confined = (bright: 0.2, random: 0.15, rectangle: 0.1)
    /// An L2 step's largest value, in multiples of its mean size.
    private static let normedMax: Float = 3

    /// The batch with each image changed by its own draw. **Shapes** (B, C·H·W).
    func apply(_ batch: Tensor, generator: inout RandomGenerator) -> Tensor {
        var changed = step(batch, generator: &generator)
        let again = (0..<batch.rows).filter { _ in generator.uniform() < Self.twiceShare }
        guard !again.isEmpty else { return changed }
        let second = step(changed.gathering(rows: again), generator: &generator)
        let count = batch.rowCount
        for (from, row) in again.enumerated() {
            changed.values.replaceSubrange(row * count..<(row + 1) * count, with: second.row(from))
        }
        return changed
    }

    private func step(_ batch: Tensor, generator: inout RandomGenerator) -> Tensor {
        let sources = (0..<batch.rows).map { _ in generator.integer(below: thieves.count + 1) }
        let directions = directions(batch, sources, &generator)
        var changed = batch
        for row in 0..<batch.rows {
            let range = row * batch.rowCount..<(row + 1) * batch.rowCount
            let size = Float(
                exp(
                    log(Self.sizes.lowerBound) + generator.uniform()
                        * log(Self.sizes.upperBound / Self.sizes.lowerBound)))
            let factor = generator.uniform() < Self.downShare ? -size : size
            let isSign = generator.uniform() < Self.signShare
            let mask = mask(batch.values[range], &generator)
            let scale = isSign ? 0 : Self.inverseMeanSize(directions.values[range])
            for (place, index) in range.enumerated() where mask?[place] ?? true {
                let slope = directions.values[index]
                let direction: Float =
                    isSign
                    ? (slope > 0 ? 1 : slope < 0 ? -1 : 0)
                    : min(Self.normedMax, max(-Self.normedMax, slope * scale))
                changed.values[index] = min(1, max(-1, batch.values[index] + factor * direction))
            }
        }
        return changed
    }

    /// Each image's gradient of its most probable class's logit by the thief it has, or noise past the last thief.
    private func directions(
        _ batch: Tensor, _ sources: [Int], _ generator: inout RandomGenerator
    ) -> Tensor {
        var directions = Tensor(shape: batch.shape)
        let count = batch.rowCount
        for (index, thief) in thieves.enumerated() {
            let rows = sources.indices.filter { sources[$0] == index }
            guard !rows.isEmpty else { continue }
            let slopes = thief.inputGradient(
                batch.gathering(rows: rows), .function(Self.topLogit), workspace: workspace)
            for (from, row) in rows.enumerated() {
                directions.values.replaceSubrange(row * count..<(row + 1) * count, with: slopes.row(from))
            }
        }
        for row in sources.indices where sources[row] == thieves.count {
            for index in row * count..<(row + 1) * count {
                directions.values[index] = generator.integer(below: 2) == 0 ? -1 : 1
            }
        }
        return directions
    }

    /// The sum of each row's largest logit.
    @Sendable private static func topLogit(_ logits: Tensor) -> (loss: Double, slopes: Tensor) {
        var (loss, slopes) = (0.0, Tensor(shape: logits.shape))
        for row in 0..<logits.rows {
            let values = logits.row(row)
            guard let top = values.indices.max(by: { values[$0] < values[$1] }) else { continue }
            loss += Double(values[top])
            slopes.values[top] = 1
        }
        return (loss, slopes)
    }

    /// What makes the root mean square of a gradient 1; 0 for a gradient of zeros.
    private static func inverseMeanSize(_ slopes: ArraySlice<Float>) -> Float {
        let square = slopes.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(max(slopes.count, 1))
        return square > 1e-24 ? Float(1 / square.squareRoot()) : 0
    }

    /// The values that the step may change; nil for all.
    private func mask(_ values: ArraySlice<Float>, _ generator: inout RandomGenerator) -> [Bool]? {
        var draw = generator.uniform()
        if draw < Self.confined.bright {
            let least = generator.uniform(-0.95..<0)
            return values.map { $0 > least }
        }
        draw -= Self.confined.bright
        if draw < Self.confined.random {
            let share = 0.1 + 0.8 * generator.uniform()
            return values.map { _ in generator.uniform() < share }
        }
        draw -= Self.confined.random
        return draw < Self.confined.rectangle ? rectangle(&generator) : nil
    }

    /// A rectangle of between a quarter and three quarters of each side, somewhere in the picture.
    private func rectangle(_ generator: inout RandomGenerator) -> [Bool] {
        func extent(_ side: Int) -> Range<Int> {
            let length = max(1, side / 4 + generator.integer(below: side / 2 + 1))
            let start = generator.integer(below: side - length + 1)
            return start..<start + length
        }
        let (lines, columns) = (extent(image.height), extent(image.width))
        return (0..<image.count).map {
            lines.contains($0 / image.width % image.height) && columns.contains($0 % image.width)
        }
    }
}
