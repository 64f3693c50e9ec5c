import ArgumentParser
import Foundation
import Learning
import Neural
import SAME
import Tensor

/// `samegate bench train`: time per step of what `fit` trains.
struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Measure steps of training: gradients and the optimiser's update of one batch.",
        discussion: """
            The networks of a preset for 28x28 grey images, with random weights, on random images that are the same in every \
            run: how fast a step is does not depend on what is learnt. The perturbation detector's reconstructions, which are \
            no part of its step, are made as scoring makes them. Scripts/bench-training does the same in PyTorch.
            """)

    @Option(help: "The preset whose networks are trained.")
    var preset: FitPreset = .small
    @Option(help: "Images in a step (default: the preset's).")
    var batch: Int?
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?
    @Option(
        help: ArgumentHelp("How long each phase is measured, after one step that is not.", valueName: "ms"))
    var milliseconds = 500
    @Flag(help: "Print one JSON object in place of the table.")
    var json = false

    func validate() throws {
        guard (1...65536).contains(batch ?? 1) else {
            throw ValidationError("--batch must be from 1 to 65536")
        }
        guard (1...1024).contains(threads ?? 1) else {
            throw ValidationError("--threads must be from 1 to 1024")
        }
    }

    func run() throws {
        let options = FitOptions(preset.preset)
        let bench = TrainBench(
            options: options, batch: batch ?? options.autoencoder.schedule.batch,
            threads: threads ?? Workspace.processorCount, seconds: Double(max(1, milliseconds)) / 1e3)
        var phases = [("autoencoder", try bench.autoencoder()), ("auxiliary", try bench.auxiliary())]
        if options.detectsPerturbations { phases.append(("perturbation", try bench.perturbation())) }
        if json {
            let fields = phases.map { String(format: "\"%@\":%.4f", $0, 1e3 * $1) }
            return print("{\(fields.joined(separator: ","))}")
        }
        for (name, seconds) in phases {
            let label = name.padding(toLength: 12, withPad: " ", startingAt: 0)
            print(
                label
                    + String(
                        format: "%9.2f ms a step  %8.0f images/s", 1e3 * seconds,
                        Double(bench.batch) / seconds))
        }
    }
}

/// Steps of training on random images.
struct TrainBench {
    let options: FitOptions
    let batch: Int
    let threads: Int
    /// How long a phase is measured.
    let seconds: Double

    private static let image = ImageShape(channels: 1, height: 28, width: 28)
    private static let classes = 10
    private static let learningRate: Float = 1e-4

    /// Seconds a step of the autoencoder, its mask ratios by turns.
    func autoencoder() throws -> Double {
        var generator = RandomGenerator(seed: 1)
        let model = try MaskedAutoencoder(
            options.autoencoderArchitecture(image: Self.image), generator: &generator)
        let (images, ratios) = (images(&generator), options.autoencoder.maskRatios)
        return measure(model, options.autoencoder.schedule, every: ratios.count) { step, workspace in
            _ = model.lossAndGradients(
                images, maskRatio: ratios[step % ratios.count], generator: &generator, workspace: workspace)
        }
    }

    /// Seconds a step of the auxiliary model.
    func auxiliary() throws -> Double {
        var generator = RandomGenerator(seed: 2)
        let model = try Classifier(
            options.auxiliary.architecture(image: Self.image, classes: Self.classes), generator: &generator)
        let images = images(&generator)
        let share = Float(1) / Float(Self.classes)
        let targets = Tensor(
            shape: [batch, Self.classes], values: Array(repeating: share, count: batch * Self.classes))
        return measure(model, options.auxiliarySchedule, every: 1) { _, workspace in
            _ = model.lossAndGradients(images, .squaredProbabilities(targets), workspace: workspace)
        }
    }

    /// Seconds a step of the perturbation detector, half of the images taken for perturbed.
    func perturbation() throws -> Double {
        var generator = RandomGenerator(seed: 3)
        let model = try PerturbationDetector(
            options.detector.architecture(image: Self.image), generator: &generator)
        let (images, painted) = (images(&generator), images(&generator))
        let isPerturbed = (0..<batch).map { $0 >= batch / 2 }
        return measure(model, options.detector.schedule, every: 1) { _, workspace in
            _ = model.lossAndGradients(images, painted, isPerturbed: isPerturbed, workspace: workspace)
        }
    }

    private func images(_ generator: inout RandomGenerator) -> Tensor {
        let values = (0..<batch * Self.image.count).map { _ in generator.uniform(-1..<1) }
        return Tensor(shape: [batch, Self.image.count], values: values)
    }

    /// The mean over whole turns of `every` steps, for at least as long as asked.
    private func measure(
        _ module: any Module, _ schedule: TrainingSchedule, every: Int,
        _ gradients: (_ step: Int, _ workspace: Workspace) -> Void
    ) -> Double {
        let (optimizer, workspace) = (schedule.optimizer.make(module.parameters), Workspace(threads: threads))
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
