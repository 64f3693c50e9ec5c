import Learning
import Neural
import SAME
import Tensor
import TestSupport
import Testing

@Suite("Import of networks trained elsewhere")
struct BundleImportTests {
    private static let shape = Synthetic.shape
    /// Pictures of a class.
    private static let count = 300

    /// Dark pictures, then bright ones: what a folder for each class gives.
    private static func pictures() -> ImageSet {
        var generator = RandomGenerator(seed: 12)
        let bytes = [20, 180].flatMap { level in
            (0..<count * shape.count).map { _ in UInt8(level + generator.integer(below: 40)) }
        }
        return ImageSet(shape: shape, bytes: bytes)
    }

    private static func answers(_ images: ImageSet) -> AnswerSet {
        let rows: [Float] = (0..<images.count).flatMap { index -> [Float] in
            index < count ? [0.9, 0.1] : [0.1, 0.9]
        }
        return AnswerSet(
            probabilities: Tensor(shape: [images.count, 2], values: rows), imagesDigest: images.digest)
    }

    /// Networks that nobody has trained, as files.
    private func source(_ folder: ScratchFolder, hasDetector: Bool) throws -> BundleImport.Source {
        var generator = RandomGenerator(seed: 13)
        let options = Synthetic.options(detectorSteps: 1)
        let autoencoder = try MaskedAutoencoder(
            options.autoencoderArchitecture(image: Self.shape), generator: &generator)
        let auxiliary = try Classifier(
            .mlp(image: Self.shape, classes: 2, hidden: 8), generator: &generator)
        let detector = try PerturbationDetector(
            options.detector.architecture(image: Self.shape), generator: &generator)
        return BundleImport.Source(
            autoencoder: try folder.write(Safetensors(autoencoder).bytes, to: "mae.safetensors"),
            auxiliary: try folder.write(Safetensors(auxiliary).bytes, to: "auxiliary.safetensors"),
            detector: try hasDetector
                ? folder.write(Safetensors(detector).bytes, to: "perturbation.safetensors") : nil)
    }

    private func made(
        _ terms: [ScoreTerm], hasDetector: Bool = false, show: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> BundleImport.Made {
        let images = Self.pictures()
        let networks = try BundleImport(
            source(try ScratchFolder(), hasDetector: hasDetector), image: Self.shape)
        let run = TrainingRun(
            workspace: Workspace(threads: 1), checkpoints: nil, resume: false, stop: StopFlag(), show: show)
        return try networks.makeBundle(
            images: images, answers: Self.answers(images), terms: terms, combination: .tailSum,
            program: "test", run: run)
    }

    @Test("it compares with and calibrates on pictures of every class, also where they come class by class")
    func everyClass() throws {
        let made = try made([.reconstruction, .statistics, .neighbour])
        #expect(made.calibrating.count == Self.count && made.calibrating == made.calibrating.sorted())
        let dark = made.calibrating.count { $0 < Self.count }
        #expect((100...200).contains(dark), "\(dark) of \(made.calibrating.count) are dark")
        let statistics = try #require(made.bundle.statistics)
        let images = Self.pictures()
        for index in [0, Self.count - 1, Self.count, 2 * Self.count - 1] {
            let picture = images.canonical([index], range: .signed)
            let distance = statistics.distance(picture.row(0), Self.shape)
            #expect(distance < 20, "picture \(index) has no like: \(distance)")
        }
        #expect(made.bundle.references?.shape.count == Self.count)
    }

    @Test("what calibrates is what fit holds out by the seed and count that the bundle names")
    func namedSplit() throws {
        let made = try made([.reconstruction, .statistics])
        let told = made.bundle.manifest.provenance
        let split = try Split(
            count: told.imageCount, holdout: told.imageCount - told.trainingCount, seed: told.seed)
        #expect(split.heldOut == made.calibrating)
        #expect(try self.made([.reconstruction, .deviation]).calibrating == Array(0..<2 * Self.count))
    }

    @Test("what no answer of the victim could mend is refused before there is any")
    func beforeAnyAnswer() throws {
        let networks = try BundleImport(source(try ScratchFolder(), hasDetector: false), image: Self.shape)
        let bytes = Array(Self.pictures().bytes.prefix(150 * Self.shape.count))
        let few = ImageSet(shape: Self.shape, bytes: bytes)
        #expect(throws: Never.self) { try networks.validate([.reconstruction], .tailSum, for: few) }
        #expect(throws: CalibrationError.tooFewValues(count: 75, minimum: 100)) {
            try networks.validate([.reconstruction, .statistics], .tailSum, for: few)
        }
    }

    @Test("a detector's voice is chosen by thieves trained for it, not by the auxiliary model it learnt from")
    func unmetThieves() throws {
        var phases: Set<String> = []
        let made = try made([.reconstruction, .perturbation], hasDetector: true) { phases.insert($0.phase) }
        #expect(phases == ["thief-7", "thief-8"])
        #expect(made.calibrating.count == Self.count)
        var others: Set<String> = []
        _ = try self.made([.reconstruction, .deviation]) { others.insert($0.phase) }
        #expect(others.isEmpty)
    }
}
