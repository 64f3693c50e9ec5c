import Neural
import SAME
import Tensor

/// Makes a bundle of networks trained elsewhere: calibrates them on benign images and the victim's answers, as `Fit` does
/// with its own.
package struct BundleImport {
    /// The weights, and what their shapes do not tell.
    package struct Source: Sendable {
        /// State dicts as safetensors.
        package var autoencoder: String
        package var auxiliary: String
        /// A perturbation detector, where there is one.
        package var detector: String?
        /// Attention heads, where the files' metadata do not say.
        package var autoencoderHeads: (encoder: Int, decoder: Int)?
        package var auxiliaryHeads: Int?

        package init(
            autoencoder: String, auxiliary: String, detector: String? = nil,
            autoencoderHeads: (encoder: Int, decoder: Int)? = nil, auxiliaryHeads: Int? = nil
        ) {
            self.autoencoder = autoencoder
            self.auxiliary = auxiliary
            self.detector = detector
            self.autoencoderHeads = autoencoderHeads
            self.auxiliaryHeads = auxiliaryHeads
        }
    }

    private let autoencoder: MaskedAutoencoder
    private let auxiliary: Classifier
    private let detector: PerturbationDetector?
    private let source: Source

    /// Reads the networks for images of a shape.
    package init(_ source: Source, image: ImageShape) throws(ImportError) {
        self.source = source
        autoencoder = try ForeignWeights(contentsOf: source.autoencoder)
            .autoencoder(image: image, heads: source.autoencoderHeads)
        auxiliary = try ForeignWeights(contentsOf: source.auxiliary)
            .classifier(image: image, heads: source.auxiliaryHeads)
        if let path = source.detector {
            detector = try ForeignWeights(contentsOf: path).detector(image: image)
        } else {
            detector = nil
        }
    }

    /// The terms of a score that is told nothing else: with the detector's where there is one.
    package var defaultTerms: [ScoreTerm] {
        Calibration.defaultTerms + (detector == nil ? [] : [.perturbation])
    }

    /// The number of classes that the answers must have.
    package var classes: Int { auxiliary.architecture.classes }

    /// The bundle, calibrated on all of the images: none of them should have trained a network.
    ///
    /// **Throws** `ImportError` or `CalibrationError`.
    package func makeBundle(
        images: ImageSet, answers: AnswerSet, terms: [ScoreTerm], combination: Calibration.Combination,
        program: String, workspace: Workspace
    ) throws -> ModelBundle {
        precondition(images.count == answers.probabilities.rows)
        guard answers.classes == classes else {
            throw ImportError.classes(path: source.auxiliary, found: classes, expected: answers.classes)
        }
        let sample = BenignSample(
            images, at: Array(0..<images.count), answers: answers, by: autoencoder, auxiliary, detector,
            seed: 0,
            workspace: workspace)
        let voices = try VoiceSimulation(
            autoencoder: autoencoder, auxiliary: auxiliary, detector: detector, thieves: [auxiliary], seed: 0,
            workspace: workspace
        ).voices(
            images, at: Array(0..<images.count), sample: sample.values, terms: terms, combination: combination
        )
        let calibration = try Calibration(
            sample: sample.values, terms: terms, combination: combination, voices: voices)
        let provenance = Provenance(
            program: program, imagesDigest: images.digest, imageCount: images.count, trainingCount: 0,
            targetsDigest: answers.digest, seed: 0, options: ["command": "bundle import"],
            results: ["held_out_agreement": sample.agreement])
        let manifest = BundleManifest(
            image: images.shape, range: .signed, classes: classes, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, perturbation: detector?.architecture, calibration: calibration,
            provenance: provenance)
        return ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector)
    }
}
