import Engine
import Foundation
import SAME
import Tensor

/// What was measured of one query for the trials.
struct TrialRow: Hashable, Sendable {
    /// The mean of (x − x̂)² over the pixels.
    var loss: Double
    /// The class that the victim holds most probable.
    var answered: Int
    /// Every trial that is a measurement of the query alone.
    var measured: [Trial: Double]
}

/// Measures queries for the trials, with a bundle's networks as they are trained: nothing of it is in a plan.
struct TrialBench {
    let bundle: ModelBundle
    let victim: Predictor
    /// An auxiliary model that learnt labels; without one its trial is left out.
    let labelled: Classifier?
    /// Features of honest reconstructions; without them their trial is left out.
    let references: ReferenceFeatures?
    let workspace: Workspace
    private let secret = MaskSecret(seed: 0)
    private static let rowsAtOnce = 128

    init(
        bundle: ModelBundle, victim: Classifier, labelled: Classifier?, references: ReferenceFeatures?,
        workspace: Workspace
    ) {
        self.bundle = bundle
        self.victim = Predictor(victim)
        self.labelled = labelled
        self.references = references
        self.workspace = workspace
    }

    /// The measurements of each query; `step` is told how many are done and may end it by throwing.
    ///
    /// **Shapes** queries (B, C·H·W), canonical values.
    func rows(_ queries: Tensor, step: (Int) throws -> Void) rethrows -> [TrialRow] {
        var rows: [TrialRow] = []
        for start in stride(from: 0, to: queries.rows, by: Self.rowsAtOnce) {
            rows += part(queries.rows(start..<min(start + Self.rowsAtOnce, queries.rows)))
            try step(rows.count)
        }
        return rows
    }

    private func part(_ queries: Tensor) -> [TrialRow] {
        let painted = bundle.autoencoder.reconstruct(queries, workspace: workspace)
        let (logits, features) = bundle.auxiliary.describe(painted, workspace: workspace)
        let own = bundle.auxiliary.probabilities(queries, workspace: workspace)
        let victimLogits = victim.logits(queries, workspace: workspace)
        let taught = labelled?.probabilities(painted, workspace: workspace)
        let answers = Classifier.probabilities(logits: victimLogits)
        let guesses = Classifier.probabilities(logits: logits)
        var rows = (0..<queries.rows).map { row in
            let (v, a) = (Self.doubles(answers.row(row)), Self.doubles(guesses.row(row)))
            let answered = answers.row(row).largest ?? 0
            var found = Self.departures(v, a)
            found[.ownDeviation] = Self.divergence(Self.doubles(own.row(row)), a)
            found[.labelled] = taught.map { Self.divergence(v, Self.doubles($0.row(row))) }
            found[.doubt] = AnswerScores.maximumSoftmax(logits: victimLogits.row(row))
            found[.victimEnergy] = AnswerScores.energy(logits: victimLogits.row(row))
            found[.victimMargin] = Self.margin(Self.doubles(victimLogits.row(row)))
            found[.margin] = Self.margin(Self.doubles(logits.row(row)))
            found[.crossMargin] = Self.margin(Self.doubles(logits.row(row)), of: answered)
            found[.energy] = AnswerScores.energy(logits: logits.row(row))
            found[.neighbour] = references.map { Double($0.distance(features.row(row))) }
            return TrialRow(
                loss: Double(Scorer.meanSquare(queries.row(row), painted.row(row))), answered: answered,
                measured: found)
        }
        addPartial(queries, painted, to: &rows)
        addMasked(queries, to: &rows)
        return rows
    }

    // MARK: Answers

    /// How far A is from V, by every way tried.
    private static func departures(_ v: [Double], _ a: [Double]) -> [Trial: Double] {
        let middle = zip(v, a).map { ($0 + $1) / 2 }
        let tempered = { (power: Double) in divergence(powers(v, power), powers(a, power)) }
        return [
            .deviation: divergence(v, a), .reversed: divergence(a, v),
            .symmetric: (divergence(v, middle) + divergence(a, middle)) / 2,
            .sharpened: tempered(2), .softened: tempered(0.5), .softened4: tempered(0.25),
            .squared: zip(v, a).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) },
        ]
    }

    private static func doubles(_ values: ArraySlice<Float>) -> [Double] { values.map(Double.init) }

    /// KL(p ‖ q) / K in nats, with q floored as ``SAME/Scorer/deviation(_:_:)`` does.
    private static func divergence(_ p: [Double], _ q: [Double]) -> Double {
        let sum = zip(p, q).reduce(0) { sum, pair in
            pair.0 > 0 ? sum + pair.0 * (log(pair.0) - log(max(pair.1, 1e-12))) : sum
        }
        return max(0, sum) / Double(max(1, p.count))
    }

    /// The distribution of a distribution's powers.
    private static func powers(_ p: [Double], _ power: Double) -> [Double] {
        let raised = p.map { pow($0, power) }
        let sum = raised.reduce(0, +)
        return raised.map { $0 / max(sum, .leastNormalMagnitude) }
    }

    /// The second largest logit less the largest.
    private static func margin(_ logits: [Double]) -> Double {
        let sorted = logits.sorted(by: >)
        return sorted.count > 1 ? sorted[1] - sorted[0] : 0
    }

    /// The largest logit of another class, less that of `chosen`.
    private static func margin(_ logits: [Double], of chosen: Int) -> Double {
        let others = logits.indices.filter { $0 != chosen }.map { logits[$0] }
        return (others.max() ?? logits[chosen]) - logits[chosen]
    }

    // MARK: Parts of the reconstruction

    /// The loss on some of the patches alone: those that a mask of as many would hide, though none is hidden.
    private func addPartial(_ queries: Tensor, _ painted: Tensor, to rows: inout [TrialRow]) {
        let architecture = bundle.autoencoder.architecture
        let seeds = secret.seeds(queries, architecture.image)
        for (trial, share) in [(Trial.lossOfQuarter, 0.25), (.lossOfHalf, 0.5)] {
            let part = MaskedPass(ratio: share)
            guard part.defect(architecture) == nil else { continue }
            for row in rows.indices {
                let others = part.visible(architecture, seed: seeds[row])
                rows[row].measured[trial] = Double(
                    MaskedPass.loss(queries.row(row), painted.row(row), visible: others, architecture))
            }
        }
    }

    // MARK: Masks

    /// What reconstructions from a part of the patches say.
    private func addMasked(_ queries: Tensor, to rows: inout [TrialRow]) {
        let architecture = bundle.autoencoder.architecture
        let seeds = secret.seeds(queries, architecture.image)
        for (ratio, masks) in Trial.passes {
            let pass = MaskedPass(ratio: ratio)
            guard pass.defect(architecture) == nil else { continue }
            var guesses: [Tensor] = [], losses: [[Double]] = []
            for mask in 0..<masks {
                let visible = seeds.map { pass.visible(architecture, seed: $0 &+ UInt64(mask)) }
                let painted = bundle.autoencoder.reconstruct(queries, visible: visible, workspace: workspace)
                losses.append(
                    (0..<queries.rows).map {
                        Double(
                            MaskedPass.loss(
                                queries.row($0), painted.row($0), visible: visible[$0], architecture))
                    })
                if mask < Trial.comparedMasks { guesses.append(painted) }
            }
            let single: Trial = ratio < 0.5 ? .hidden25 : ratio > 0.5 ? .hidden75 : .hidden50
            for row in rows.indices { rows[row].measured[single] = losses[0][row] }
            guard masks > 1 else { continue }
            for row in rows.indices {
                rows[row].measured[.hiddenMean] = losses.reduce(0) { $0 + $1[row] } / Double(masks)
            }
            compare(guesses, &rows)
        }
    }

    /// What different masks make of the same query.
    private func compare(_ painted: [Tensor], _ rows: inout [TrialRow]) {
        let answers = painted.map { bundle.auxiliary.probabilities($0, workspace: workspace) }
        let count = Double(painted.count)
        for row in rows.indices {
            let each = answers.map { Self.doubles($0.row(row)) }
            let mean = each[0].indices.map { index in each.reduce(0) { $0 + $1[index] } / count }
            rows[row].measured[.disagreement] = each.reduce(0) { $0 + Self.divergence($1, mean) } / count
            let pictures = painted.map { $0.row(row) }
            var variance = 0.0
            for index in 0..<painted[0].rowCount {
                let values = pictures.map { Double($0[$0.startIndex + index]) }
                let middle = values.reduce(0, +) / count
                variance += values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / count
            }
            rows[row].measured[.unsteadiness] = variance / Double(max(1, painted[0].rowCount))
        }
    }
}
