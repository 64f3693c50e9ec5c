import CKernels
import Neural
import SAME
import Tensor
import Testing

@testable import Engine

/// Two untrained networks for the same images: what a bundle holds, in the sizes that tests want.
struct Models: Sendable, CustomTestStringConvertible {
    let autoencoder: MaskedAutoencoderArchitecture
    let auxiliary: ClassifierArchitecture

    var testDescription: String {
        "\(autoencoder.image), patch \(autoencoder.patch), \(autoencoder.embedding), \(auxiliary)"
    }

    static let levels = Array(Int32(SG_PLAIN)...sg_level_best())

    /// The shipped one, the paper's two, and sizes that fill no tile and no vector.
    static let all: [Models] = [
        make(
            ImageShape(channels: 1, height: 28, width: 28), patch: 4, embedding: 32, heads: 4, blocks: (2, 1)),
        make(
            ImageShape(channels: 1, height: 28, width: 28), patch: 4, embedding: 192, heads: 3, blocks: (2, 1)
        ),
        make(
            ImageShape(channels: 3, height: 32, width: 32), patch: 2, embedding: 192, heads: 3, blocks: (1, 1)
        ),
        make(
            ImageShape(channels: 3, height: 18, width: 15), patch: 3, embedding: 36, heads: 3, blocks: (1, 2)),
        make(
            ImageShape(channels: 2, height: 20, width: 14), patch: 2, embedding: 33, heads: 3, blocks: (2, 0)),
        Models(
            autoencoder: MaskedAutoencoderArchitecture(
                image: ImageShape(channels: 1, height: 16, width: 16), patch: 16, embedding: 40,
                encoderDepth: 1,
                encoderHeads: 2, decoderDepth: 1, decoderHeads: 5),
            auxiliary: .mlp(image: ImageShape(channels: 1, height: 16, width: 16), classes: 3, hidden: 19)),
        make(
            .resnet(
                image: colour(32, 32), classes: 10,
                sizes: ResNetSizes(blocks: [1, 1, 2, 1], width: 8, stem: .cifar))),
        make(
            .resnet(
                image: colour(28, 20), classes: 3, sizes: ResNetSizes(blocks: [2, 1], width: 5, stem: .cifar))
        ),
        make(
            .resnet(
                image: colour(64, 56), classes: 4,
                sizes: ResNetSizes(blocks: [1, 1], width: 17, stem: .imagenet))),
        make(
            .vit(
                image: colour(12, 20), classes: 5,
                sizes: VisionTransformerSizes(patch: 4, embedding: 36, depth: 2, heads: 3, pool: .token))),
        make(
            .vit(
                image: colour(8, 8), classes: 4,
                sizes: VisionTransformerSizes(patch: 2, embedding: 33, depth: 1, heads: 3, pool: .mean))),
    ]

    private static func colour(_ height: Int, _ width: Int) -> ImageShape {
        ImageShape(channels: 3, height: height, width: width)
    }

    private static func make(_ auxiliary: ClassifierArchitecture) -> Models {
        Models(
            autoencoder: MaskedAutoencoderArchitecture(
                image: auxiliary.image, patch: 4, embedding: 24, encoderDepth: 1, encoderHeads: 2,
                decoderDepth: 1, decoderHeads: 3),
            auxiliary: auxiliary)
    }

    private static func make(
        _ image: ImageShape, patch: Int, embedding: Int, heads: Int, blocks: (Int, Int)
    ) -> Models {
        Models(
            autoencoder: MaskedAutoencoderArchitecture(
                image: image, patch: patch, embedding: embedding, encoderDepth: blocks.0, encoderHeads: heads,
                decoderDepth: blocks.1, decoderHeads: heads),
            auxiliary: .conv3(image: image, classes: 10, width: embedding == 192 ? 32 : 6))
    }

    /// The networks, with biases and norms that are not what they start with.
    func networks() throws -> (MaskedAutoencoder, Classifier) {
        var generator = RandomGenerator(seed: 11)
        let networks = (
            try MaskedAutoencoder(autoencoder, generator: &generator),
            try Classifier(auxiliary, generator: &generator)
        )
        for parameter in networks.0.parameters where parameter.shape.count == 1 {
            for index in 0..<parameter.count { parameter.values[index] += generator.uniform(-0.2..<0.2) }
        }
        for parameter in networks.1.parameters where parameter.shape.count == 1 {
            for index in 0..<parameter.count {
                parameter.values[index] += generator.uniform(parameter.isTrainable ? -0.1..<0.1 : 0..<0.3)
            }
        }
        return networks
    }

    func plan(_ precision: Plan.Precision, level: Int32) throws -> Plan {
        let (autoencoder, auxiliary) = try networks()
        return try Plan(ScoringNetworks(autoencoder, auxiliary), precision: precision, level: level)
    }

    func images(_ count: Int, seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        let values = (0..<count * autoencoder.image.count).map { _ in generator.uniform(-1..<1) }
        return Tensor(shape: [count, autoencoder.image.count], values: values)
    }

    /// What the networks themselves give.
    func reference(_ rows: Tensor) throws -> Results {
        let (autoencoder, auxiliary) = try networks()
        let workspace = Workspace(threads: 1)
        let reconstruction = autoencoder.reconstruct(rows, workspace: workspace)
        return Results(
            losses: (0..<rows.rows).map { Scorer.meanSquare(rows.row($0), reconstruction.row($0)) },
            probabilities: auxiliary.probabilities(reconstruction, workspace: workspace).values,
            reconstructions: reconstruction.values)
    }
}

/// What examining some rows gives.
struct Results: Equatable, Sendable {
    var losses: [Float]
    var probabilities: [Float]
    var reconstructions: [Float]

    /// What a plan gives.
    init(_ plan: Plan, _ rows: Tensor, _ arena: PlanArena) {
        let results = PlanResults(plan, rows: rows.rows, reconstructions: true)
        plan.examine(rows: rows.values, count: rows.rows, arena: arena, into: results)
        losses = results.allLosses
        probabilities = results.allProbabilities
        reconstructions = Array(UnsafeBufferPointer(start: results.reconstructions, count: rows.count))
    }

    init(losses: [Float], probabilities: [Float], reconstructions: [Float]) {
        (self.losses, self.probabilities, self.reconstructions) = (losses, probabilities, reconstructions)
    }

    /// The results of some of the rows.
    func rows(_ range: Range<Int>) -> Results {
        let (classes, pixels) = (probabilities.count / losses.count, reconstructions.count / losses.count)
        return Results(
            losses: Array(losses[range]),
            probabilities: Array(probabilities[range.lowerBound * classes..<range.upperBound * classes]),
            reconstructions: Array(reconstructions[range.lowerBound * pixels..<range.upperBound * pixels]))
    }

    /// The largest difference; infinite where a value is no number or one is missing.
    func worst(_ part: KeyPath<Results, [Float]>, _ other: Results) -> Float {
        guard self[keyPath: part].count == other[keyPath: part].count else { return .infinity }
        return zip(self[keyPath: part], other[keyPath: part]).reduce(0) {
            let difference = abs($1.0 - $1.1)
            return difference.isNaN ? .infinity : max($0, difference)
        }
    }
}
