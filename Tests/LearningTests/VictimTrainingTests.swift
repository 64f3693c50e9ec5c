import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@Suite("Victim training")
struct VictimTrainingTests {
    private func options() -> VictimTraining.Options {
        var options = VictimTraining.Options()
        options.kind = .mlp(hidden: 16)
        options.schedule.epochs = 6
        options.schedule.batch = 32
        options.augmentation = Augmentation(shift: 1, mirror: false)
        options.holdout = 100
        return options
    }

    private func train(
        _ folder: ScratchFolder, resume: Bool = false, stop: StopFlag = StopFlag(),
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> ClassifierDirectory {
        let (images, labels) = Synthetic.images(600)
        let run = TrainingRun(
            workspace: Workspace(threads: 1), checkpoints: folder.file("checkpoint"), resume: resume,
            stop: stop,
            show: show)
        try run.prepare()
        let training = try VictimTraining(
            images: images, labels: labels, options: options(), program: "test", run: run)
        return try training.makeModel(test: Synthetic.images(200, seed: 2))
    }

    @Test("a classifier learns what can be learnt, says how well, and survives its directory to the bit")
    func learns() throws {
        let folder = try ScratchFolder()
        let model = try train(folder)
        #expect(model.manifest.provenance.results["test_accuracy"] ?? 0 > 0.95)
        #expect(model.manifest.provenance.trainingCount == 500)
        try model.write(to: folder.file("m"))
        let loaded = try ClassifierDirectory(contentsOf: folder.file("m"))
        #expect(loaded.classifier.stateDict == model.classifier.stateDict)
        let images = Synthetic.images(40, seed: 3).images
        let workspace = Workspace(threads: 1)
        #expect(
            VictimTraining.answers(of: loaded.classifier, to: images, workspace: workspace)
                == VictimTraining.answers(of: model.classifier, to: images, workspace: workspace))
    }

    @Test("interrupted and resumed, augmentation and all, it ends in the same bits")
    func resumes() throws {
        let whole = try train(try ScratchFolder())
        let folder = try ScratchFolder()
        let stop = StopFlag()
        var steps = 0
        #expect(throws: TrainingError.self) {
            try train(folder, stop: stop) { _ in
                steps += 1
                if steps == 29 { stop.raise() }
            }
        }
        let resumed = try train(folder, resume: true)
        #expect(resumed.classifier.stateDict == whole.classifier.stateDict)
        #expect(resumed.manifest.provenance == whole.manifest.provenance)
    }

    @Test("a damaged model directory is refused by file")
    func damaged() throws {
        let folder = try ScratchFolder()
        try train(folder).write(to: folder.file("m"))
        var weights = try folder.bytes("m/weights.safetensors")
        weights[weights.count - 1] ^= 1
        try folder.write(weights, to: "m/weights.safetensors")
        let error = #expect(throws: BundleError.self) {
            try ClassifierDirectory(contentsOf: folder.file("m"))
        }
        #expect(error?.description.contains("weights.safetensors") == true)
        #expect(throws: BundleError.self) { try ModelBundle(contentsOf: folder.file("m")) }
    }

    @Test("a shift moves pixels and lets background in; a mirror turns lines round; nothing else changes")
    func augmentation() {
        let shape = ImageShape(channels: 2, height: 3, width: 3)
        let batch = Tensor(shape: [1, 18], values: (1...18).map(Float.init))
        var generator = RandomGenerator(seed: 1)
        var seen: Set<[Float]> = []
        for _ in 0..<200 {
            let image = Augmentation(shift: 1, mirror: true)
                .apply(batch, shape: shape, background: 0, generator: &generator).values
            seen.insert(image)
            // The second channel is the first plus nine, wherever that is not background.
            for pixel in 0..<9 { #expect(image[pixel + 9] == (image[pixel] == 0 ? 0 : image[pixel] + 9)) }
        }
        #expect(seen.count == 18, "nine shifts, each mirrored or not")
        #expect(seen.contains(batch.values))
        #expect(seen.contains([3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10, 15, 14, 13, 18, 17, 16]))
        #expect(seen.contains([0, 0, 0, 0, 1, 2, 0, 4, 5, 0, 0, 0, 0, 10, 11, 0, 13, 14]))
        #expect(Augmentation.none.apply(batch, shape: shape, background: 0, generator: &generator) == batch)
    }

    @Test("a line of progress holds phase, epoch, share, loss, rate and time left")
    func progressLine() {
        let progress = TrainingProgress(
            phase: "autoencoder", epoch: 3, epochs: 40, done: 61, total: 100, loss: 0.012345, rate: 5210,
            remaining: .seconds(252))
        #expect(
            progress.line == "autoencoder  epoch 3/40  61 %  loss 0.01234  5210 images/s  ETA 4m12s"
                || progress.line == "autoencoder  epoch 3/40  61 %  loss 0.01235  5210 images/s  ETA 4m12s")
        let asking = TrainingProgress(
            phase: "answers", done: 5, total: 10, rate: 2, remaining: .seconds(7300))
        #expect(asking.line == "answers  50 %  2 images/s  ETA 2h01m")
    }
}
