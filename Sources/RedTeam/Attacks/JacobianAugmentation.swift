import SAME
import Tensor

/// JBDA: seeds of the victim's own kind, doubled each round by a step along the sign of the substitute's
/// gradient.
///
/// **Source** Papernot et al. 2017, §4: x′ = clip(x + λ·sign(∂F_ŷ/∂x)), F the substitute, ŷ the victim's
/// class.
package struct JacobianAugmentation: Attack {
    package let seeds: PicturePool
    /// λ. **Units** canonical values: the paper's 0.1 is 0.05 of the distance from black to white.
    package var step: Float = 0.1
    package var rounds = 6
    /// Whether the seeds cost budget. They are recorded either way, marked as seeds.
    package var countsSeeds = false
    /// Where set, only pixels brighter than this move: the step hides in the ink and leaves the background
    /// alone.
    /// **Units** canonical values.
    package var inkAbove: Float?
    /// Where set, queries are re-encoded as JPEG of this quality, which hides the step among the format's own changes.
    /// **Units** libjpeg's quality, 1…100.
    package var jpegQuality: Int?
    package var training = SubstituteTraining()
    /// The name in reports, where several variants stand side by side.
    package var title: String?

    /// An attack that starts from these pictures.
    package init(seeds: PicturePool) { self.seeds = seeds }

    /// The name in reports.
    package var name: String { title ?? (inkAbove == nil ? "jbda" : "jbda-ink") }
    /// What shapes its queries, for reports.
    package var options: [String: String] {
        let own = [
            "seeds": "\(seeds.count)", "step": "\(step)", "rounds": "\(rounds)",
            "counts seeds": "\(countsSeeds)",
            "ink above": inkAbove.map { "\($0)" } ?? "none",
            "jpeg quality": jpegQuality.map { "\($0)" } ?? "none",
        ]
        return training.options.merging(own) { $1 }
    }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try seeds.require(session, attack: name)
        let first = seeds.pictures(at: 0..<seeds.count)
        let replies = try session.ask(first, origin: .seed, counted: countsSeeds)
        var (pictures, labels) = Self.labelled(first, replies)
        guard !labels.isEmpty else {
            throw AttackError.unfit(attack: name, reason: "the victim answered none of its seeds")
        }
        for _ in 0..<rounds where session.remaining > 0 {
            let model = try training.substitute(from: session, attack: name, generator: &generator)
            var stepped = Self.step(
                pictures, labels: labels, by: model, step: step, inkAbove: inkAbove,
                workspace: session.workspace)
            if stepped.rows > session.remaining {
                // The last round does not fit: a random part of it, so that no class is left out.
                let kept = generator.permutation(stepped.rows).prefix(session.remaining)
                stepped = stepped.gathering(rows: kept)
            }
            if let jpegQuality {
                stepped = OtherClient.reencoded(stepped, shape: session.image, quality: jpegQuality)
            }
            let (fresh, found) = Self.labelled(stepped, try session.ask(stepped))
            pictures = Tensor(
                shape: [pictures.rows + fresh.rows, session.image.count],
                values: pictures.values + fresh.values)
            labels += found
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }

    /// The pictures that were answered, with the victim's classes.
    private static func labelled(_ pictures: Tensor, _ replies: [OracleReply]) -> (Tensor, [Int]) {
        let rows = replies.indices.filter { replies[$0].label != nil }
        return (pictures.gathering(rows: rows), rows.compactMap { replies[$0].label })
    }

    /// x + λ·sign(∂F_ŷ/∂x), clipped to the range, where a pixel may move.
    ///
    /// **Shapes** pictures and result (B, C·H·W).
    package static func step(
        _ pictures: Tensor, labels: [Int], by model: Classifier, step: Float, inkAbove: Float? = nil,
        workspace: Workspace
    ) -> Tensor {
        var values: [Float] = []
        values.reserveCapacity(pictures.count)
        for start in stride(from: 0, to: pictures.rows, by: AttackSession.rowsAtOnce) {
            let range = start..<min(start + AttackSession.rowsAtOnce, pictures.rows)
            let batch = pictures.rows(range)
            // The cross entropy falls where the class's probability rises, so its slope has the opposite
            // sign.
            let slopes = model.inputGradient(batch, .labels(Array(labels[range])), workspace: workspace)
            for (value, slope) in zip(batch.values, slopes.values) {
                let sign: Float = slope > 0 ? -1 : slope < 0 ? 1 : 0
                let moves = inkAbove.map { value > $0 } ?? true
                values.append(moves ? min(1, max(-1, value + step * sign)) : value)
            }
        }
        return Tensor(shape: pictures.shape, values: values)
    }
}
