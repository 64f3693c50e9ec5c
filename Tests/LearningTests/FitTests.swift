import Foundation
import Learning
import SAME
import Tensor
import TestSupport
import Testing

@Suite("Fit")
struct FitTests {
    private let images = Synthetic.images(600)

    private func run(
        _ folder: ScratchFolder, resume: Bool = false, stop: StopFlag = StopFlag(), threads: Int = 1,
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) -> TrainingRun {
        TrainingRun(
            workspace: Workspace(threads: threads), checkpoints: folder.file("checkpoint"), resume: resume,
            stop: stop, show: show)
    }

    private func fit(_ run: TrainingRun, _ options: FitOptions = Synthetic.options()) throws -> ModelBundle {
        try run.prepare()
        let fit = try Fit(
            images: images.images, answers: Synthetic.answers(images.images, images.labels), options: options,
            program: "test", run: run)
        return try fit.makeBundle()
    }

    @Test("a fitted bundle tells noise from images and repeats the victim")
    func fits() throws {
        let folder = try ScratchFolder()
        let bundle = try fit(run(folder), Synthetic.options(epochs: 12))
        #expect(bundle.manifest.provenance.results["held_out_agreement"] ?? 0 > 0.95)
        let scorer = Scorer(bundle)
        let workspace = Scorer.makeWorkspace()
        let fresh = Synthetic.images(200, seed: 2)
        let answers = Synthetic.answers(fresh.images, fresh.labels).probabilities
        let benign = scorer.examine(fresh.images.canonical(0..<200, range: .signed), workspace: workspace)
        let flagged = (0..<200).count {
            scorer.assess(benign[$0], answer: Array(answers.row($0))).percentile > 95
        }
        #expect(flagged < 40, "\(flagged) of 200 benign queries lie above p95")
        var generator = RandomGenerator(seed: 3)
        let noise = Tensor(
            shape: [50, 256], values: (0..<50 * 256).map { _ in generator.uniform(-1..<1) })
        for examination in scorer.examine(noise, workspace: workspace) {
            #expect(scorer.assess(examination, answer: nil).percentile > 99)
        }
    }

    @Test("the same seed gives the same bundle to the bit on one thread and on two; another seed another")
    func repeats() throws {
        var options = Synthetic.options()
        let one = try fit(run(try ScratchFolder()), options)
        let two = try fit(run(try ScratchFolder(), threads: 2), options)
        #expect(one.manifest == two.manifest)
        #expect(one.autoencoder.stateDict == two.autoencoder.stateDict)
        #expect(one.auxiliary.stateDict == two.auxiliary.stateDict)
        options.seed = 2
        #expect(try fit(run(try ScratchFolder()), options).autoencoder.stateDict != one.autoencoder.stateDict)
    }

    @Test(
        "interrupted anywhere and resumed, it ends in the same bits as uninterrupted",
        arguments: [("autoencoder", 1), ("autoencoder", 20), ("auxiliary", 1), ("auxiliary", 23)])
    func resumes(phase: String, step: Int) throws {
        let whole = try fit(run(try ScratchFolder()))
        let folder = try ScratchFolder()
        let stop = StopFlag()
        var steps = 0
        let interrupted = run(folder, stop: stop) { progress in
            if progress.phase == phase { steps += 1 }
            if steps == step { stop.raise() }
        }
        let error = #expect(throws: TrainingError.self) { try fit(interrupted) }
        if case .interrupted(phase, _, step)? = error {} else { Issue.record("\(String(describing: error))") }
        let resumed = try fit(run(folder, resume: true))
        #expect(resumed.manifest == whole.manifest)
        #expect(resumed.autoencoder.stateDict == whole.autoencoder.stateDict)
        #expect(resumed.auxiliary.stateDict == whole.auxiliary.stateDict)
    }

    @Test("a checkpoint of other options is refused, and so is starting over one without --resume")
    func otherOptions() throws {
        let folder = try ScratchFolder()
        let stop = StopFlag()
        #expect(throws: TrainingError.self) { try fit(run(folder, stop: stop) { _ in stop.raise() }) }
        var options = Synthetic.options()
        options.autoencoder.schedule.learningRate *= 2
        let other = #expect(throws: TrainingError.self) { try fit(run(folder, resume: true), options) }
        #expect(other?.description.contains("options") == true)
        let anew = #expect(throws: TrainingError.self) { try fit(run(folder)) }
        #expect(anew?.description.contains("--resume") == true)
    }

    @Test(
        "failing before the first answer leaves nothing in the way; answers received are kept"
    )
    func answersKept() throws {
        let folder = try ScratchFolder()
        let begun = run(folder)
        try begun.prepare()
        var journal = try AnswerJournal(begun.journalPath, imagesDigest: "d", victim: "v")
        #expect(throws: Never.self) { try begun.prepare() }
        try journal.append(rows: [0], answers: [[1, 0]])
        #expect(throws: TrainingError.self) { try begun.prepare() }
        #expect(throws: Never.self) { try run(folder, resume: true).prepare() }
    }

    @Test("checkpoints are removed from a folder that holds other things, and those are left alone")
    func sharedFolder() throws {
        let folder = try ScratchFolder()
        let run = run(folder)
        try run.prepare()
        for name in [
            "autoencoder", "auxiliary", "thief-12", "perturbation", "classifier", "weights", "thief-x",
        ] {
            try folder.write([1], to: "checkpoint/\(name).safetensors")
        }
        for name in ["answers.jsonl", "answers.jsonl.before", "photographs.tar"] {
            try folder.write([1], to: "checkpoint/" + name)
        }
        try FileManager.default.createDirectory(
            atPath: folder.file("checkpoint/mine.bundle"), withIntermediateDirectories: true)
        try folder.write([1], to: "checkpoint/mine.bundle/manifest.json")
        run.discardCheckpoints()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.file("checkpoint")).sorted()
                == [
                    "answers.jsonl.before", "mine.bundle", "photographs.tar", "thief-x.safetensors",
                    "weights.safetensors",
                ])
        #expect(try folder.bytes("checkpoint/mine.bundle/manifest.json") == [1])
        // A bundle is no place for them.
        let inBundle = TrainingRun(
            workspace: Workspace(threads: 1), checkpoints: folder.file("checkpoint/mine.bundle"),
            resume: true,
            stop: StopFlag(), show: { _ in })
        #expect(throws: TrainingError.self) { try inBundle.prepare() }
    }

    @Test("the folder goes with the checkpoints where it holds nothing else")
    func ownFolder() throws {
        let folder = try ScratchFolder()
        let run = run(folder)
        try run.prepare()
        try folder.write([1], to: "checkpoint/autoencoder.safetensors")
        run.discardCheckpoints()
        #expect(!FileManager.default.fileExists(atPath: folder.file("checkpoint")))
    }

    @Test("a damaged checkpoint is refused by name")
    func damagedCheckpoint() throws {
        let folder = try ScratchFolder()
        let stop = StopFlag()
        #expect(throws: TrainingError.self) { try fit(run(folder, stop: stop) { _ in stop.raise() }) }
        let bytes = try folder.bytes("checkpoint/autoencoder.safetensors")
        try folder.write(Array(bytes.prefix(bytes.count / 2)), to: "checkpoint/autoencoder.safetensors")
        let error = #expect(throws: TrainingError.self) { try fit(run(folder, resume: true)) }
        #expect(error?.description.contains("autoencoder.safetensors") == true)
    }

    @Test("a loss that is not a number stops with epoch, step and rate, and keeps the last good checkpoint")
    func diverges() throws {
        let folder = try ScratchFolder()
        let stop = StopFlag()
        var options = Synthetic.options()
        options.autoencoder.schedule = TrainingSchedule(
            epochs: 3, batch: 32, learningRate: 10, warmupEpochs: 0,
            optimizer: .sgd(momentum: 0.9, weightDecay: 10))
        #expect(throws: TrainingError.self) {
            try fit(run(folder, stop: stop) { _ in stop.raise() }, options)
        }
        let good = try folder.bytes("checkpoint/autoencoder.safetensors")
        let error = #expect(throws: TrainingError.self) { try fit(run(folder, resume: true), options) }
        guard case .diverged("autoencoder", _, let step, let rate, let kept?)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(step > 0 && rate > 0 && kept == folder.file("checkpoint/autoencoder.safetensors"))
        #expect(try folder.bytes("checkpoint/autoencoder.safetensors") == good)
    }

    @Test("a disk that is full stops training with the system's words and an intact checkpoint")
    func fullDisk() throws {
        let folder = try ScratchFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("checkpoint"), withIntermediateDirectories: false)
        // The temporary file that the checkpoint is first written to is a door to a device that is always
        // full.
        let fresh = folder.file("checkpoint/autoencoder.safetensors.new-\(getpid())")
        try FileManager.default.createSymbolicLink(atPath: fresh, withDestinationPath: "/dev/full")
        let stop = StopFlag()
        let error = #expect(throws: TrainingError.self) {
            try fit(run(folder, resume: true, stop: stop) { _ in stop.raise() })
        }
        #expect(error?.description.contains("No space left on device") == true)
    }

    @Test("reconstructions too many to store give the same auxiliary model")
    func boundedMemory() throws {
        let options = Synthetic.options()
        let stored = try fit(run(try ScratchFolder()), options)
        var frugal = run(try ScratchFolder())
        frugal.reconstructionBytesMax = 1000
        #expect(try fit(frugal, options).auxiliary.stateDict == stored.auxiliary.stateDict)
    }

    @Test("the presets hold what the algorithm's table says")
    func presets() throws {
        let paper = FitOptions(.paper)
        let architecture = paper.autoencoderArchitecture(
            image: ImageShape(channels: 1, height: 28, width: 28))
        #expect(architecture == .paper(image: architecture.image))
        #expect(paper.autoencoder.schedule.epochs == 500 && paper.autoencoder.schedule.warmupEpochs == 50)
        #expect(paper.autoencoder.maskRatios == [0.75] && paper.combination == .paper(alpha: 0.99))
        #expect(paper.auxiliarySchedule.optimizer == .sgd(momentum: 0.9, weightDecay: 5e-4))
        #expect(FitOptions(.small).problems.isEmpty && paper.problems.isEmpty)
    }

    @Test(
        "a preset takes the nearest patch that divides other images, and none where none is near",
        arguments: [
            (FitOptions.Preset.tiny, 32, 8), (.tiny, 28, 7), (.small, 28, 4), (.small, 30, 5),
            (.small, 27, 3),
            (.paper, 27, 3), (.natural, 29, 4),
        ])
    func otherSizes(preset: FitOptions.Preset, side: Int, patch: Int) {
        var options = FitOptions(preset)
        options.adapt(to: ImageShape(channels: 3, height: side, width: side))
        #expect(options.autoencoder.patch == patch)
    }

    @Test("what natural-tiny trains takes less than a tenth of a ResNet-18's operations")
    func naturalTiny() {
        let image = ImageShape(channels: 3, height: 32, width: 32)
        let options = FitOptions(.naturalTiny)
        #expect(options.problems.isEmpty && options.terms == FitOptions(.natural).terms)
        let flops =
            options.autoencoderArchitecture(image: image).flops
            + options.auxiliary.architecture(image: image, classes: 10).flops
            + options.detector.architecture(image: image).flops
        let victim = ClassifierArchitecture.resnet(
            image: image, classes: 10, sizes: .resnet18(stem: .cifar, width: 64))
        #expect(10 * flops < victim.flops)
    }

    @Test("a provenance has the options of what the score is made of, and no others")
    func provenance() throws {
        let text = { (options: FitOptions) in
            String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
        }
        let small = try text(FitOptions(.small)), paper = try text(FitOptions(.paper))
        #expect(
            small.contains("detector") && small.contains("statistics\":{") && !small.contains("references"))
        #expect(!paper.contains("detector") && !paper.contains("choosesVoices"))
        #expect(try text(FitOptions(.natural)).contains("references"))
    }

    @Test("terms of features and of a masked pass get what they need, from training images alone, and repeat")
    func comparisons() throws {
        var options = Synthetic.options()
        options.terms = ScoreTerm.allCases.filter { $0 != .perturbation }
        options.references.count = 50
        options.statistics.count = 60
        let bundle = try fit(run(try ScratchFolder()), options)
        #expect(bundle.manifest.calibration.terms.map(\.term) == options.terms)
        #expect(bundle.references?.shape == .init(count: 50, features: 16, neighbours: 5))
        #expect(bundle.statistics?.shape == .init(count: 60, statistics: 15, neighbours: 3))
        // Frames that are equal are kept as often as they are counted.
        let frames = try #require(bundle.frames?.shape)
        #expect(frames.statistics == 2 && frames.neighbours == 3 && (3...60).contains(frames.count))
        #expect(bundle.manifest.maskedPass?.ratio == FitOptions.maskedRatio)
        let again = try fit(run(try ScratchFolder(), threads: 2), options)
        #expect(again.manifest == bundle.manifest && again.references == bundle.references)
        #expect(again.statistics == bundle.statistics && again.frames == bundle.frames)
        let plain = try fit(run(try ScratchFolder()))
        #expect(plain.references == nil && plain.statistics == nil && plain.frames == nil)
        #expect(plain.manifest.maskedPass == nil)
        #expect(plain.autoencoder.stateDict == bundle.autoencoder.stateDict)
    }

    @Test("the autoencoder's checkpoint serves whatever the victim answers and whatever terms are wanted")
    func beforeTheVictim() throws {
        let whole = try fit(run(try ScratchFolder()))
        let folder = try ScratchFolder()
        let stop = StopFlag()
        let begun = run(folder, stop: stop) { if $0.phase == "auxiliary" { stop.raise() } }
        try begun.prepare()
        var options = Synthetic.options()
        options.terms = [.reconstruction]
        let nothing = AnswerSet(
            probabilities: Tensor(shape: [images.images.count, 2], repeating: 0.5),
            imagesDigest: images.images.digest)
        #expect(throws: TrainingError.self) {
            try Fit(
                images: images.images, answers: nothing, options: options, program: "test", run: begun
            ).makeBundle()
        }
        try FileManager.default.removeItem(atPath: folder.file("checkpoint/auxiliary.safetensors"))
        var phases: Set<String> = []
        let resumed = try fit(run(folder, resume: true) { phases.insert($0.phase) })
        #expect(!phases.contains("autoencoder") && resumed.manifest == whole.manifest)
    }

    @Test("what no answer of the victim could mend is refused before there is any")
    func beforeAnyAnswer() throws {
        var options = Synthetic.options()
        #expect(try Fit.validate(options, for: images.images).heldOut.count == options.holdout)
        options.autoencoder.patch = Synthetic.shape.width
        #expect(throws: Never.self) { try Fit.validate(options, for: images.images) }
        options.terms = [.reconstruction, .masked]
        let masked = #expect(throws: TrainingError.self) { try Fit.validate(options, for: images.images) }
        #expect(masked?.description.contains("1 patches") == true)
        options = Synthetic.options()
        options.holdout = images.images.count - 1
        #expect(throws: DataError.holdoutTooLarge(holdout: 599, images: 600)) {
            try Fit.validate(options, for: images.images)
        }
        options = Synthetic.options()
        options.autoencoder.heads = 3
        #expect(throws: ArchitectureError.self) { try Fit.validate(options, for: images.images) }
    }

    @Test("unless it is said, 5000 images are held out, or a quarter where that is less, which is told")
    func usualHoldout() {
        #expect(FitOptions(.small).holdout == 5000)
        for count in [20_000, 60_000] {
            let usual = FitOptions.usualHoldout(of: count)
            #expect(usual.holdout == 5000 && usual.notice == nil)
        }
        let usual = FitOptions.usualHoldout(of: 600)
        #expect(usual.holdout == 150)
        for word in ["150", "600", "5000", "--holdout"] {
            #expect(usual.notice?.contains(word) == true, "\(usual.notice ?? "")")
        }
        // No fewer than calibrate.
        #expect(FitOptions.usualHoldout(of: 300).holdout == 100)
        var options = Synthetic.options()
        options.holdout = 100
        #expect(options.problems.isEmpty)
    }

    @Test("a hold-out that leaves too little names the option and the most, too few images the least")
    func tooFew() {
        let error = DataError.holdoutTooLarge(holdout: 5000, images: 600)
        #expect(error.description.contains("--holdout may keep at most 598"))
        var options = Synthetic.options()
        options.holdout = 598
        #expect(throws: Never.self) { try Fit.validate(options, for: images.images) }
        options.holdout = 100
        let few = images.images.selecting(0..<101)
        let refused = #expect(throws: DataError.tooFewImages(images: 101, calibrating: 100)) {
            try Fit.validate(options, for: few)
        }
        #expect(refused?.description.contains("at least 102") == true)
        let enough = images.images.selecting(0..<102)
        #expect(throws: Never.self) { try Fit.validate(options, for: enough) }
    }

    @Test("options that make no sense are named")
    func problems() {
        var options = FitOptions(.small)
        options.autoencoder.maskRatios = [1]
        options.autoencoder.schedule.epochs = 0
        options.auxiliarySchedule.learningRate = .nan
        options.holdout = 5
        #expect(options.problems.count == 4 || options.problems.count == 5)
    }

    @Test(
        "what no score can be made of is named before anything is trained",
        arguments: [2.0, -0.1, Double.nan])
    func scoreProblems(alpha: Double) {
        var options = FitOptions(.paper)
        options.combination = .paper(alpha: alpha)
        #expect(options.problems == ["alpha must be a number from 0 to 1"])
        options = FitOptions(.small)
        options.terms = []
        #expect(options.problems == ["a score needs at least one term"])
        // Eq. (6) has its own terms.
        options.combination = .paper(alpha: 1)
        #expect(options.problems.isEmpty)
    }
}
