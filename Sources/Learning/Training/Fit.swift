import Digest
import Foundation
import Neural
import SAME
import Tensor

/// Makes a bundle from images and a victim's answers: autoencoder by Eq. (4), auxiliary model by Eq. (5),
/// calibration on images that trained neither.
package struct Fit {
    /// All images, those held out too.
    package let images: ImageSet
    /// The victim's answer to each.
    package let answers: AnswerSet
    /// What is trained and how.
    package let options: FitOptions
    /// Which images train and which calibrate.
    package let split: Split
    private let base: ModelBundle?
    /// Whether a detector that the base has is made anew.
    private let retrainsDetector: Bool
    private let program: String
    private let run: TrainingRun

    /// A fit of `images` with the victim's `answers`, or one that goes on from a bundle and makes what that lacks. Traps
    /// when they differ in number or the options have problems. A detector that the bundle has is made anew unless
    /// `retrainsDetector` is false.
    ///
    /// **Throws** as ``validate(_:for:from:classes:)``.
    package init(
        images: ImageSet, answers: AnswerSet, options: FitOptions, program: String, run: TrainingRun,
        from base: ModelBundle? = nil, retrainsDetector: Bool = true
    ) throws {
        precondition(images.count == answers.probabilities.rows && options.problems.isEmpty)
        self.images = images
        self.answers = answers
        self.options = options
        self.program = program
        self.run = run
        self.retrainsDetector = retrainsDetector
        self.base = base
        split = try Self.validate(options, for: images, from: base, classes: answers.classes)
    }

    /// Refuses what cannot be fitted, and says which images would train and which calibrate. Without `classes` it is whatever
    /// no answers could mend, so that a victim is asked nothing in vain.
    ///
    /// **Throws** `DataError`, `FitBaseError`, `ArchitectureError` or `TrainingError`.
    @discardableResult
    package static func validate(
        _ options: FitOptions, for images: ImageSet, from base: ModelBundle? = nil, classes: Int? = nil
    ) throws -> Split {
        let least = TailFunction.sampleCountMin
        guard images.count >= least + 2 else {
            throw DataError.tooFewImages(images: images.count, calibrating: least)
        }
        let split = try Split(count: images.count, holdout: options.holdout, seed: options.seed)
        // One picture has no spread that statistics could be measured by.
        guard split.training.count > 1 else {
            throw DataError.holdoutTooLarge(holdout: options.holdout, images: images.count)
        }
        let autoencoder =
            base?.manifest.autoencoder ?? options.autoencoderArchitecture(image: images.shape)
        if let base {
            try FitBase.check(base, images: images, classes: classes, split: split, seed: options.seed)
        } else {
            try autoencoder.validate()
            try options.auxiliary.architecture(image: images.shape, classes: classes ?? 2).validate()
        }
        if options.detectsPerturbations {
            try options.detector.architecture(image: images.shape).validate()
        }
        if let defect = options.maskedPass?.defect(autoencoder) {
            throw TrainingError.impossible(reason: defect)
        }
        return split
    }

    /// Trains, or goes on from the checkpoints, and calibrates.
    ///
    /// **Throws** `ArchitectureError`, `TrainingError`, `CalibrationError` or `PlanError`.
    package func makeBundle() throws -> ModelBundle {
        var results = base?.manifest.provenance.results ?? [:]
        let (autoencoder, auxiliary) = try models(&results)
        let detector = try trainDetector(autoencoder, auxiliary, &results)
        let networks = ScoringNetworks(
            autoencoder, auxiliary, detector, references: try makeReferences(autoencoder, auxiliary),
            statistics: makeStatistics(.statistics), frames: makeStatistics(.frame),
            maskedPass: options.maskedPass)
        let sample = try BenignSample(
            images, at: split.heldOut, sent: options.transport, answers: answers, by: networks,
            forVoices: options.weighsTerms, seed: options.seed, workspace: run.workspace)
        let calibration = try Calibration(
            sample: sample.values, terms: options.terms, combination: options.combination,
            voices: try voices(sample, networks), rated: sample.rated)
        // The base's, of another share of re-encoded pictures.
        results["reencoded_above_p99"] = nil
        results.merge(sample.results(calibration)) { $1 }
        let manifest = BundleManifest(
            image: images.shape, range: .signed, classes: answers.classes,
            autoencoder: autoencoder.architecture, auxiliary: auxiliary.architecture,
            perturbation: detector?.architecture, references: networks.references?.shape,
            statistics: networks.statistics?.shape, frame: networks.frames?.shape,
            maskedPass: networks.maskedPass, calibration: calibration, provenance: try provenance(results))
        return ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector,
            references: networks.references, statistics: networks.statistics, frames: networks.frames)
    }

    /// Features of training images, drawn at random, where the score has a term for them.
    private func makeReferences(
        _ autoencoder: MaskedAutoencoder, _ auxiliary: Classifier
    ) throws -> ReferenceFeatures? {
        guard options.comparesFeatures else { return nil }
        var generator = Stream.references.generator(seed: options.seed, at: 0)
        let chosen = generator.permutation(split.training.count).prefix(options.references.count)
        return try options.references.make(
            images, at: chosen.sorted().map { split.training[$0] }, by: autoencoder, auxiliary,
            workspace: run.workspace)
    }

    /// Statistics or frames of training images, likewise.
    private func makeStatistics(_ measure: PixelMeasure) -> ReferenceStatistics? {
        guard options.compares(measure) else { return nil }
        var generator = Stream.references.generator(seed: options.seed, at: 1)
        let chosen = generator.permutation(split.training.count).prefix(options.statistics.count)
        return options.statistics.make(
            measure, of: images, at: chosen.sorted().map { split.training[$0] }, sent: options.transport,
            seed: options.seed)
    }

    /// The autoencoder and the auxiliary model: the base's, or trained.
    private func models(_ results: inout [String: Double]) throws -> (MaskedAutoencoder, Classifier) {
        if let base { return (base.autoencoder, base.auxiliary) }
        let autoencoder: MaskedAutoencoder, auxiliary: Classifier
        (autoencoder, results["autoencoder_loss"]) = try trainAutoencoder()
        (auxiliary, results["auxiliary_loss"]) = try trainAuxiliary(autoencoder)
        return (autoencoder, auxiliary)
    }

    private var keptDetector: PerturbationDetector? { retrainsDetector ? nil : base?.detector }

    /// The perturbation detector, where the score has a term for it.
    private func trainDetector(
        _ autoencoder: MaskedAutoencoder, _ auxiliary: Classifier, _ results: inout [String: Double]
    ) throws -> PerturbationDetector? {
        guard options.detectsPerturbations else {
            results["perturbation_loss"] = nil
            return nil
        }
        if let keptDetector { return keptDetector }
        let training = DetectorTraining(
            images: images, training: split.training, options: options.detector, seed: options.seed,
            fingerprint: try detectorFingerprint(), run: run)
        let detector: PerturbationDetector
        (detector, results["perturbation_loss"]) = try training.train(autoencoder, auxiliary)
        return detector
    }

    /// What each term counts for, chosen on queries of thieves that no detector has met and of strangers.
    private func voices(
        _ sample: BenignSample, _ networks: ScoringNetworks
    ) throws -> [ScoreTerm: Voice] {
        guard options.weighsTerms else { return [:] }
        var thieves: [Classifier] = []
        if networks.detector != nil {
            thieves =
                try SimulatedThieves(
                    SimulatedThieves.validating, of: networks.auxiliary, images: images,
                    training: split.training, seed: options.seed, fingerprint: try stolenFingerprint(),
                    run: run
                ).models
        }
        return try VoiceSimulation(
            networks: networks, thieves: thieves, seed: options.seed, workspace: run.workspace
        ).voices(
            images, at: split.heldOut, sample: sample, terms: options.terms, combination: options.combination)
    }

    // MARK: Eq. (4)

    private func trainAutoencoder() throws -> (MaskedAutoencoder, Double) {
        var generator = Stream.autoencoderWeights.generator(seed: options.seed, at: 0)
        let model = try MaskedAutoencoder(
            options.autoencoderArchitecture(image: images.shape), generator: &generator)
        let ratios = options.autoencoder.maskRatios
        let loop = run.loop(
            phase: "autoencoder", module: model, schedule: options.autoencoder.schedule,
            imageCount: split.training.count, seed: options.seed,
            streams: (.autoencoderOrder, .autoencoderSteps), fingerprint: try autoencoderFingerprint())
        let loss = try loop.run(resume: run.resume) { positions, generator in
            let batch = images.canonical(positions.map { split.training[$0] }, range: .signed)
            let ratio = ratios[generator.integer(below: ratios.count)]
            return model.lossAndGradients(
                batch, maskRatio: ratio, generator: &generator, workspace: run.workspace)
        }
        return (model, loss)
    }

    // MARK: Eq. (5)

    private func trainAuxiliary(_ autoencoder: MaskedAutoencoder) throws -> (Classifier, Double) {
        let training = AuxiliaryTraining(
            images: images, indices: split.training,
            architecture: options.auxiliary.architecture(image: images.shape, classes: answers.classes),
            schedule: options.auxiliarySchedule, seed: options.seed)
        return try training.train(
            autoencoder, targets: answers.probabilities, fingerprint: try auxiliaryFingerprint(), run: run)
    }

    // MARK: Provenance

    // A phase's fingerprint has what shapes that phase and those before it, nothing else: an autoencoder can be trained
    // before the victim has answered, and a change of the score's terms leaves hours of training usable.

    private func autoencoderFingerprint() throws -> String {
        try Self.fingerprint(
            of: options.autoencoder, ["autoencoder", images.digest, "\(options.seed)", "\(options.holdout)"])
    }

    private func auxiliaryFingerprint() throws -> String {
        let before = try autoencoderFingerprint()
        let kind = try Self.fingerprint(of: options.auxiliary, [])
        return try Self.fingerprint(of: options.auxiliarySchedule, [before, kind, answers.digest])
    }

    /// Of what thieves steal: the auxiliary model, which a bundle that is gone on from brings.
    private func stolenFingerprint() throws -> String {
        let own = try auxiliaryFingerprint()
        guard let base else { return own }
        return try Self.fingerprint(
            of: options.auxiliarySchedule, [own] + base.manifest.files.values.map(\.sha256).sorted())
    }

    private func detectorFingerprint() throws -> String {
        let before =
            try base.map { [images.digest] + $0.manifest.files.values.map(\.sha256).sorted() }
            ?? [auxiliaryFingerprint()]
        return try Self.fingerprint(of: options.detector, before)
    }

    private static func fingerprint(of options: some Encodable, _ parts: [String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hasher = SHA256Hasher()
        hasher.update(Array(try encoder.encode(options)))
        for part in parts { hasher.update("\n" + part) }
        return hasher.finish().hex
    }

    private func provenance(_ results: [String: Double]) throws -> Provenance {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        if let base {
            // What trained the networks that were kept stays said.
            var provenance = base.manifest.provenance
            let detector: FitOptions.Detector? =
                keptDetector == nil ? options.detector : FitOptions.Detector(in: provenance)
            let json = try encoder.encode(FitOptions.Continuing(options: options, detector: detector))
            provenance.program = program
            provenance.options["fit --from"] = String(decoding: json, as: UTF8.self)
            provenance.results = results
            return provenance
        }
        let json = String(decoding: try encoder.encode(options), as: UTF8.self)
        return Provenance(
            program: program, imagesDigest: images.digest, imageCount: images.count,
            trainingCount: split.training.count, targetsDigest: answers.digest, seed: options.seed,
            options: ["command": "fit", "fit": json], results: results)
    }
}
