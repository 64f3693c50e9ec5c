import Digest
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

    /// A bundle, and the images that its score is calibrated on.
    package struct Made: Sendable {
        package let bundle: ModelBundle
        /// Ascending. The others are compared with and train thieves: they say nothing of what others score.
        package let calibrating: [Int]
    }

    /// The bundle, calibrated on the images: none of them should have trained a network. Where the terms want references,
    /// or a detector thieves that it has not met, some of the images are set aside for those, at most half of them, drawn at
    /// random: files may come class by class. The others calibrate. What `fit` calls `--seed 0` with as many held out as
    /// calibrate here is the same split.
    ///
    /// **Throws** `ImportError`, `DataError`, `ArchitectureError`, `TrainingError`, `CalibrationError` or `PlanError`.
    package func makeBundle(
        images: ImageSet, answers: AnswerSet, terms: [ScoreTerm], combination: Calibration.Combination,
        program: String, run: TrainingRun
    ) throws -> Made {
        precondition(images.count == answers.probabilities.rows)
        try validate(terms, combination, for: images)
        guard answers.classes == classes else {
            throw ImportError.classes(path: source.auxiliary, found: classes, expected: answers.classes)
        }
        let wanted = wanted(terms, combination, of: images.count)
        let (spared, calibrating) = try Self.split(images.count, sparing: wanted.most)
        let references = try FitOptions.References().make(
            images, at: Self.drawn(wanted.described, of: spared, for: 0), by: autoencoder, auxiliary,
            workspace: run.workspace)
        func compare(_ measure: PixelMeasure) -> ReferenceStatistics? {
            guard terms.contains(measure.term), wanted.measured > 1 else { return nil }
            return FitOptions.Statistics().make(
                measure, of: images, at: Self.drawn(wanted.measured, of: spared, for: 1),
                sent: FitOptions.usualTransport, seed: 0)
        }
        let networks = ScoringNetworks(
            autoencoder, auxiliary, detector, references: references, statistics: compare(.statistics),
            frames: compare(.frame), maskedPass: Self.maskedPass(terms))
        let sample = try BenignSample(
            images, at: calibrating, sent: FitOptions.usualTransport, answers: answers, by: networks,
            forVoices: combination == .tailSum, seed: 0, workspace: run.workspace)
        let thieves = try wanted.stolen > 0 ? unmetThieves(images, spared, run) : []
        let voices = try VoiceSimulation(
            networks: networks, thieves: thieves, seed: 0, workspace: run.workspace
        ).voices(
            images, at: calibrating, sample: sample, terms: terms, combination: combination)
        let calibration = try Calibration(
            sample: sample.values, terms: terms, combination: combination, voices: voices,
            rated: sample.rated)
        let provenance = Provenance(
            program: program, imagesDigest: images.digest, imageCount: images.count,
            trainingCount: spared.count, targetsDigest: answers.digest, seed: 0,
            options: ["command": "bundle import"], results: sample.results(calibration))
        return Made(bundle: bundle(networks, images.shape, calibration, provenance), calibrating: calibrating)
    }

    /// Refuses whatever no answers could mend, so that a victim is asked nothing in vain.
    ///
    /// **Throws** `ImportError` or `CalibrationError`.
    package func validate(
        _ terms: [ScoreTerm], _ combination: Calibration.Combination, for images: ImageSet
    ) throws {
        if let defect = Self.maskedPass(terms)?.defect(autoencoder.architecture) {
            throw ImportError.maskedPass(reason: defect)
        }
        let calibrating = images.count - wanted(terms, combination, of: images.count).most
        guard calibrating >= TailFunction.sampleCountMin else {
            throw CalibrationError.tooFewValues(count: calibrating, minimum: TailFunction.sampleCountMin)
        }
    }

    private static func maskedPass(_ terms: [ScoreTerm]) -> MaskedPass? {
        terms.contains(.masked) ? MaskedPass(ratio: FitOptions.maskedRatio) : nil
    }

    private func wanted(
        _ terms: [ScoreTerm], _ combination: Calibration.Combination, of count: Int
    ) -> Wanted {
        Wanted(terms, thieves: detector != nil && combination == .tailSum, of: count)
    }

    private func bundle(
        _ networks: ScoringNetworks, _ image: ImageShape, _ calibration: Calibration, _ provenance: Provenance
    ) -> ModelBundle {
        let (references, statistics, frames) = (networks.references, networks.statistics, networks.frames)
        let manifest = BundleManifest(
            image: image, range: .signed, classes: classes, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, perturbation: detector?.architecture,
            references: references?.shape, statistics: statistics?.shape, frame: frames?.shape,
            maskedPass: networks.maskedPass, calibration: calibration, provenance: provenance)
        return ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector,
            references: references, statistics: statistics, frames: frames)
    }

    // MARK: Images set aside

    /// How many images each purpose takes; the purposes may share them.
    private struct Wanted {
        let described: Int
        let measured: Int
        let stolen: Int
        var most: Int { max(described, measured, stolen) }

        init(_ terms: [ScoreTerm], thieves: Bool, of count: Int) {
            let half = count / 2
            described = terms.contains(.neighbour) ? min(FitOptions.References().count, half) : 0
            let measures = terms.contains(.statistics) || terms.contains(.frame)
            measured = measures ? min(FitOptions.Statistics().count, half) : 0
            stolen = thieves ? min(SimulatedThieves.imagesMax(SimulatedThieves.validating), half) : 0
        }
    }

    /// So many of `count` images, fewer than all, and the others; ascending both.
    private static func split(
        _ count: Int, sparing spared: Int
    ) throws(DataError) -> (spared: [Int], others: [Int]) {
        guard spared > 0 else { return ([], Array(0..<count)) }
        let split = try Split(count: count, holdout: count - spared, seed: 0)
        return (split.training, split.heldOut)
    }

    /// So many of the images set aside, for each purpose others; ascending.
    private static func drawn(_ count: Int, of spared: [Int], for purpose: Int) -> [Int] {
        var generator = Stream.references.generator(seed: 0, at: purpose)
        return generator.permutation(spared.count).prefix(count).sorted().map { spared[$0] }
    }

    /// Thieves that the detector has not met. The auxiliary model itself, whose gradients it learnt to see, would not do: the
    /// detector would be heard for what it knows by heart.
    private func unmetThieves(
        _ images: ImageSet, _ spared: [Int], _ run: TrainingRun
    ) throws -> [Classifier] {
        var hasher = SHA256Hasher()
        hasher.update("\(images.digest) \(spared.count)")
        for (name, tensor) in auxiliary.stateDict.sorted(by: { $0.key < $1.key }) {
            hasher.update("\n\(name) \(tensor.shape)")
            tensor.values.withUnsafeBytes { hasher.update($0) }
        }
        return try SimulatedThieves(
            SimulatedThieves.validating, of: auxiliary, images: images, training: spared, seed: 0,
            fingerprint: hasher.finish().hex, run: run
        ).models
    }
}
