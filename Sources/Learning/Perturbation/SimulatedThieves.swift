import SAME
import Tensor

/// Substitutes as thieves would train them of few images and what a victim answers; here the owner's images and the
/// auxiliary model's answers, so that no query of the victim is spent and no weight of it is known.
struct SimulatedThieves {
    /// The substitutes.
    let models: [Classifier]

    /// How many images each of the thieves has, by turns, and for how many epochs it trains on them.
    private static let budgets: [(images: Int, epochs: Int)] = [(200, 40), (400, 20), (1000, 8)]
    /// Those whose gradients a detector learns to see.
    static let training = 0..<6
    /// Those that no detector has met, to choose by what it makes of them.
    static let validating = 6..<8
    /// The most images that one of these thieves trains on.
    static func imagesMax(_ numbers: Range<Int>) -> Int {
        numbers.map { budgets[$0 % budgets.count].images }.max() ?? 0
    }

    /// The least side of an image that Conv3 can take.
    private static let convolutionSideMin = 14

    /// Trains the substitutes of these numbers, or goes on from their checkpoints.
    ///
    /// **Throws** `ArchitectureError` or `TrainingError`.
    init(
        _ numbers: Range<Int>, of auxiliary: Classifier, images: ImageSet, training: [Int], seed: UInt64,
        fingerprint: String,
        run: TrainingRun
    ) throws {
        var models: [Classifier] = []
        for index in numbers {
            let seed = seed &+ UInt64(index) << 32
            var generator = Stream.thiefWeights.generator(seed: seed, at: 0)
            let model = try Classifier(
                Self.architecture(index, auxiliary.architecture), generator: &generator)
            let (budget, epochs) = Self.budgets[index % Self.budgets.count]
            generator = Stream.thiefImages.generator(seed: seed, at: 0)
            let chosen = generator.permutation(training.count).prefix(budget).map { training[$0] }
            let schedule = TrainingSchedule(
                epochs: epochs, batch: 64, learningRate: 0.02, warmupEpochs: Double(epochs) / 4,
                optimizer: .sgd(momentum: 0.9, weightDecay: 5e-4))
            let loop = run.loop(
                phase: "thief-\(index + 1)", module: model, schedule: schedule, imageCount: chosen.count,
                seed: seed, streams: (.thiefOrder, .thiefSteps), fingerprint: fingerprint)
            _ = try loop.run(resume: run.resume) { positions, _ in
                let batch = images.canonical(positions.map { chosen[$0] }, range: .signed)
                let answers = auxiliary.probabilities(batch, workspace: run.workspace)
                return model.lossAndGradients(batch, .probabilities(answers), workspace: run.workspace).loss
            }
            models.append(model)
        }
        self.models = models
    }

    /// Two thirds of each six convolutional in two widths, the others not: their gradients look different.
    private static func architecture(
        _ index: Int, _ auxiliary: ClassifierArchitecture
    ) -> ClassifierArchitecture {
        let (image, classes) = (auxiliary.image, auxiliary.classes)
        let isLarge = min(image.height, image.width) >= convolutionSideMin
        return isLarge && index % 6 < 4
            ? .conv3(image: image, classes: classes, width: index.isMultiple(of: 2) ? 8 : 16)
            : .mlp(image: image, classes: classes, hidden: 128)
    }
}
