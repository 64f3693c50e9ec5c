import Learning
import Neural
import SAME
import Tensor

/// Steps of training on random images.
struct TrainBench {
    let options: FitOptions
    let image: ImageShape
    let batch: Int
    let threads: Int
    /// How long a phase is measured.
    let seconds: Double

    /// Classes of the auxiliary model.
    private static let classes = 10
    private static let learningRate: Float = 1e-4

    /// All phases of the options, one after the other.
    ///
    /// **Throws** `ArchitectureError`.
    func phases() throws -> [Phase] {
        var phases = [try autoencoder(), try auxiliary()]
        if options.detectsPerturbations { phases.append(try perturbation()) }
        return phases
    }

    /// The autoencoder, its mask ratios by turns.
    private func autoencoder() throws -> Phase {
        var generator = RandomGenerator(seed: 1)
        let architecture = options.autoencoderArchitecture(image: image)
        let model = try MaskedAutoencoder(architecture, generator: &generator)
        let (images, ratios) = (images(&generator), options.autoencoder.maskRatios)
        let optimizer = options.autoencoder.schedule.optimizer
        let seconds = measure(model, optimizer, every: ratios.count) { step, workspace in
            _ = model.lossAndGradients(
                images, maskRatio: ratios[step % ratios.count], generator: &generator, workspace: workspace)
        }
        return Phase(
            name: .autoencoder, seconds: seconds, batch: batch, architecture: architecture,
            optimizer: optimizer,
            maskRatios: ratios)
    }

    /// The auxiliary model.
    private func auxiliary() throws -> Phase {
        var generator = RandomGenerator(seed: 2)
        let architecture = options.auxiliary.architecture(image: image, classes: Self.classes)
        let model = try Classifier(architecture, generator: &generator)
        let images = images(&generator)
        let share = Float(1) / Float(Self.classes)
        let targets = Tensor(
            shape: [batch, Self.classes], values: Array(repeating: share, count: batch * Self.classes))
        let optimizer = options.auxiliarySchedule.optimizer
        let seconds = measure(model, optimizer, every: 1) { _, workspace in
            _ = model.lossAndGradients(images, .squaredProbabilities(targets), workspace: workspace)
        }
        return Phase(
            name: .auxiliary, seconds: seconds, batch: batch, architecture: architecture, optimizer: optimizer
        )
    }

    /// The perturbation detector, half of the images taken for perturbed.
    private func perturbation() throws -> Phase {
        var generator = RandomGenerator(seed: 3)
        let architecture = options.detector.architecture(image: image)
        let model = try PerturbationDetector(architecture, generator: &generator)
        let (images, painted) = (images(&generator), images(&generator))
        let isPerturbed = (0..<batch).map { $0 >= batch / 2 }
        let optimizer = options.detector.schedule.optimizer
        let seconds = measure(model, optimizer, every: 1) { _, workspace in
            _ = model.lossAndGradients(images, painted, isPerturbed: isPerturbed, workspace: workspace)
        }
        return Phase(
            name: .perturbation, seconds: seconds, batch: batch, architecture: architecture,
            optimizer: optimizer)
    }

    private func images(_ generator: inout RandomGenerator) -> Tensor {
        let values = (0..<batch * image.count).map { _ in generator.uniform(-1..<1) }
        return Tensor(shape: [batch, image.count], values: values)
    }

    /// The mean over whole turns of `every` steps, for at least as long as asked.
    private func measure(
        _ module: any Module, _ optimizer: OptimizerChoice, every: Int,
        _ gradients: (_ step: Int, _ workspace: Workspace) -> Void
    ) -> Double {
        let (optimizer, workspace) = (optimizer.make(module.parameters), Workspace(threads: threads))
        func turn() {
            for step in 0..<every {
                module.zeroGradients()
                gradients(step, workspace)
                optimizer.step(learningRate: Self.learningRate, workspace: workspace)
            }
        }
        turn()
        let clock = ContinuousClock()
        let start = clock.now
        var turns = 0
        repeat {
            turn()
            turns += 1
        } while (clock.now - start) / .seconds(1) < seconds
        return (clock.now - start) / .seconds(1) / Double(turns * every)
    }
}

extension TrainBench {
    /// What was measured of one network. Encoded it says what another engine needs to train the same.
    struct Phase: Encodable {
        enum Name: String, Encodable { case autoencoder, auxiliary, perturbation }

        let name: Name
        /// The time of a step. **Units** seconds.
        let seconds: Double
        /// Images in a step.
        let batch: Int
        /// As a bundle's manifest has it.
        let architecture: any Encodable
        let optimizer: OptimizerChoice
        /// Shares of patches hidden, step by step by turns; of the autoencoder alone.
        var maskRatios: [Double]?

        private enum CodingKeys: String, CodingKey {
            case name = "phase"
            case milliseconds, batch, architecture, optimizer, maskRatios
        }

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(name, forKey: .name)
            try values.encode(1e3 * seconds, forKey: .milliseconds)
            try values.encode(batch, forKey: .batch)
            try values.encode(architecture, forKey: .architecture)
            try values.encode(optimizer, forKey: .optimizer)
            try values.encodeIfPresent(maskRatios, forKey: .maskRatios)
        }
    }
}
