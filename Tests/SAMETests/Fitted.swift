import Foundation
import SAME
import Tensor

/// A small untrained bundle, calibrated on made-up terms, for tests that need one.
enum Fitted {
    static let image = ImageShape(channels: 1, height: 16, width: 16)

    /// `compares` adds what the terms `masked`, `neighbour`, `statistics` and `frame` need.
    static func bundle(
        seed: UInt64 = 1, detects: Bool = false, compares: Bool = false
    ) throws -> ModelBundle {
        var generator = RandomGenerator(seed: seed)
        let autoencoder = try MaskedAutoencoder(
            MaskedAutoencoderArchitecture(
                image: image, patch: 4, embedding: 16, encoderDepth: 1, encoderHeads: 2, decoderDepth: 1,
                decoderHeads: 2), generator: &generator)
        let auxiliary = try Classifier(.mlp(image: image, classes: 3, hidden: 8), generator: &generator)
        let detector =
            detects
            ? try PerturbationDetector(
                PerturbationDetectorArchitecture(image: image, width: 5), generator: &generator) : nil
        let calibration = try Calibration(
            sample: CalibrationTests.benign(400, seed: 9),
            terms: Calibration.defaultTerms + (detects ? [.perturbation] : [])
                + (compares ? [.masked, .statistics, .frame, .energy, .neighbour, .doubt] : []))
        let features = auxiliary.describe(images(20, seed: 8), workspace: Workspace()).features
        let references = compares ? ReferenceFeatures(features, neighbours: 2) : nil
        let statistics =
            compares ? ReferenceStatistics(images(30, seed: 7), .statistics, of: image, neighbours: 3) : nil
        let frames =
            compares ? ReferenceStatistics(images(30, seed: 7), .frame, of: image, neighbours: 1) : nil
        let maskedPass = compares ? MaskedPass(ratio: 0.5) : nil
        let provenance = Provenance(
            program: "test", imagesDigest: "", imageCount: 0, trainingCount: 0, targetsDigest: "", seed: seed,
            options: [:], results: [:])
        let manifest = BundleManifest(
            image: image, range: .signed, classes: 3, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, perturbation: detector?.architecture,
            references: references?.shape, statistics: statistics?.shape, frame: frames?.shape,
            maskedPass: maskedPass,
            calibration: calibration,
            provenance: provenance)
        return ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector,
            references: references, statistics: statistics, frames: frames)
    }

    static func images(_ count: Int, seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        let values = (0..<count * image.count).map { _ in generator.uniform(-1..<1) }
        return Tensor(shape: [count, image.count], values: values)
    }
}
