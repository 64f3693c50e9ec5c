import ArgumentParser
import Foundation
import Learning
import RedTeam
import SAME
import Tensor

/// The victim and the bundle of an evaluation: given, shipped, or trained for it.
struct EvaluateModelOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The victim: a model of `samegate train-victim` (default: the shipped one for quick, else one is trained).",
            valueName: "directory"))
    var victim: String?
    @Option(
        help: ArgumentHelp(
            "The scorer: a bundle of `samegate fit` (default: the shipped one for quick, else one is fitted).",
            valueName: "directory"))
    var bundle: String?
    @Option(
        help:
            "How a bundle is fitted: tiny, small (half an hour), natural or natural-tiny (hours), or paper (days on two cores)."
    )
    var preset: FitPreset?
    @Option(help: "Passes of the autoencoder through the images, instead of the preset's.")
    var maeEpochs: Int?
    @Option(
        help:
            "The kind of a victim that is trained: \(NetworkKind.list) (default: conv3; resnet18 for table2 and table3, resnet for natural)."
    )
    var victimModel: NetworkKind?
    @Option(
        help:
            "Channels of its first layer (conv3 32, resnet18 and 34 64, resnet 16), or hidden units (mlp 256)."
    )
    var victimWidth: Int?
    @Option(help: "Its passes through the images.")
    var victimEpochs = 12
    @Option(
        help: ArgumentHelp(
            "Values of figure 6 to try instead: epochs of the autoencoder.", valueName: "count,…"))
    var studyEpochs: String?
    @Option(
        help: ArgumentHelp("Values of figure 7 to try instead: embedding sizes.", valueName: "size,…"))
    var studyEmbeddings: String?
    @Option(
        help: ArgumentHelp(
            "Mask ratios that suite ours tries in training instead, in per cent.", valueName: "percent,…"))
    var studyMaskRatios: String?

    func validate() throws {
        guard (1...1000).contains(victimEpochs) else {
            throw ValidationError("--victim-epochs must be from 1 to 1000")
        }
        _ = try (
            victimNetwork(.quick), fitOptions(.quick), numbers(studyEpochs, "study-epochs"),
            numbers(studyEmbeddings, "study-embeddings"), percentages()
        )
    }

    /// What was given and would do nothing: with `suite`, or against a live gateway.
    func idle(_ suite: EvaluateSuite, isLive: Bool) -> [String] {
        let (ships, studied) = (suite == .quick, suite.studied(preset ?? suite.preset).map(\.axis))
        let trains = !isLive && !ships && victim == nil
        let fits = !isLive && (!ships && bundle == nil || !studied.isEmpty)
        func studies(_ axis: String) -> Bool { !isLive && studied.contains(axis) }
        let all = [
            ("--bundle", bundle != nil, !isLive), ("--preset", preset != nil, fits),
            ("--mae-epochs", maeEpochs != nil, fits), ("--victim-model", victimModel != nil, trains || fits),
            ("--victim-width", victimWidth != nil, trains || fits),
            ("--victim-epochs", victimEpochs != 12, trains),
            ("--study-epochs", studyEpochs != nil, studies("epochs")),
            ("--study-embeddings", studyEmbeddings != nil, studies("embedding size")),
            ("--study-mask-ratios", studyMaskRatios != nil, studies("mask ratio in %")),
        ]
        return all.filter { $0.1 && !$0.2 }.map(\.0)
    }

    /// Why what was given is no pair of a victim and the bundle that was fitted to it, or nil.
    func mismatch(_ suite: EvaluateSuite) -> String? {
        if bundle != nil, victim == nil {
            return "--bundle goes with --victim: a bundle is fitted to the answers of one victim"
        }
        if suite == .quick, victim != nil, bundle == nil {
            return
                "--victim goes with --bundle in suite quick: the shipped bundle was fitted to the shipped victim"
        }
        return nil
    }

    private func victimNetwork(_ suite: EvaluateSuite) throws -> FitOptions.AuxiliaryKind {
        try NetworkChoice(kind: victimModel ?? suite.victimModel, width: victimWidth).kind(width: 32)
    }

    /// The options of a bundle that is fitted for a suite.
    func fitOptions(_ suite: EvaluateSuite) throws -> FitOptions {
        var options = FitOptions((preset ?? suite.preset).preset)
        if let maeEpochs { Self.set(epochs: maeEpochs, in: &options) }
        // The paper's auxiliary model has the victim's architecture.
        if options.preset == .paper { options.auxiliary = try victimNetwork(suite) }
        if let problem = options.problems.first { throw ValidationError(problem) }
        return options
    }

    private static func set(epochs: Int, in options: inout FitOptions) {
        options.autoencoder.schedule.epochs = epochs
        let warmup = options.autoencoder.schedule.warmupEpochs
        options.autoencoder.schedule.warmupEpochs = min(warmup, Double(epochs) / 4)
    }

    /// The study of figures 6 and 7, for suites that have one, of bundles that are fitted to so many `images`.
    func study(_ suite: EvaluateSuite, image: ImageShape, images: Int) throws -> TrainingStudy? {
        let asked = [
            "epochs": try numbers(studyEpochs, "study-epochs"),
            "embedding size": try numbers(studyEmbeddings, "study-embeddings"),
            "mask ratio in %": try percentages(),
        ]
        var points: [TrainingStudy.Point] = []
        for (axis, values) in suite.studied(preset ?? suite.preset) {
            for value in (asked[axis] ?? nil) ?? values {
                var options = try fitOptions(suite)
                options.adapt(to: image)
                // The figures are about the autoencoder; a detector each would only take time.
                options.terms.removeAll { $0 == .perturbation }
                options.holdout = min(options.holdout, images / 4)
                switch axis {
                case "epochs": Self.set(epochs: value, in: &options)
                case "embedding size": options.autoencoder.embedding = value
                default: options.autoencoder.maskRatios = [Double(value) / 100]
                }
                if let problem = options.problems.first { throw ValidationError(problem) }
                try options.autoencoderArchitecture(image: image).validate()
                points.append(TrainingStudy.Point(axis: axis, value: Double(value), options: options))
            }
        }
        return points.isEmpty ? nil : TrainingStudy(points: points, program: TrainData.program)
    }

    private func percentages() throws -> [Int]? {
        let values = try numbers(studyMaskRatios, "study-mask-ratios")
        guard values?.allSatisfy({ $0 < 100 }) ?? true else {
            throw ValidationError("--study-mask-ratios takes per cents below 100")
        }
        return values
    }

    private func numbers(_ text: String?, _ name: String) throws -> [Int]? {
        guard let text else { return nil }
        let values = text.split(separator: ",").map { Int($0) ?? 0 }
        guard !values.isEmpty, values.allSatisfy({ (1...100_000).contains($0) }) else {
            throw ValidationError("--\(name) takes numbers such as 10,20,40")
        }
        return values
    }

    /// The victim with its name in the report.
    func loadVictim(
        _ suite: EvaluateSuite, _ data: EvaluateDataOptions.Loaded, _ maker: ModelMaker
    ) throws -> (model: Classifier, name: String) {
        if suite == .quick, victim == nil, !TrainData.isFolder("Config/demo") {
            throw ValidationError(
                "suite quick takes the demonstration's models from Config/demo of the source tree: run it there, or give --victim and --bundle"
            )
        }
        if let path = victim ?? (suite == .quick ? "Config/demo/victim.model" : nil) {
            let directory = try ClassifierDirectory(contentsOf: path)
            let architecture = directory.manifest.architecture
            guard architecture.image == data.test.shape else {
                throw ValidationError("\(path) takes \(architecture.image), the data are \(data.test.shape)")
            }
            guard architecture.classes >= data.testLabels.classes else {
                throw ValidationError(
                    "\(path) knows \(architecture.classes) classes, the data have \(data.testLabels.classes)")
            }
            guard victim != nil || directory.manifest.provenance.imagesDigest == data.own.images.digest else {
                throw ValidationError(
                    "suite quick's own models are made of Fashion-MNIST's pictures: give the --victim and --bundle of other ones"
                )
            }
            return (directory.classifier, path)
        }
        guard let labels = data.own.labels else {
            throw ValidationError("the training pictures have no labels")
        }
        var options = VictimTraining.Options()
        options.kind = try victimNetwork(suite)
        if data.test.shape.channels > 1 { options.augmentation.shift = 4 }
        options.schedule.epochs = victimEpochs
        options.schedule.warmupEpochs = min(options.schedule.warmupEpochs, Double(victimEpochs))
        options.holdout = min(options.holdout, data.own.count / 4)
        let made = try maker.victim(images: data.own.images, labels: labels, options: options)
        return (
            made.classifier,
            "trained here, \((victimModel ?? suite.victimModel).rawValue), \(victimEpochs) epochs"
        )
    }

    /// The bundle with its name in the report.
    func loadBundle(
        _ suite: EvaluateSuite, _ data: EvaluateDataOptions.Loaded, _ victim: Classifier, _ maker: ModelMaker
    ) throws -> (model: ModelBundle, name: String) {
        if let path = bundle ?? (suite == .quick ? "Config/demo/fashion.bundle" : nil) {
            let found = try ModelBundle(contentsOf: path)
            guard found.manifest.image == data.test.shape,
                found.manifest.classes == victim.architecture.classes
            else {
                throw ValidationError("\(path) was not fitted for such a victim")
            }
            return (found, path)
        }
        var options = try fitOptions(suite)
        options.adapt(to: data.test.shape)
        options.holdout = min(options.holdout, data.own.count / 4)
        let made = try maker.bundle(images: data.own.images, victim: victim, options: options)
        let epochs = options.autoencoder.schedule.epochs
        return (made, "fitted here, \((preset ?? suite.preset).rawValue), \(epochs) epochs")
    }
}
