import Foundation
import SAME
import Tensor

/// Everything that is measured of one run's queries against honest ones.
struct RunMeasures {
    let key: EvaluationResult.RunKey
    /// The queries that the attack made, in the order asked.
    let attack: [ScoreBench.Row]
    /// All of the honest test pictures.
    let benign: [ScoreBench.Row]
    let kinds: [ScoreKind]

    /// So many honest queries, or all where there are fewer, drawn by the run's seed.
    func drawn(_ count: Int) -> [ScoreBench.Row] {
        var generator = RandomGenerator(seed: key.seed, stream: 3)
        return generator.permutation(benign.count).prefix(count).map { benign[$0] }
    }

    /// The figures of every score, for `rows` under the name `attack`.
    func cells(_ rows: [ScoreBench.Row], named attack: String) -> [EvaluationResult.Cell] {
        let honest = drawn(rows.count)
        return kinds.compactMap { score in
            DetectionMetrics(attack: rows.values(score), benign: honest.values(score)).map {
                EvaluationResult.Cell(
                    key, attack: attack, score: score, metrics: $0, positives: rows.count,
                    negatives: honest.count)
            }
        }
    }

    var curves: [RunCurve] {
        let honest = drawn(attack.count)
        guard !attack.isEmpty, !honest.isEmpty else { return [] }
        return kinds.map { score in
            let curve = ROC(attack: attack.values(score), benign: honest.values(score))
            let points = curve.points()
            return RunCurve(
                attack: key.attack, budget: key.budget, seed: key.seed, score: score,
                falsePositives: points.falsePositives, truePositives: points.truePositives,
                caught: RunCurve.statedRates.map { curve.truePositiveRate(atFalsePositiveRate: $0) })
        }
    }

    /// The attack's histograms, in the bins that honest queries give.
    var histograms: [RunHistogram] {
        [ScoreKind.ours, .same].map { score in
            Self.histogram(
                attack.surprisesOrScores(score), named: key.attack, budget: key.budget, seed: key.seed, score,
                edges: Self.edges(score, benign.surprisesOrScores(score)))
        }
    }

    /// Half nats for our score, up to where a window cuts; for others forty bins, most of them where honest queries lie.
    static func edges(_ score: ScoreKind, _ honest: [Double]) -> [Double] {
        guard score != .ours else { return (0...40).map { Double($0) / 2 } }
        let sorted = honest.sorted()
        guard let first = sorted.first, let last = sorted.last, last > first else {
            return (0...40).map(Double.init)
        }
        let low = sorted[sorted.count / 200], high = sorted[sorted.count - 1 - sorted.count / 200]
        let width = max(high - low, (last - first) * 1e-3) / 18
        return (0...40).map { low - 2 * width + Double($0) * width }
    }

    static func histogram(
        _ values: [Double], named attack: String, budget: Int, seed: UInt64, _ score: ScoreKind,
        edges: [Double]
    ) -> RunHistogram {
        var counts = [Int](repeating: 0, count: edges.count - 1)
        let width = edges[1] - edges[0]
        for value in values {
            let bin = ((value - edges[0]) / width).rounded(.down)
            counts[Int(min(max(bin.isNaN ? 0 : bin, 0), Double(counts.count - 1)))] += 1
        }
        return RunHistogram(
            attack: attack, budget: budget, seed: seed, score: score, edges: edges,
            shares: counts.map { Double($0) / Double(max(1, values.count)) })
    }

    /// Table 4: the same queries in other proportions, as many of them as there are.
    ///
    /// **Source** the paper's Table 4.
    func ratios(_ shares: [Double]) -> [RatioEntry] {
        var entries: [RatioEntry] = []
        for (index, share) in shares.enumerated() {
            var generator = RandomGenerator(seed: key.seed, stream: 200 + UInt64(index))
            let (bad, good) = Self.counts(attack.count, benign.count, share: share)
            let positives = generator.permutation(attack.count).prefix(bad).map { attack[$0] }
            let negatives = generator.permutation(benign.count).prefix(good).map { benign[$0] }
            for score in kinds {
                guard
                    let metrics = DetectionMetrics(
                        attack: positives.values(score), benign: negatives.values(score))
                else { continue }
                entries.append(
                    RatioEntry(
                        attack: key.attack, budget: key.budget, seed: key.seed, score: score, ratio: share,
                        auroc: metrics.auroc, aupr: metrics.aupr, fpr95: metrics.fpr95, fpr90: metrics.fpr90))
            }
        }
        return entries
    }

    /// The most queries of both kinds of which a share is bad.
    static func counts(_ bad: Int, _ good: Int, share: Double) -> (bad: Int, good: Int) {
        let wanted = Double(good) * share / (1 - share)
        if wanted <= Double(bad) { return (max(1, Int(wanted.rounded())), good) }
        return (bad, max(1, Int((Double(bad) * (1 - share) / share).rounded())))
    }
}

extension [ScoreBench.Row] {
    /// One score of each; what was not measured is as suspicious as can be.
    func values(_ score: ScoreKind) -> [Double] { map { $0.scores[score] ?? .infinity } }

    /// What a histogram shows: our score in nats, others as they are.
    func surprisesOrScores(_ score: ScoreKind) -> [Double] {
        score == .ours ? map(\.surprise) : values(score)
    }
}
