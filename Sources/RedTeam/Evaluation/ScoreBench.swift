import Dispatch
import Engine
import Foundation
import SAME
import Synchronization
import Tensor

/// The scores that an evaluation compares; the raw value is the name in reports. Larger is always more suspicious.
package enum ScoreKind: String, Codable, CaseIterable, Sendable {
    /// The bundle's own calibrated combination.
    case ours
    /// Eq. (6) with α.
    case same
    /// α = 1: the reconstruction loss.
    case sameX = "same-x"
    /// α = 0: the deviation.
    case sameY = "same-y"
    /// 1 − the victim's largest probability.
    case msp
    /// The energy of the victim's logits, or of its centred log-probabilities where there are no logits.
    case energy
    case pixels
    /// The residual outside the leading principal components.
    case pca
    /// 1 − the largest probability of a model trained with outlier exposure.
    case oe
    /// The disagreement of an ensemble of diverse models.
    case edm

    /// Those that need no training of their own.
    package static let untrained: [ScoreKind] = allCases.filter { $0 != .oe && $0 != .edm }
}

/// Everything an evaluation measures of queries, side by side.
package struct ScoreBench: Sendable {
    private let scorer: Scorer
    /// The bundle's networks as a gateway has them, in 32 bits.
    private let plan: Plan
    private let victim: Predictor
    private let pixels: PixelStatistics
    private let components: PrincipalComponents
    private let alpha: Double
    private let threads: Int
    /// A model trained with outlier exposure, where there is one.
    package var exposed: Classifier?
    /// Diverse models, where there are any.
    package var ensemble: DiverseEnsemble?

    /// The scores that the bench has.
    package var kinds: [ScoreKind] {
        ScoreKind.allCases.filter { ($0 != .oe || exposed != nil) && ($0 != .edm || ensemble != nil) }
    }

    /// The most benign pictures that the trivial scores are made from.
    package static let referenceMax = 2000

    /// A bench for a bundle and its victim; the trivial scores are made from `reference`, benign pictures that are not
    /// measured later.
    package init(
        bundle: ModelBundle, victim: Classifier, reference: Tensor, alpha: Double, components count: Int,
        threads: Int, seed: UInt64
    ) throws(PlanError) {
        var generator = RandomGenerator(seed: seed)
        scorer = Scorer(bundle)
        plan = try Plan(bundle, precision: .f32)
        self.victim = Predictor(victim)
        self.alpha = alpha
        self.threads = max(1, threads)
        pixels = PixelStatistics(benign: reference, image: bundle.manifest.image)
        components = PrincipalComponents(of: reference, count: count, generator: &generator)
    }

    /// What one query scores.
    package struct Row: Sendable, Hashable {
        /// −ln of the share of benign queries that score as high. **Units** nats.
        package var surprise: Double
        package var scores: [ScoreKind: Double]
        /// What the bundle's score is made of, and what else was measured.
        package var terms: TermValues
        /// The auxiliary model's log-probabilities on the reconstruction, their mean taken away: where account windows look
        /// for unusual mixtures.
        package var features: [Double]
    }

    /// The scores of queries with the victim's own answers to them, row by row.
    ///
    /// **Shapes** queries (B, C·H·W). **Runs on** as many threads as the bench has; a row does not depend on the others.
    package func rows(_ queries: Tensor) -> [Row] {
        let size = 64
        let chunks = (queries.rows + size - 1) / size
        let parts = Mutex<[Int: [Row]]>([:])
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, max(1, chunks))) { _ in
            let (workspace, arena) = (Workspace(threads: 1), plan.makeArena())
            while true {
                let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard chunk < chunks else { return }
                let range = chunk * size..<min((chunk + 1) * size, queries.rows)
                let rows = self.rows(queries.rows(range), workspace, arena)
                parts.withLock { $0[chunk] = rows }
            }
        }
        return parts.withLock { parts in (0..<chunks).flatMap { parts[$0] ?? [] } }
    }

    private static func features(_ probabilities: [Float]) -> [Double] {
        let logs = probabilities.map { log(max(Double($0), 1e-6)) }
        let mean = logs.reduce(0, +) / Double(max(1, logs.count))
        return logs.map { $0 - mean }
    }

    private func rows(_ queries: Tensor, _ workspace: Workspace, _ arena: PlanArena) -> [Row] {
        let examined = plan.examine(queries, seeds: scorer.seeds(queries), arena: arena)
        let logits = victim.logits(queries, workspace: workspace)
        let answers = Classifier.probabilities(logits: logits)
        let exposed = exposed?.logits(queries, workspace: workspace)
        let disagreement = ensemble?.disagreement(queries, workspace: workspace)
        return (0..<queries.rows).map { index in
            let answer = Array(answers.row(index))
            let found = scorer.assess(examined[index], answer: answer)
            let (loss, deviation) = (Double(found.values.reconstruction), Double(found.values.deviation ?? 0))
            let picture = queries.row(index)
            var scores: [ScoreKind: Double] = [
                .ours: found.raw, .same: alpha * loss + (1 - alpha) * deviation, .sameX: loss,
                .sameY: deviation, .msp: AnswerScores.maximumSoftmax(logits: logits.row(index)),
                .energy: AnswerScores.energy(logits: logits.row(index)), .pixels: pixels.score(picture),
                .pca: components.residual(picture),
            ]
            scores[.oe] = exposed.map { AnswerScores.maximumSoftmax(logits: $0.row(index)) }
            scores[.edm] = disagreement?[index]
            return Row(
                surprise: found.surprise, scores: scores, terms: found.values,
                features: Self.features(examined[index].auxiliaryProbabilities))
        }
    }
}
