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
        Calibration.defaultTerms + [.statistics, .frame] + (detector == nil ? [] : [.perturbation])
    }

    /// The number of classes that the answers must have.
    package var classes: Int { auxiliary.architecture.classes }

    /// The bundle, calibrated on the images: none of them should have trained a network. Where the terms want
    /// references, the first images are those, at most half of them, and the others calibrate.
    ///
    /// **Throws** `ImportError`, `CalibrationError` or `PlanError`.
    package func makeBundle(
        images: ImageSet, answers: AnswerSet, terms: [ScoreTerm], combination: Calibration.Combination,
        program: String, workspace: Workspace
    ) throws -> ModelBundle {
        precondition(images.count == answers.probabilities.rows)
        guard answers.classes == classes else {
            throw ImportError.classes(path: source.auxiliary, found: classes, expected: answers.classes)
        }
        let options = FitOptions.References()
        let maskedPass = terms.contains(.masked) ? MaskedPass(ratio: FitOptions.maskedRatio) : nil
        if let defect = maskedPass?.defect(autoencoder.architecture) {
            throw ImportError.maskedPass(reason: defect)
        }
        let described = terms.contains(.neighbour) ? min(options.count, images.count / 2) : 0
        let references = try options.make(
            images, at: Array(0..<described), by: autoencoder, auxiliary, workspace: workspace)
        let measures = terms.contains(.statistics) || terms.contains(.frame)
        let measured = measures ? min(FitOptions.Statistics().count, images.count / 2) : 0
        func compare(_ measure: PixelMeasure) -> ReferenceStatistics? {
            guard terms.contains(measure.term), measured > 1 else { return nil }
            return FitOptions.Statistics().make(
                measure, of: images, at: Array(0..<measured), sent: FitOptions.usualTransport, seed: 0)
        }
        let statistics = compare(.statistics)
        let frames = compare(.frame)
        let spared = max(described, measured)
        let calibrating = Array(spared..<images.count)
        let networks = ScoringNetworks(
            autoencoder, auxiliary, detector, references: references, statistics: statistics, frames: frames,
            maskedPass: maskedPass)
        let sample = try BenignSample(
            images, at: calibrating, sent: FitOptions.usualTransport, answers: answers, by: networks,
            forVoices: combination == .tailSum, seed: 0, workspace: workspace)
        let voices = try VoiceSimulation(
            networks: networks, thieves: [auxiliary], seed: 0, workspace: workspace
        ).voices(
            images, at: calibrating, sample: sample, terms: terms, combination: combination)
        let calibration = try Calibration(
            sample: sample.values, terms: terms, combination: combination, voices: voices,
            rated: sample.rated)
        let provenance = Provenance(
            program: program, imagesDigest: images.digest, imageCount: images.count,
            trainingCount: images.count - calibrating.count,
            targetsDigest: answers.digest, seed: 0, options: ["command": "bundle import"],
            results: sample.results(calibration))
        let manifest = BundleManifest(
            image: images.shape, range: .signed, classes: classes, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, perturbation: detector?.architecture,
            references: references?.shape, statistics: statistics?.shape, frame: frames?.shape,
            maskedPass: maskedPass,
            calibration: calibration,
            provenance: provenance)
        return ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector,
            references: references, statistics: statistics, frames: frames)
    }
}
