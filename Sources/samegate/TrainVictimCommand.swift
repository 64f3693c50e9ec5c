import ArgumentParser
import Foundation
import Learning
import SAME
import Tensor

/// `samegate train-victim`: a classifier from labelled images.
struct TrainVictimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train-victim",
        abstract: "Train a classifier on labelled images, for demonstrations and red-teaming.")

    @Option(help: TrainData.imagesHelp)
    var images: String
    @Option(
        help: "Their labels: an IDX file; not needed for CIFAR's files, nor with one folder per class.")
    var labels: String?
    @Option(help: "Test images, to measure the accuracy on.")
    var testImages: String?
    @Option(help: "Their labels.")
    var testLabels: String?
    @OptionGroup var pictures: ConversionOptions
    @Option(help: ArgumentHelp("The model directory to write.", valueName: "directory"))
    var output: String
    @OptionGroup var replacement: ReplaceOptions
    @OptionGroup(title: "The network") var network: VictimNetworkOptions
    @Option(help: "Passes through the images.")
    var epochs = 10
    @Option(help: "Images in a step.")
    var batch = 128
    @Option(help: "Learning rate after the warm-up.")
    var learningRate = 2e-3
    @Option(help: "adamw, or sgd with momentum 0.9.")
    var optimizer: TrainOptimizer = .adamw
    @Option(help: "Weight decay.")
    var weightDecay: Float = 0.01
    @Option(help: "The most pixels to shift training images by.")
    var shift = 1
    @Flag(inversion: .prefixedNo, help: "Mirror half of the training images.")
    var mirror = true
    @Option(
        help:
            "Images kept from training (default as fit's: 5000, or a quarter where that is less); with fit's seed, those it calibrates on."
    )
    var holdout: Int?
    @Option(help: "Where all chance comes from.")
    var seed: UInt64 = 1
    @OptionGroup var session: TrainSession

    func validate() throws {
        guard weightDecay.isFinite, weightDecay >= 0 else {
            throw ValidationError("--weight-decay must be a number from 0 up")
        }
        if testImages == nil {
            try IdleOptions.refuse(
                [("--test-labels", testLabels != nil)], "without effect without --test-images")
        }
    }

    func run() throws {
        try TrainSession.perform { stop in try train(stop) }
    }

    private func train(_ stop: StopFlag) throws {
        let printer = ProgressPrinter()
        // Whatever can be refused is refused before hours of training.
        let replacing = session.replaces(output, replacement)
        try ClassifierDirectory.refuseOccupied(output, replacing: replacing)
        let conversion = try pictures.checkedConversion(of: images)
        let (images, labels) = try TrainData.labelled(images: images, labels: labels, conversion: conversion)
        let test = try testImages.map { path -> (images: ImageSet, labels: Labels) in
            let read = try TrainData.labelled(
                images: path, labels: testLabels, classes: labels.classes, shape: images.shape,
                conversion: conversion)
            return (read.images, try read.labels.numbered(as: labels, path: path))
        }
        let usual = FitOptions.usualHoldout(of: images.count)
        if holdout == nil, let notice = usual.notice { printer.say(notice) }
        let options = try options(holdout: holdout ?? usual.holdout)
        try options.kind.architecture(image: images.shape, classes: labels.classes).validate()
        let run = try session.makeRun(output: output, stop: stop, printer: printer)
        let training = try VictimTraining(
            images: images, labels: labels, options: options, program: TrainData.program, run: run)
        let made = try training.makeModel(test: test)
        var manifest = made.manifest
        manifest.provenance.options["images"] = pictures.told
        let directory = ClassifierDirectory(manifest: manifest, classifier: made.classifier)
        try directory.write(to: output, replacing: replacing)
        run.discardCheckpoints()
        let results = directory.manifest.provenance.results
        print("model written to \(output)")
        if let accuracy = results["test_accuracy"] {
            print("test accuracy \(String(format: "%.2f", 100 * accuracy)) %")
        }
    }

    private func options(holdout: Int) throws -> VictimTraining.Options {
        var options = VictimTraining.Options()
        options.kind = try network.choice.kind(width: 32)
        options.schedule = TrainingSchedule(
            epochs: epochs, batch: batch, learningRate: learningRate,
            warmupEpochs: optimizer == .adamw ? min(0.5, Double(epochs)) : 0,
            optimizer: optimizer.choice(weightDecay: weightDecay))
        options.augmentation = Augmentation(shift: shift, mirror: mirror)
        options.holdout = holdout
        options.seed = seed
        guard (0...64).contains(shift) else { throw ValidationError("--shift must be from 0 to 64") }
        if let problem = options.schedule.problems.first { throw ValidationError(problem) }
        return options
    }
}

/// The optimisers that can be asked for.
enum TrainOptimizer: String, ExpressibleByArgument {
    case adamw
    case sgd

    /// The optimiser with its usual settings.
    func choice(weightDecay: Float) -> OptimizerChoice {
        switch self {
        case .adamw: .adamW(beta1: 0.9, beta2: 0.999, weightDecay: weightDecay)
        case .sgd: .sgd(momentum: 0.9, weightDecay: weightDecay)
        }
    }
}
