import SAME
import Tensor

/// CloudLeak's way of making queries: seeds moved within a small box until the substitute sees them close to
/// pictures of another class.
///
/// Minimises ‖x′ − x‖² + λ·max(0, ‖φ(x′) − φ(t)‖² − ‖φ(x′) − φ(x)‖² + margin) by signed steps, t a picture of
/// another class. The features φ are the substitute's logits: its last layer, where the published attack cuts
/// at a layer of choice.
/// **Source** Yu et al. 2020.
package struct CloudLeak: Attack {
    package let seeds: PicturePool
    package var training = SubstituteTraining()
    /// The box's half side. **Units** canonical values: 16/255 is 8/255 of the distance from black to white.
    package var epsilon: Float = 16 / 255
    package var weight: Float = 1
    package var margin: Float = 1
    package var steps = 10
    /// The substitute is trained anew between rounds.
    package var rounds = 4

    /// An attack that starts from these pictures.
    package init(seeds: PicturePool) { self.seeds = seeds }

    /// The name in reports.
    package var name: String { "cloudleak" }
    /// What shapes its queries, for reports.
    package var options: [String: String] {
        let own = [
            "seeds": "\(seeds.count)", "epsilon": "\(epsilon)", "weight": "\(weight)", "margin": "\(margin)",
            "steps": "\(steps)", "rounds": "\(rounds)",
        ]
        return training.options.merging(own) { $1 }
    }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try seeds.require(session, atLeast: 2, attack: name)
        let first = seeds.pictures(at: 0..<seeds.count)
        let replies = try session.ask(first, origin: .seed, counted: false)
        let labels = replies.map { $0.label ?? -1 }
        let each = max(1, (session.budget + rounds - 1) / max(1, rounds))
        while session.remaining > 0 {
            let model = try training.substitute(from: session, attack: name, generator: &generator)
            var left = min(each, session.remaining)
            while left > 0 {
                let count = min(left, AttackSession.rowsAtOnce)
                let pairs = Self.pairs(count, labels, &generator)
                let start = first.gathering(rows: pairs.map(\.0))
                let targets = first.gathering(rows: pairs.map(\.1))
                _ = try session.ask(perturbed(start, toward: targets, model, session.workspace))
                left -= count
            }
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }

    /// Seeds, each with one of another class where a few draws find one.
    private static func pairs(
        _ count: Int, _ labels: [Int], _ generator: inout RandomGenerator
    ) -> [(Int, Int)] {
        (0..<count).map { _ in
            let seed = generator.integer(below: labels.count)
            var target = generator.integer(below: labels.count)
            for _ in 0..<20 where labels[target] == labels[seed] {
                target = generator.integer(below: labels.count)
            }
            return (seed, target)
        }
    }

    /// The moved pictures. **Shapes** all (B, C·H·W).
    func perturbed(
        _ start: Tensor, toward targets: Tensor, _ model: Classifier, _ workspace: Workspace
    ) -> Tensor {
        let own = model.logits(start, workspace: workspace)
        let other = model.logits(targets, workspace: workspace)
        let margin = margin
        var moved = start
        let stride = 2 * epsilon / Float(max(1, steps))
        for _ in 0..<steps {
            let hinge = model.inputGradient(
                moved, .function { Self.hinge($0, own: own, other: other, margin: margin) },
                workspace: workspace)
            for index in 0..<moved.count {
                let (from, now) = (start.values[index], moved.values[index])
                let slope = 2 * (now - from) + weight * hinge.values[index]
                let next = now - (slope > 0 ? stride : slope < 0 ? -stride : 0)
                moved.values[index] = min(1, max(-1, min(from + epsilon, max(from - epsilon, next))))
            }
        }
        return moved
    }

    /// Σ over rows of max(0, ‖φ − other‖² − ‖φ − own‖² + margin), and its slopes by φ.
    static func hinge(
        _ features: Tensor, own: Tensor, other: Tensor, margin: Float
    ) -> (loss: Double, slopes: Tensor) {
        var slopes = Tensor(shape: features.shape)
        var loss = 0.0
        let size = features.rowCount
        for row in 0..<features.rows {
            let range = row * size..<(row + 1) * size
            let gap = range.reduce(Double(margin)) { sum, index in
                let far = Double(features.values[index] - other.values[index])
                let near = Double(features.values[index] - own.values[index])
                return sum + far * far - near * near
            }
            guard gap > 0 else { continue }
            loss += gap
            for index in range { slopes.values[index] = 2 * (own.values[index] - other.values[index]) }
        }
        return (loss, slopes)
    }
}
