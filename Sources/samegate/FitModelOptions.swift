import ArgumentParser
import Learning
import SAME

/// The sizes and schedules of what `fit` trains: a preset, and whatever is said to differ from it.
struct FitModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "tiny, small (half an hour on two cores), natural (photographs in colour: hours), natural-tiny, or paper (the authors' sizes: days)."
        ))
    var preset: FitPreset = .small
    @Option(help: "Passes of the autoencoder through the images.")
    var epochs: Int?
    @Option(help: "Images in a step of the autoencoder.")
    var batch: Int?
    @Option(help: "Learning rate of the autoencoder after the warm-up.")
    var learningRate: Double?
    @Option(
        help: "Side of a patch in pixels (default: the preset's, or the nearest that divides the images).")
    var patch: Int?
    @Option(help: "Values of a token.")
    var embedding: Int?
    @Option(help: "Blocks of the encoder.")
    var encoderDepth: Int?
    @Option(help: "Blocks of the decoder.")
    var decoderDepth: Int?
    @Option(help: "Heads of attention.")
    var heads: Int?
    @Option(
        help: ArgumentHelp(
            "Shares of patches to hide in training, one drawn each step.", valueName: "ratio,…"))
    var maskRatios: String?
    @OptionGroup var network: AuxiliaryNetworkOptions
    @Option(help: "Passes of the auxiliary model through the images.")
    var auxiliaryEpochs: Int?
    @Option(help: "Learning rate of the auxiliary model.")
    var auxiliaryLearningRate: Double?
    @Option(
        help:
            "Images kept from training to calibrate on (default: 5000, or a quarter of the images where that is less)."
    )
    var holdout: Int?
    @Option(
        help: ArgumentHelp(
            "Share of pictures that honest clients send re-encoded, as JPEG or resized (default: 0.125). With fewer the score is sharper.",
            valueName: "0…1"))
    var reencodedShare: Double?
    @Option(
        help: ArgumentHelp(
            "Terms of the score: \(ScoreTerm.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "term,…"
        ))
    var terms: String?
    @Option(
        help:
            "Steps of training of the detector of small perturbations (default: the preset's, 24000 for small; 0 leaves it out)."
    )
    var perturbationSteps: Int?
    @Option(help: "Channels of the detector's first convolutions (default: the preset's, 8 for small).")
    var perturbationWidth: Int?
    @Option(
        help: ArgumentHelp(
            "Combine by Eq. (6) with this alpha instead of the tail-sum: without --terms, --plain-sum and --perturbation-….",
            valueName: "0…1"))
    var alpha: Double?
    @Flag(
        name: .customLong("plain-sum"),
        help: "Let every nat of every term count for one, instead of choosing weights on simulated queries.")
    var plainSum = false
    @Option(help: "Where all chance comes from.")
    var seed: UInt64 = 1

    func validate() throws { _ = try options() }

    /// The preset's options with the changes; of a base the networks, which no change may concern.
    func options(from base: ModelBundle? = nil) throws -> FitOptions {
        var options = FitOptions(preset.preset)
        if let base { options.takeNetworks(of: base.manifest) }
        let unchanged = options
        options.seed = seed
        changeAutoencoder(&options.autoencoder)
        if let maskRatios { options.autoencoder.maskRatios = try Self.ratios(maskRatios) }
        options.auxiliary = try network.kind(changing: options.auxiliary)
        if let auxiliaryEpochs {
            options.auxiliarySchedule.epochs = auxiliaryEpochs
            let warmup = options.auxiliarySchedule.warmupEpochs
            options.auxiliarySchedule.warmupEpochs = min(warmup, Double(auxiliaryEpochs) / 4)
        }
        if let auxiliaryLearningRate { options.auxiliarySchedule.learningRate = auxiliaryLearningRate }
        if let holdout { options.holdout = holdout }
        if let reencodedShare { options.reencodedShare = reencodedShare }
        if let terms { options.terms = try ScoreTerm.list(terms) }
        options.choosesVoices = !plainSum
        if let alpha { options.combination = .paper(alpha: alpha) }
        try options.combination.refuseIdle([
            ("--terms", terms != nil), ("--plain-sum", plainSum),
            ("--perturbation-steps", perturbationSteps != nil),
            ("--perturbation-width", perturbationWidth != nil),
        ])
        try refuseIdleDetector(options.terms)
        if let perturbationWidth { options.detector.width = perturbationWidth }
        if let perturbationSteps { try changeDetector(&options, steps: perturbationSteps) }
        if base != nil { try refuseChanges(of: unchanged, in: options) }
        if let problem = options.problems.first { throw ValidationError(problem) }
        return options
    }

    /// Refuses options of a detector that is not trained.
    private func refuseIdleDetector(_ asked: [ScoreTerm]) throws {
        if perturbationSteps == 0 {
            try IdleOptions.refuse(
                [("--perturbation-width", perturbationWidth != nil)],
                "without effect with --perturbation-steps 0")
        }
        guard terms != nil, !asked.contains(.perturbation) else { return }
        try IdleOptions.refuse(
            [
                ("--perturbation-steps", (perturbationSteps ?? 0) > 0),
                ("--perturbation-width", perturbationWidth != nil),
            ], "without effect on --terms without perturbation")
    }

    /// Refuses options that would have a base's networks other than they are.
    private func refuseChanges(of base: FitOptions, in options: FitOptions) throws {
        try IdleOptions.refuse(
            [
                ("--epochs", epochs != nil), ("--batch", batch != nil),
                ("--learning-rate", learningRate != nil), ("--mask-ratios", maskRatios != nil),
                ("--auxiliary-epochs", auxiliaryEpochs != nil),
                ("--auxiliary-learning-rate", auxiliaryLearningRate != nil),
            ], "without effect with --from, whose networks are trained")
        let sizes = base.autoencoder
        guard options.autoencoder == sizes else {
            throw ValidationError(
                "the autoencoder of --from stays as it is: --patch \(sizes.patch) --embedding \(sizes.embedding) "
                    + "--encoder-depth \(sizes.encoderDepth) --decoder-depth \(sizes.decoderDepth) --heads \(sizes.heads)"
            )
        }
        guard options.auxiliary == base.auxiliary else {
            throw ValidationError("the auxiliary model of --from is another one, and stays as it is")
        }
    }

    private func changeAutoencoder(_ autoencoder: inout FitOptions.Autoencoder) {
        if let epochs {
            autoencoder.schedule.epochs = epochs
            autoencoder.schedule.warmupEpochs = min(autoencoder.schedule.warmupEpochs, Double(epochs) / 4)
        }
        if let batch { autoencoder.schedule.batch = batch }
        if let learningRate { autoencoder.schedule.learningRate = learningRate }
        if let patch { autoencoder.patch = patch }
        if let embedding { autoencoder.embedding = embedding }
        if let encoderDepth { autoencoder.encoderDepth = encoderDepth }
        if let decoderDepth { autoencoder.decoderDepth = decoderDepth }
        if let heads { autoencoder.heads = heads }
    }

    private func changeDetector(_ options: inout FitOptions, steps: Int) throws {
        guard steps == 0 else {
            options.detector.steps = steps
            return
        }
        if terms != nil, options.terms.contains(.perturbation) {
            throw ValidationError("--terms has perturbation, which --perturbation-steps 0 leaves out")
        }
        options.terms.removeAll { $0 == .perturbation }
    }

    private static func ratios(_ text: String) throws -> [Double] {
        let ratios = text.split(separator: ",").map { Double($0) }
        guard !ratios.isEmpty, !ratios.contains(nil) else {
            throw ValidationError("--mask-ratios takes numbers such as 0.75,0.5,0.25")
        }
        return ratios.compactMap { $0 }
    }
}

extension Calibration.Combination {
    /// Refuses options that say of what a tail-sum is made, where Eq. (6) is asked for.
    func refuseIdle(_ options: [(name: String, isGiven: Bool)]) throws {
        guard self != .tailSum else { return }
        try IdleOptions.refuse(options, "without effect on Eq. (6), which has terms of its own")
    }

    /// Those of the terms that need no more than a label of the victim.
    func answerless(_ terms: [ScoreTerm]) throws -> [ScoreTerm] {
        guard self == .tailSum else {
            throw ValidationError("Eq. (6) compares with the victim's probabilities; labels have none")
        }
        let answerless = terms.filter { !$0.needsAnswer }
        guard !answerless.isEmpty else {
            throw ValidationError("every one of --terms compares with more than the victim's labels")
        }
        return answerless
    }
}

extension ScoreTerm {
    /// The terms of a list with commas.
    static func list(_ text: String) throws -> [ScoreTerm] {
        try text.split(separator: ",").map { name in
            guard let term = ScoreTerm(rawValue: String(name)) else {
                let known = ScoreTerm.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("“\(name)” is not a term; there are \(known)")
            }
            return term
        }
    }
}

/// The presets that can be asked for.
enum FitPreset: String, ExpressibleByArgument {
    case tiny, small, natural, paper
    case naturalTiny = "natural-tiny"

    /// The preset of the options.
    var preset: FitOptions.Preset {
        switch self {
        case .tiny: .tiny
        case .small: .small
        case .natural: .natural
        case .naturalTiny: .naturalTiny
        case .paper: .paper
        }
    }
}
