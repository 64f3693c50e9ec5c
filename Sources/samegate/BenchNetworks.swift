import ArgumentParser
import Engine
import Foundation
import Neural
import SAME
import Tensor

/// Networks to measure without training any.
enum BenchArchitecture: String, CaseIterable, ExpressibleByArgument {
    /// The paper's sizes over 4×4 patches of 28×28 images.
    case paperP4 = "paper-p4"
    /// The paper's own for 32×32×3 images: 2×2 patches.
    case paperCIFAR = "paper-cifar"
    /// What `fit` makes unless told otherwise, without its perturbation detector.
    case small
    /// The auxiliary model by itself: ResNet-18 with the stem for 32×32×3 images, behind an autoencoder that costs next to
    /// nothing.
    case resnet18

    static var allNames: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// The sizes of the autoencoder.
    var autoencoder: MaskedAutoencoderArchitecture {
        switch self {
        case .paperP4:
            var sizes = MaskedAutoencoderArchitecture.paper(image: image)
            sizes.patch = 4
            return sizes
        case .paperCIFAR: return .paper(image: image)
        case .small:
            return MaskedAutoencoderArchitecture(
                image: image, patch: 4, embedding: 32, encoderDepth: 2, encoderHeads: 4, decoderDepth: 1,
                decoderHeads: 4)
        case .resnet18:
            return MaskedAutoencoderArchitecture(
                image: image, patch: 16, embedding: 8, encoderDepth: 1, encoderHeads: 1, decoderDepth: 1,
                decoderHeads: 1)
        }
    }

    private var image: ImageShape {
        switch self {
        case .paperCIFAR, .resnet18: ImageShape(channels: 3, height: 32, width: 32)
        case .paperP4, .small: ImageShape(channels: 1, height: 28, width: 28)
        }
    }

    /// The auxiliary model: but for ``resnet18`` Conv3, as wide as the presets have it.
    private var auxiliary: ClassifierArchitecture {
        switch self {
        case .paperP4, .paperCIFAR: .conv3(image: image, classes: 10, width: 32)
        case .small: .conv3(image: image, classes: 10, width: 16)
        case .resnet18: .resnet(image: image, classes: 10, sizes: .resnet18(stem: .cifar))
        }
    }

    /// Networks with random weights.
    func networks(autoencoderOnly: Bool) throws -> ScoringNetworks {
        var generator = RandomGenerator(seed: 1)
        let auxiliary =
            autoencoderOnly && self != .resnet18
            ? ClassifierArchitecture.mlp(image: image, classes: 2, hidden: 1) : self.auxiliary
        return ScoringNetworks(
            try MaskedAutoencoder(autoencoder, generator: &generator),
            try Classifier(auxiliary, generator: &generator))
    }
}

extension ScoringNetworks {
    /// A classifier behind an autoencoder that costs next to nothing: what is left to
    /// measure is the classifier.
    init(alone classifier: Classifier) throws {
        let image = classifier.architecture.image
        func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
        var generator = RandomGenerator(seed: 1)
        let autoencoder = MaskedAutoencoderArchitecture(
            image: image, patch: divisor(image.height, image.width), embedding: 8, encoderDepth: 1,
            encoderHeads: 1, decoderDepth: 1, decoderHeads: 1)
        self.init(try MaskedAutoencoder(autoencoder, generator: &generator), classifier)
    }

    /// Images that are exported: of 64 the mean error of two engines that round alike still differs by several per cent.
    static let exportCount = 256

    /// Writes what another engine needs to compute the same, and what this one computes: `mae.safetensors`,
    /// `auxiliary.safetensors`, `images.f32` and for each precision `reconstructions-….f32` (N, C·H·W) and
    /// `probabilities-….f32` (N, classes), N being `exportCount`.
    func export(to directory: String, _ precisions: [Plan.Precision]) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        func write(_ bytes: [UInt8], _ name: String) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name))
        }
        func write(_ values: [Float], _ name: String) throws {
            try write(values.withUnsafeBytes { Array($0) }, name)
        }
        try write(Safetensors(tensors: autoencoder.stateDict).bytes, "mae.safetensors")
        try write(Safetensors(tensors: auxiliary.stateDict).bytes, "auxiliary.safetensors")
        var generator = RandomGenerator(seed: 2)
        let (count, pixels) = (Self.exportCount, autoencoder.architecture.image.count)
        let images = (0..<count * pixels).map { _ in generator.uniform(-1..<1) }
        try write(images, "images.f32")
        for precision in precisions {
            let plan = try Plan(ScoringNetworks(autoencoder, auxiliary), precision: precision)
            let results = PlanResults(plan, rows: count, reconstructions: true)
            plan.examine(rows: images, count: count, arena: plan.makeArena(), into: results)
            let painted = UnsafeBufferPointer(start: results.reconstructions, count: images.count)
            try write(Array(painted), "reconstructions-\(precision.rawValue).f32")
            try write(results.allProbabilities, "probabilities-\(precision.rawValue).f32")
        }
    }
}
