import Foundation
import SAME
import Tensor
import TestSupport
import Testing

@testable import Learning

@Suite("Simulated thieves and the perturbation detector")
struct PerturbationTests {
    private let data = Synthetic.images(600)

    private func run(
        _ folder: ScratchFolder, resume: Bool = false, stop: StopFlag = StopFlag(), threads: Int = 1,
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) -> TrainingRun {
        TrainingRun(
            workspace: Workspace(threads: threads), checkpoints: folder.file("checkpoint"), resume: resume,
            stop: stop, show: show)
    }

    private func fit(
        _ run: TrainingRun, steps: Int, seed: UInt64 = 1, from base: ModelBundle? = nil
    ) throws -> ModelBundle {
        try run.prepare()
        var options = Synthetic.options(detectorSteps: steps)
        options.seed = seed
        let fit = try Fit(
            images: data.images, answers: Synthetic.answers(data.images, data.labels), options: options,
            program: "test", run: run, from: base)
        return try fit.makeBundle()
    }

    private func classifier(_ image: ImageShape) throws -> Classifier {
        var generator = RandomGenerator(seed: 2)
        return try Classifier(.mlp(image: image, classes: 4, hidden: 64), generator: &generator)
    }

    @Test(
        "a perturbed image is another, within the range and within as many of the largest steps as are taken",
        arguments: [Synthetic.shape, ImageShape(channels: 3, height: 9, width: 12)])
    func bounded(shape: ImageShape) throws {
        let attack = SimulatedPerturbation(
            image: shape, thieves: [try classifier(shape)], workspace: Workspace())
        var generator = RandomGenerator(seed: 3)
        let images = Tensor(
            shape: [200, shape.count], values: (0..<200 * shape.count).map { _ in generator.uniform(-1..<1) })
        var again = generator
        let changed = attack.apply(images, generator: &generator)
        #expect(changed == attack.apply(images, generator: &again))
        #expect(changed.values.allSatisfy { abs($0) <= 1 })
        for row in 0..<200 {
            let moved = zip(images.row(row), changed.row(row)).map { abs($0 - $1) }
            // A rectangle or a sprinkling may be small, never nothing.
            #expect(moved.contains { $0 > 0.001 })
            #expect(moved.allSatisfy { $0 <= Float(SimulatedPerturbation.stepsMax) * 3 * 0.3 + 1e-5 })
        }
        // Over all draws some steps are small and some large, and some leave pixels alone.
        let steps = (0..<200).map { row in
            zip(images.row(row), changed.row(row)).map { abs($0 - $1) }.max() ?? 0
        }
        #expect(steps.contains { $0 < 0.06 } && steps.contains { $0 > 0.25 })
        let untouched = (0..<200).count { row in
            zip(images.row(row), changed.row(row)).count { $0 == $1 } > shape.count / 4
        }
        #expect((20..<150).contains(untouched), "\(untouched) steps of 200 are confined")
    }

    @Test("steps confined to bright pixels leave the darkest alone, however many they are")
    func bright() throws {
        let shape = Synthetic.shape
        let attack = SimulatedPerturbation(
            image: shape, thieves: [try classifier(shape)], workspace: Workspace(), confinement: .bright)
        var generator = RandomGenerator(seed: 6)
        let images = Tensor(
            shape: [60, shape.count], values: (0..<60 * shape.count).map { _ in generator.uniform(-1..<1) })
        let changed = attack.apply(images, generator: &generator)
        for (before, after) in zip(images.values, changed.values) where before <= -0.95 {
            #expect(before == after)
        }
        #expect(changed != images)
    }

    @Test("transport leaves 8-bit values, re-encodes the share it says, and draws by the generator alone")
    func transport() {
        let shape = ImageShape(channels: 3, height: 16, width: 20)
        var generator = RandomGenerator(seed: 4)
        let images = Tensor(
            shape: [400, shape.count], values: (0..<400 * shape.count).map { Float($0 % 97) / 48.5 - 1 })
        var again = generator
        let transport = SimulatedTransport(jpegShare: 0.3, resizeShare: 0.2)
        let carried = transport.carry(images, shape: shape, generator: &generator)
        #expect(carried == transport.carry(images, shape: shape, generator: &again))
        let table = Set(PixelRange.signed.table)
        #expect(carried.values.allSatisfy(table.contains))
        let changed = (0..<400).count { row in
            zip(images.row(row), carried.row(row)).contains { abs($0 - $1) > 0.5 / 127 }
        }
        #expect((160..<240).contains(changed), "\(changed) of 400 were re-encoded")
        let none = SimulatedTransport(jpegShare: 0, resizeShare: 0)
        let rounded = none.carry(images, shape: shape, generator: &generator)
        #expect(zip(images.values, rounded.values).allSatisfy { abs($0 - $1) < 0.5 / 127 })
        // Two channels are no picture file: they are rounded and go as they are.
        let odd = ImageShape(channels: 2, height: 4, width: 4)
        let two = Tensor(shape: [1, 32], repeating: 0.3)
        #expect(
            SimulatedTransport(jpegShare: 1, resizeShare: 0).carry(two, shape: odd, generator: &generator)
                .values.allSatisfy { abs($0 - 0.3) < 0.5 / 127 })
    }

    @Test("a detector that was trained tells signed steps from images it has not seen")
    func learns() throws {
        let folder = try ScratchFolder()
        let bundle = try fit(run(folder), steps: 200)
        #expect(bundle.manifest.calibration.terms.map(\.term).contains(.perturbation))
        let fresh = Synthetic.images(200, seed: 2).images.canonical(0..<200, range: .signed)
        var generator = RandomGenerator(seed: 5)
        var stepped = fresh
        for index in stepped.values.indices {
            stepped.values[index] += generator.integer(below: 2) == 0 ? -0.25 : 0.25
            stepped.values[index] = min(1, max(-1, stepped.values[index]))
        }
        let scorer = Scorer(bundle)
        let workspace = Scorer.makeWorkspace()
        let benign = scorer.examine(fresh, workspace: workspace).compactMap(\.perturbation)
        let attack = scorer.examine(stepped, workspace: workspace).compactMap(\.perturbation)
        let right = benign.reduce(0) { sum, value in sum + attack.count { $0 > value } }
        #expect(Double(right) > 0.95 * Double(benign.count * attack.count))
    }

    @Test("with a detector too, the same seed gives the same bits on one thread and on two")
    func repeats() throws {
        let one = try fit(run(try ScratchFolder()), steps: 12)
        let two = try fit(run(try ScratchFolder(), threads: 2), steps: 12)
        #expect(one.manifest == two.manifest)
        #expect(one.detector?.stateDict == two.detector?.stateDict)
    }

    @Test(
        "interrupted among the thieves or in the detector's training and resumed, it ends in the same bits",
        arguments: [
            ("thief-1", 3), ("thief-5", 20), ("perturbation", 1), ("perturbation", 7), ("thief-8", 5),
        ])
    func resumes(phase: String, step: Int) throws {
        let whole = try fit(run(try ScratchFolder()), steps: 12)
        let folder = try ScratchFolder()
        let stop = StopFlag()
        var steps = 0
        let interrupted = run(folder, stop: stop) { progress in
            if progress.phase == phase { steps += 1 }
            if steps == step { stop.raise() }
        }
        #expect(throws: TrainingError.self) { try fit(interrupted, steps: 12) }
        let resumed = try fit(run(folder, resume: true), steps: 12)
        #expect(resumed.manifest == whole.manifest)
        #expect(resumed.detector?.stateDict == whole.detector?.stateDict)
    }

    @Test(
        "a fit from a bundle keeps its networks to the bit, adds the detector that a whole fit would have made"
    )
    func extends() throws {
        let whole = try fit(run(try ScratchFolder()), steps: 12)
        let plain = try fit(run(try ScratchFolder()), steps: 0)
        #expect(plain.detector == nil && plain.manifest.perturbation == nil)
        let extended = try fit(run(try ScratchFolder()), steps: 12, from: plain)
        #expect(extended.autoencoder.stateDict == plain.autoencoder.stateDict)
        #expect(extended.auxiliary.stateDict == plain.auxiliary.stateDict)
        #expect(extended.detector?.stateDict == whole.detector?.stateDict)
        #expect(extended.manifest.calibration == whole.manifest.calibration)
        #expect(extended.manifest.provenance.options["fit"] == plain.manifest.provenance.options["fit"])
        // Of networks that stay nothing is said a second time.
        let told = try #require(extended.manifest.provenance.options["fit --from"])
        #expect(told.contains("\"steps\":12") && !told.contains("autoencoder") && !told.contains("auxiliary"))
        let kept = FitOptions.Detector(in: extended.manifest.provenance)
        #expect(kept == Synthetic.options(detectorSteps: 12).detector)
        #expect(FitOptions.Detector(in: plain.manifest.provenance) == nil)
    }

    @Test("a fit from a bundle has the sizes of the bundle's networks, whatever its preset")
    func takesNetworks() throws {
        let plain = try fit(run(try ScratchFolder()), steps: 0)
        var options = FitOptions(.natural)
        options.takeNetworks(of: plain.manifest)
        #expect(options.autoencoderArchitecture(image: data.images.shape) == plain.manifest.autoencoder)
        #expect(options.auxiliary == Synthetic.options().auxiliary)
        #expect(options.terms == FitOptions(.natural).terms)
    }

    @Test("a fit from a bundle of other images, or with another hold-out, is refused with what to give")
    func otherBase() throws {
        let plain = try fit(run(try ScratchFolder()), steps: 0)
        let seed = #expect(throws: FitBaseError.self) {
            try fit(run(try ScratchFolder()), steps: 12, seed: 2, from: plain)
        }
        #expect(seed?.description.contains("--seed 1 --holdout 120") == true)
        let other = Synthetic.images(600, seed: 9)
        let fresh = run(try ScratchFolder())
        // Also before the victim has answered.
        #expect(throws: FitBaseError.otherImages) {
            try Fit.validate(Synthetic.options(), for: other.images, from: plain)
        }
        #expect(throws: FitBaseError.otherImages) {
            try Fit(
                images: other.images, answers: Synthetic.answers(other.images, other.labels),
                options: Synthetic.options(), program: "test", run: fresh, from: plain)
        }
    }

    @Test("Eq. (6) has no place for the term, so the paper's preset trains no detector")
    func presets() {
        #expect(FitOptions(.small).detectsPerturbations && !FitOptions(.paper).detectsPerturbations)
        var options = FitOptions(.small)
        options.combination = .paper(alpha: 0.99)
        #expect(!options.detectsPerturbations)
        options = FitOptions(.small)
        options.detector.steps = 0
        options.detector.learningRate = .nan
        #expect(options.problems.count == 2)
    }
}
