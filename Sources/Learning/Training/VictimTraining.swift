import Digest
import Engine
import Foundation
import Neural
import SAME
import Tensor

/// Trains a classifier on labelled images: the demo's and the red team's victims.
package struct VictimTraining {
    /// Everything that shapes the model, besides images and labels.
    package struct Options: Codable, Hashable, Sendable {
        /// The kind and size of the network.
        package var kind = FitOptions.AuxiliaryKind.conv3(width: 32)
        /// How long and how fast.
        package var schedule = TrainingSchedule(
            epochs: 10, batch: 128, learningRate: 2e-3, warmupEpochs: 0.5,
            optimizer: .adamW(beta1: 0.9, beta2: 0.999, weightDecay: 0.01))
        /// How training images are varied.
        package var augmentation = Augmentation(shift: 1, mirror: true)
        /// Images not trained on: with the seed of `fit` the very ones that it calibrates on, so that the
        /// victim is as unsure of them as of any benign query.
        package var holdout = FitOptions.holdoutMost
        /// Where all chance comes from.
        package var seed: UInt64 = 1

        /// The defaults, which reach 92 % on Fashion-MNIST's test images.
        package init() {}
    }

    private let images: ImageSet
    private let labels: Labels
    private let options: Options
    private let program: String
    private let run: TrainingRun
    private let split: Split

    /// Training of `images` with their `labels`. Traps when they differ in number.
    package init(
        images: ImageSet, labels: Labels, options: Options, program: String, run: TrainingRun
    ) throws(DataError) {
        precondition(images.count == labels.values.count && options.schedule.problems.isEmpty)
        self.images = images
        self.labels = labels
        self.options = options
        self.program = program
        self.run = run
        split = try Split(count: images.count, holdout: options.holdout, seed: options.seed)
    }

    /// Trains, or goes on from the checkpoint; `test` is measured at the end and told in the model's
    /// provenance.
    package func makeModel(test: (images: ImageSet, labels: Labels)?) throws -> ClassifierDirectory {
        var generator = Stream.classifierWeights.generator(seed: options.seed, at: 1)
        let architecture = options.kind.architecture(image: images.shape, classes: labels.classes)
        let model = try Classifier(architecture, generator: &generator)
        let loop = run.loop(
            phase: "classifier", module: model, schedule: options.schedule,
            imageCount: split.training.count, seed: options.seed,
            streams: (.classifierOrder, .classifierSteps), fingerprint: try fingerprint())
        let loss = try loop.run(resume: run.resume) { positions, generator in
            let indices = positions.map { split.training[$0] }
            let batch = options.augmentation.apply(
                images.canonical(indices, range: .signed), shape: images.shape, background: -1,
                generator: &generator)
            let targets = ClassifierObjective.labels(indices.map { labels.values[$0] })
            return model.lossAndGradients(batch, targets, workspace: run.workspace).loss
        }
        var results = ["loss": loss]
        if let test {
            results["test_accuracy"] = Self.accuracy(
                of: model, on: test.images, test.labels, workspace: run.workspace)
        }
        return ClassifierDirectory(
            manifest: .init(architecture: architecture, range: .signed, provenance: try provenance(results)),
            classifier: model)
    }

    /// The share of images whose most probable class is their label.
    package static func accuracy(
        of model: Classifier, on images: ImageSet, _ labels: Labels, workspace: Workspace
    ) -> Double {
        let answers = Self.answers(of: model, to: images, workspace: workspace)
        let right = (0..<images.count).count { index in
            let row = answers.row(index)
            let best = row.indices.max { row[$0] < row[$1] }
            return best.map { $0 - row.startIndex } == labels.values[index]
        }
        return Double(right) / Double(max(images.count, 1))
    }

    /// The model's probabilities for every image. **Shapes** (N, K).
    package static func answers(
        of model: Classifier, to images: ImageSet, workspace: Workspace
    ) -> Tensor {
        let predictor = Predictor(model)
        var values: [Float] = []
        for start in stride(from: 0, to: images.count, by: 256) {
            let batch = images.canonical(start..<min(start + 256, images.count), range: .signed)
            values += predictor.probabilities(batch, workspace: workspace).values
        }
        return Tensor(shape: [images.count, model.architecture.classes], values: values)
    }

    private var labelsDigest: String {
        var hasher = SHA256Hasher()
        hasher.update("\(labels.classes) \(labels.values)")
        return hasher.finish().hex
    }

    private func optionsText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(options), as: UTF8.self)
    }

    private func fingerprint() throws -> String {
        var hasher = SHA256Hasher()
        hasher.update(try optionsText() + images.digest + labelsDigest)
        return hasher.finish().hex
    }

    private func provenance(_ results: [String: Double]) throws -> Provenance {
        Provenance(
            program: program, imagesDigest: images.digest, imageCount: images.count,
            trainingCount: split.training.count, targetsDigest: labelsDigest, seed: options.seed,
            options: ["command": "train-victim", "train": try optionsText()], results: results)
    }
}
