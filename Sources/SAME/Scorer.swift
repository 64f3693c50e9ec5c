import Foundation
import Neural
import Tensor

/// What scoring knows of a query before the victim has answered.
package struct Examination: Hashable, Sendable {
    /// Mean over pixels of (x − x̂)².
    package var reconstructionLoss: Float
    /// Mean square of the image's Laplacian.
    package var roughness: Float
    /// The perturbation detector's logit; nil without one.
    package var perturbation: Float?
    /// A(x̂), one probability a class; empty where the reconstruction alone was enough, and neither the auxiliary model
    /// nor the detector was asked.
    package var auxiliaryProbabilities: [Float]

    /// Whether the reconstruction alone was enough.
    package var isSettled: Bool { auxiliaryProbabilities.isEmpty }

    /// An examination as measured.
    package init(
        reconstructionLoss: Float, roughness: Float, perturbation: Float? = nil,
        auxiliaryProbabilities: [Float]
    ) {
        self.reconstructionLoss = reconstructionLoss
        self.roughness = roughness
        self.perturbation = perturbation
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
    private let autoencoder: MaskedAutoencoder
    private let auxiliary: Classifier
    private let detector: PerturbationDetector?
    private let calibration: Calibration

    /// How many rows pass through the networks at once: bounds the memory of a worker, changes no score.
    package static let rowsAtOnceMax = 32

    /// A scorer of the bundle's models and calibration.
    package init(_ bundle: ModelBundle) {
        manifest = bundle.manifest
        autoencoder = bundle.autoencoder
        auxiliary = bundle.auxiliary
        detector = bundle.detector
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
        return Self.examine(rows, by: autoencoder, auxiliary, detector, workspace: workspace)
    }

    /// The calibrated score of an examined query. Without an answer, or with one that is no distribution over
    /// the classes, the terms that need it are left out and the others are judged by their own calibration.
    ///
    /// Of an examination that the reconstruction settled it is the least that the score can be.
    package func assess(_ examination: Examination, answer: [Float]?) -> AnomalyScore {
        if examination.isSettled,
            let floor = calibration.floor(
                loss: examination.reconstructionLoss, roughness: examination.roughness)
        {
            return floor
        }
        return calibration.score(Self.terms(examination, answer: answer, classes: manifest.classes))
    }

    /// The least that the score of a query with this reconstruction can be; nil where the loss is no number.
    package func floor(loss: Float, roughness: Float) -> AnomalyScore? {
        calibration.floor(loss: loss, roughness: roughness)
    }

    /// The raw score that `percentile` per cent of benign queries stay below.
    package func threshold(percentile: Double) -> Double { calibration.threshold(percentile: percentile) }
}

extension Scorer {
    /// What ``examine(_:workspace:)`` does, with models that have no calibration yet.
    package static func examine(
        _ rows: Tensor, by autoencoder: MaskedAutoencoder, _ auxiliary: Classifier,
        _ detector: PerturbationDetector? = nil, workspace: Workspace
    ) -> [Examination] {
        var examinations: [Examination] = []
        examinations.reserveCapacity(rows.rows)
        for start in stride(from: 0, to: rows.rows, by: rowsAtOnceMax) {
            let part = rows.rows(start..<min(rows.rows, start + rowsAtOnceMax))
            let batch = part.reshaped([part.rows, part.rowCount])
            let reconstruction = autoencoder.reconstruct(batch, workspace: workspace)
            let probabilities = auxiliary.probabilities(reconstruction, workspace: workspace)
            let logits = detector?.logits(batch, reconstruction, workspace: workspace)
            for row in 0..<batch.rows {
                examinations.append(
                    Examination(
                        reconstructionLoss: meanSquare(batch.row(row), reconstruction.row(row)),
                        roughness: roughness(batch.row(row), autoencoder.architecture.image),
                        perturbation: logits?[row],
                        auxiliaryProbabilities: Array(probabilities.row(row))))
            }
        }
        return examinations
    }

    /// The terms of an examined query; those that need an answer are absent when it is missing or no
    /// distribution.
    package static func terms(_ examination: Examination, answer: [Float]?, classes: Int) -> TermValues {
        var values = TermValues(
            reconstruction: examination.reconstructionLoss, roughness: examination.roughness,
            perturbation: examination.perturbation)
        if let victim = answer.flatMap({ distribution($0, classes: classes) }) {
            values.deviation = deviation(victim, examination.auxiliaryProbabilities)
            values.doubt = Float(1 - (victim.max() ?? 0))
        }
        return values
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

    /// KL(V ‖ A) / K in nats, with the auxiliary's probabilities floored at 1e-12 so that it stays finite.
    ///
    /// **Source** the authors' code: the divergence averaged over the K classes.
    package static func deviation(_ victim: [Double], _ auxiliary: [Float]) -> Float {
        var sum = 0.0
        for (v, a) in zip(victim, auxiliary) where v > 0 { sum += v * (log(v) - log(max(Double(a), 1e-12))) }
        return Float(max(0, sum) / Double(max(victim.count, 1)))
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
