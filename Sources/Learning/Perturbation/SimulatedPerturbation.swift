import Foundation
import Neural
import SAME
import Tensor

/// Changes genuine images as attacks by gradients change theirs: JBDA's sign steps, the L2 steps of feature and boundary
/// attacks, up or down a class's logit, over the whole picture or a part of it, once or several times; and random signs.
struct SimulatedPerturbation {
    /// Shares of images whose steps are confined to bright pixels, to random ones, to a rectangle.
    struct Confinement {
        var bright: Double
        var random: Double
        var rectangle: Double

        /// What a detector learns from. Most are confined: those are the ones that are hard to see.
        static let mixed = Confinement(bright: 0.4, random: 0.1, rectangle: 0.1)
        static let none = Confinement(bright: 0, random: 0, rectangle: 0)
        static let bright = Confinement(bright: 1, random: 0, rectangle: 0)
    }

    let image: ImageShape
    /// Whose gradients are followed.
    let thieves: [Classifier]
    let workspace: Workspace
    var confinement = Confinement.mixed

    /// The size of a sign step, drawn evenly in its logarithm. **Units** canonical values, whose range is 2.
    private static let sizes: Range<Double> = 0.025..<0.2
    private static let downShare = 0.3
    private static let signShare = 0.8
    /// An L2 step's largest value, in multiples of its mean size.
    private static let normedMax: Float = 3
    /// Each further step is taken by this share of the images that have taken the one before: JBDA steps from pictures
    /// that it made itself.
    private static let againShare = 0.45
    static let stepsMax = 4

    /// How one image is changed: every step of it is taken in the same way.
    private struct Way {
        var factor: Float
        var isSign: Bool
        /// The values that may change; nil for all.
        var mask: [Bool]?
        var steps: Int
    }

    /// The batch with each image changed by its own draw. **Shapes** (B, C·H·W).
    func apply(_ batch: Tensor, generator: inout RandomGenerator) -> Tensor {
        let ways = (0..<batch.rows).map { way(batch.row($0), &generator) }
        var changed = batch
        let count = batch.rowCount
        for step in 0..<Self.stepsMax {
            let rows = ways.indices.filter { ways[$0].steps > step }
            guard !rows.isEmpty else { break }
            let stepped = self.step(
                changed.gathering(rows: rows), rows.map { ways[$0] }, generator: &generator)
            for (from, row) in rows.enumerated() {
                changed.values.replaceSubrange(row * count..<(row + 1) * count, with: stepped.row(from))
            }
        }
        return changed
    }

    private func way(_ values: ArraySlice<Float>, _ generator: inout RandomGenerator) -> Way {
        let spread = log(Self.sizes.upperBound / Self.sizes.lowerBound)
        let size = Float(exp(log(Self.sizes.lowerBound) + generator.uniform() * spread))
        let factor = generator.uniform() < Self.downShare ? -size : size
        let isSign = generator.uniform() < Self.signShare
        var steps = 1
        while steps < Self.stepsMax, generator.uniform() < Self.againShare { steps += 1 }
        return Way(factor: factor, isSign: isSign, mask: mask(values, &generator), steps: steps)
    }

    private func step(_ batch: Tensor, _ ways: [Way], generator: inout RandomGenerator) -> Tensor {
        let sources = (0..<batch.rows).map { _ in generator.integer(below: thieves.count + 1) }
        let directions = directions(batch, sources, &generator)
        var changed = batch
        for (row, way) in ways.enumerated() {
            let range = row * batch.rowCount..<(row + 1) * batch.rowCount
            let scale = way.isSign ? 0 : Self.inverseMeanSize(directions.values[range])
            for (place, index) in range.enumerated() where way.mask?[place] ?? true {
                let slope = directions.values[index]
                let direction: Float =
                    way.isSign
                    ? (slope > 0 ? 1 : slope < 0 ? -1 : 0)
                    : min(Self.normedMax, max(-Self.normedMax, slope * scale))
                changed.values[index] = min(1, max(-1, batch.values[index] + way.factor * direction))
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
        if draw < confinement.bright {
            let least = generator.uniform(-0.95..<0)
            return values.map { $0 > least }
        }
        draw -= confinement.bright
        if draw < confinement.random {
            let share = 0.1 + 0.8 * generator.uniform()
            return values.map { _ in generator.uniform() < share }
        }
        draw -= confinement.random
        return draw < confinement.rectangle ? rectangle(&generator) : nil
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
