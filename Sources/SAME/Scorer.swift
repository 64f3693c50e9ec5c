import Foundation
import Neural
import Tensor

/// What scoring knows of a query before the victim has answered.
package struct Examination: Hashable, Sendable {
    /// Mean over pixels of (x − x̂)².
    package var reconstructionLoss: Float
    /// Mean square of the image's Laplacian.
    package var roughness: Float
    /// Mean over the pixels of the hidden patches of (x − x̂)²; nil without a masked pass.
    package var maskedLoss: Float?
    /// The distance of plain statistics to benign ones; nil without references of that kind.
    package var statistics: Float?
    /// The distance of the frame to benign ones, likewise.
    package var frame: Float?
    /// The perturbation detector's logit; nil without one.
    package var perturbation: Float?
    /// −ln Σ e^logit of the auxiliary model.
    package var energy: Float?
    /// The distance of the auxiliary model's features to benign ones; nil without references.
    package var neighbour: Float?
    /// A(x̂), one probability a class; empty where the reconstruction and the statistics were enough, and neither the
    /// auxiliary model nor the detector was asked.
    package var auxiliaryProbabilities: [Float]

    /// Whether the reconstruction and the statistics were enough.
    package var isSettled: Bool { auxiliaryProbabilities.isEmpty }

    /// An examination as measured.
    package init(
        reconstructionLoss: Float, roughness: Float, maskedLoss: Float? = nil, statistics: Float? = nil,
        frame: Float? = nil, perturbation: Float? = nil, energy: Float? = nil, neighbour: Float? = nil,
        auxiliaryProbabilities: [Float]
    ) {
        self.reconstructionLoss = reconstructionLoss
        self.roughness = roughness
        self.maskedLoss = maskedLoss
        self.statistics = statistics
        self.frame = frame
        self.perturbation = perturbation
        self.energy = energy
        self.neighbour = neighbour
        self.auxiliaryProbabilities = auxiliaryProbabilities
    }
}

/// Scores queries with a bundle's models: the dear part beside the victim, the cheap join once it has
/// answered.
///
/// Immutable and shared by all workers; each worker brings a workspace of its own.
package final class Scorer: Sendable {
    /// What the bundle says of itself.
    package let manifest: BundleManifest
    private let networks: ScoringNetworks
    private let secret: MaskSecret
    private let calibration: Calibration

    /// How many rows pass through the networks at once: bounds the memory of a worker, changes no score.
    package static let rowsAtOnceMax = 32

    /// A scorer of the bundle's models and calibration. What serves clients brings a secret of its own.
    package init(_ bundle: ModelBundle, secret: MaskSecret = MaskSecret(seed: 0)) {
        manifest = bundle.manifest
        networks = bundle.networks
        self.secret = secret
        calibration = bundle.manifest.calibration
    }

    /// A fresh workspace for one worker thread.
    package static func makeWorkspace() -> Workspace { Workspace(threads: 1) }

    /// Reconstruction loss and auxiliary prediction of each row. A row's result does not depend on the rows
    /// beside it.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1.
    /// **Runs on** a scoring worker; blocks for the whole computation.
    package func examine(_ rows: Tensor, workspace: Workspace) -> [Examination] {
        precondition(rows.rowCount == manifest.image.count, "a row has \(rows.rowCount) values")
        return Self.examine(rows, by: networks, secret: secret, workspace: workspace)
    }

    /// What each row's mask is drawn from, for a plan of the same bundle; empty where nothing is masked.
    package func seeds(_ rows: Tensor) -> [UInt64] {
        networks.maskedPass == nil ? [] : secret.seeds(rows, manifest.image)
    }

    /// The calibrated score of an examined query. The terms that need more than the answer tells are left out, and the
    /// others judged by a calibration of their own.
    ///
    /// Of an examination that the reconstruction settled it is the least that the score can be.
    package func assess(_ examination: Examination, answer: VictimAnswer) -> AnomalyScore {
        if examination.isSettled, let floor = floor(examination) { return floor }
        return calibration.score(Self.terms(examination, answer: answer, classes: manifest.classes))
    }

    /// The least that the score of a query can be of which the reconstruction and the statistics are known; nil where they are
    /// no numbers.
    package func floor(_ begun: Examination) -> AnomalyScore? {
        calibration.floor(
            loss: begun.reconstructionLoss, roughness: begun.roughness, statistics: begun.statistics,
            frame: begun.frame)
    }

    /// The same with an answer that has the probability of every class, or none.
    package func assess(_ examination: Examination, answer: [Float]?) -> AnomalyScore {
        assess(examination, answer: answer.map(VictimAnswer.distribution) ?? .nothing)
    }

    /// The raw score that `percentile` per cent of benign queries stay below.
    package func threshold(percentile: Double) -> Double { calibration.threshold(percentile: percentile) }
}

extension Scorer {
    /// What ``examine(_:workspace:)`` does, with models that have no calibration yet.
    package static func examine(
        _ rows: Tensor, by networks: ScoringNetworks, secret: MaskSecret = MaskSecret(seed: 0),
        workspace: Workspace
    ) -> [Examination] {
        var examinations: [Examination] = []
        examinations.reserveCapacity(rows.rows)
        for start in stride(from: 0, to: rows.rows, by: rowsAtOnceMax) {
            let part = rows.rows(start..<min(rows.rows, start + rowsAtOnceMax))
            let batch = part.reshaped([part.rows, part.rowCount])
            examinations += examineSome(batch, networks, secret, workspace)
        }
        return examinations
    }

    private static func examineSome(
        _ batch: Tensor, _ networks: ScoringNetworks, _ secret: MaskSecret, _ workspace: Workspace
    ) -> [Examination] {
        let reconstruction = networks.autoencoder.reconstruct(batch, workspace: workspace)
        let (logits, features) = networks.auxiliary.describe(reconstruction, workspace: workspace)
        let probabilities = Classifier.probabilities(logits: logits)
        let detected = networks.detector?.logits(batch, reconstruction, workspace: workspace)
        let hidden = maskedLosses(batch, networks, secret, workspace)
        let image = networks.autoencoder.architecture.image
        return (0..<batch.rows).map { row in
            Examination(
                reconstructionLoss: meanSquare(batch.row(row), reconstruction.row(row)),
                roughness: roughness(batch.row(row), image),
                maskedLoss: hidden?[row],
                statistics: networks.statistics?.distance(batch.row(row), image),
                frame: networks.frames?.distance(batch.row(row), image),
                perturbation: detected?[row], energy: energy(logits.row(row)),
                neighbour: networks.references?.distance(features.row(row)),
                auxiliaryProbabilities: Array(probabilities.row(row)))
        }
    }

    /// The loss of each row on the patches that its mask hides; nil without a masked pass.
    private static func maskedLosses(
        _ batch: Tensor, _ networks: ScoringNetworks, _ secret: MaskSecret, _ workspace: Workspace
    ) -> [Float]? {
        guard let pass = networks.maskedPass else { return nil }
        let architecture = networks.autoencoder.architecture
        let visible = secret.seeds(batch, architecture.image).map { pass.visible(architecture, seed: $0) }
        let guesses = networks.autoencoder.reconstruct(batch, visible: visible, workspace: workspace)
        return (0..<batch.rows).map {
            MaskedPass.loss(batch.row($0), guesses.row($0), visible: visible[$0], architecture)
        }
    }

    /// The terms of an examined query; those that need more than the answer tells are absent.
    package static func terms(
        _ examination: Examination, answer: VictimAnswer, classes: Int
    ) -> TermValues {
        var values = TermValues(
            reconstruction: examination.reconstructionLoss, roughness: examination.roughness,
            maskedLoss: examination.maskedLoss, statistics: examination.statistics,
            frame: examination.frame, perturbation: examination.perturbation,
            energy: examination.energy, neighbour: examination.neighbour)
        if let victim = answer.probabilities.flatMap({ distribution($0, classes: classes) }) {
            values.deviation = deviation(victim, examination.auxiliaryProbabilities)
            values.doubt = Float(1 - (victim.max() ?? 0))
        } else if let confidence = answer.confidence, confidence >= 0, confidence < 1.05 {
            values.doubt = max(0, 1 - confidence)
        }
        return values
    }

    /// The same for an answer that has the probability of every class, or none.
    package static func terms(_ examination: Examination, answer: [Float]?, classes: Int) -> TermValues {
        terms(examination, answer: answer.map(VictimAnswer.distribution) ?? .nothing, classes: classes)
    }

    /// −ln Σ e^logit, summed in double precision. **Units** nats.
    package static func energy(_ logits: some Sequence<Float>) -> Float {
        let largest = Double(logits.max() ?? 0)
        guard largest.isFinite else { return .nan }
        return Float(-largest - log(logits.reduce(0.0) { $0 + exp(Double($1) - largest) }))
    }

    /// Mean of (x − x̂)², summed in double precision in the order of the pixels.
    package static func meanSquare(_ image: ArraySlice<Float>, _ reconstruction: ArraySlice<Float>) -> Float {
        var sum = 0.0
        image.withUnsafeBufferPointer { image in
            reconstruction.withUnsafeBufferPointer { reconstruction in
                for index in image.indices {
                    let difference = Double(image[index] - reconstruction[index])
                    sum += difference * difference
                }
            }
        }
        return Float(sum / Double(max(image.count, 1)))
    }

    /// Mean square of the 5-point Laplacian over the pixels that have four neighbours; 0 where there are
    /// none.
    ///
    /// **Shapes** image (C, H, W), canonical values.
    package static func roughness(_ image: ArraySlice<Float>, _ shape: ImageShape) -> Float {
        let (height, width) = (shape.height, shape.width)
        guard height > 2, width > 2 else { return 0 }
        var sum = 0.0
        image.withUnsafeBufferPointer { image in
            for line in 0..<shape.channels * height where (1..<height - 1).contains(line % height) {
                for at in line * width + 1..<(line + 1) * width - 1 {
                    let around = image[at - 1] + image[at + 1] + image[at - width] + image[at + width]
                    let laplacian = Double(4 * image[at] - around)
                    sum += laplacian * laplacian
                }
            }
        }
        return Float(sum / Double(shape.channels * (height - 2) * (width - 2)))
    }

    /// KL(V ‖ A) / K in nats, with the auxiliary's probabilities floored at 1e-12 so that it stays finite. Not a number where
    /// one of them is none.
    ///
    /// **Source** the authors' code: the divergence averaged over the K classes.
    package static func deviation(_ victim: [Double], _ auxiliary: [Float]) -> Float {
        var sum = 0.0
        for (v, a) in zip(victim, auxiliary) where v > 0 { sum += v * (log(v) - log(max(Double(a), 1e-12))) }
        // The larger of 0 and what is no number would be 0.
        return sum.isNaN ? .nan : Float(max(0, sum) / Double(max(victim.count, 1)))
    }

    /// The answer scaled to sum to one, or nil when it is no distribution over so many classes: another
    /// length, a negative or non-finite entry, or a sum that rounding does not explain.
    package static func distribution(_ answer: [Float], classes: Int) -> [Double]? {
        guard answer.count == classes, answer.allSatisfy({ $0.isFinite && $0 >= 0 }) else { return nil }
        let sum = answer.reduce(0.0) { $0 + Double($1) }
        guard abs(sum - 1) < 0.05 else { return nil }
        return answer.map { Double($0) / sum }
    }
}
