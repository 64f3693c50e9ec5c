import Foundation
import Neural
import SAME
import Tensor
import Testing

@Suite struct NetworkTests {
    private static let image = ImageShape(channels: 1, height: 28, width: 28)
    private static let classifiers: [ClassifierArchitecture] = [
        .conv3(image: image, classes: 10, width: 8),
        .conv3(image: ImageShape(channels: 3, height: 14, width: 17), classes: 3, width: 2),
        .mlp(image: image, classes: 10, hidden: 32),
        .resnet(image: image, classes: 10, sizes: ResNetSizes(blocks: [1, 2, 1], width: 4, stem: .cifar)),
        .resnet(
            image: ImageShape(channels: 3, height: 33, width: 18), classes: 3,
            sizes: ResNetSizes(blocks: [1, 1], width: 5, stem: .imagenet)),
        .vit(
            image: image, classes: 10,
            sizes: VisionTransformerSizes(patch: 7, embedding: 12, depth: 2, heads: 3, pool: .token)),
        .vit(
            image: ImageShape(channels: 2, height: 6, width: 9), classes: 4,
            sizes: VisionTransformerSizes(patch: 3, embedding: 10, depth: 1, heads: 2, pool: .mean)),
    ]

    private func autoencoder(seed: UInt64) throws -> (MaskedAutoencoder, RandomGenerator) {
        var generator = RandomGenerator(seed: seed)
        var sizes = MaskedAutoencoderArchitecture.small(image: Self.image)
        (sizes.encoderDepth, sizes.decoderDepth) = (2, 1)
        return (try MaskedAutoencoder(sizes, generator: &generator), generator)
    }

    /// Some steps of training, with mixed mask ratios; the weights' bits.
    private func train(_ threads: Int) throws -> [UInt32] {
        var (model, generator) = try autoencoder(seed: 7)
        let optimizer = AdamW(model.parameters, settings: .init(beta2: 0.95, weightDecay: 0.05))
        let workspace = Workspace(threads: threads)
        let batch = Tensor.random([33, Self.image.count], &generator)
        for ratio in [0.75, 0.5, 0.25] {
            model.zeroGradients()
            _ = model.lossAndGradients(batch, maskRatio: ratio, generator: &generator, workspace: workspace)
            optimizer.step(learningRate: 0.01, workspace: workspace)
        }
        return model.parameters.flatMap { $0.tensor.values.map(\.bitPattern) }
    }

    @Test("training gives the same bits again, and with any number of threads")
    func bits() throws {
        let once = try train(1)
        #expect(try train(1) == once && train(2) == once && train(5) == once)
    }

    @Test("a classifier's training gives the same bits with any number of threads")
    func classifierBits() throws {
        let results = try [1, 2, 5].map { threads in
            var generator = RandomGenerator(seed: 8)
            let model = try Classifier(Self.classifiers[0], generator: &generator)
            let optimizer = SGD(model.parameters, settings: .init(weightDecay: 5e-4))
            let workspace = Workspace(threads: threads)
            let batch = Tensor.random([37, Self.image.count], &generator)
            for _ in 0..<2 {
                model.zeroGradients()
                _ = model.lossAndGradients(batch, .labels((0..<37).map { $0 % 10 }), workspace: workspace)
                optimizer.step(learningRate: 0.1, workspace: workspace)
            }
            return model.parameters.flatMap { $0.tensor.values.map(\.bitPattern) }
        }
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test("both models learn: the loss on one batch falls")
    func learns() throws {
        var (model, generator) = try autoencoder(seed: 9)
        let optimizer = AdamW(model.parameters)
        let workspace = Workspace()
        let batch = Tensor(
            shape: [8, Self.image.count],
            values: (0..<8).flatMap { k in (0..<Self.image.count).map { sin(Float($0 * (k + 1)) / 40) } })
        let visible = model.randomMasks(images: 8, maskRatio: 0.5, generator: &generator)
        let losses = (0..<25).map { _ in
            model.zeroGradients()
            defer { optimizer.step(learningRate: 0.003, workspace: workspace) }
            return model.lossAndGradients(batch, visible: visible, workspace: workspace)
        }
        #expect(losses[24] < 0.5 * losses[0])
        let classifier = try Classifier(Self.classifiers[0], generator: &generator)
        let second = AdamW(classifier.parameters)
        let first = (0..<20).map { _ in
            classifier.zeroGradients()
            defer { second.step(learningRate: 0.01, workspace: workspace) }
            return classifier.lossAndGradients(batch, .labels(Array(0..<8)), workspace: workspace).loss
        }
        #expect(first[19] < 0.5 * first[0])
    }

    @Test("several threads score with one model at once, and each gets what one alone gets")
    func concurrent() async throws {
        var (model, generator) = try autoencoder(seed: 10)
        let classifier = try Classifier(Self.classifiers[0], generator: &generator)
        let batch = Tensor.random([19, Self.image.count], &generator)
        let alone = model.reconstruct(batch, workspace: Workspace())
        let logits = classifier.logits(batch, workspace: Workspace())
        let agree = await withTaskGroup(of: Bool.self) { [model] group in
            for _ in 0..<4 {
                group.addTask {
                    let workspace = Workspace()
                    return (0..<3).allSatisfy { _ in
                        model.reconstruct(batch, workspace: workspace) == alone
                            && classifier.logits(batch, workspace: workspace) == logits
                    }
                }
            }
            return await group.allSatisfy { $0 }
        }
        #expect(agree)
    }

    @Test("inference keeps no memory but the workspace's, which stops growing")
    func memory() throws {
        var (model, generator) = try autoencoder(seed: 12)
        let batch = Tensor.random([40, Self.image.count], &generator)
        let workspace = Workspace()
        _ = model.reconstruct(batch, workspace: workspace)
        let held = workspace.bytesHeld
        for _ in 0..<5 { _ = model.reconstruct(batch, workspace: workspace) }
        #expect(workspace.bytesHeld == held)
    }

    @Test("an image's logits are bitwise the same alone and in any batch", arguments: classifiers)
    func batches(architecture: ClassifierArchitecture) throws {
        var generator = RandomGenerator(seed: 21)
        let model = try Classifier(architecture, generator: &generator)
        let batch = Tensor.random([5, architecture.image.count], &generator)
        let workspace = Workspace(threads: 2)
        let whole = model.logits(batch, workspace: workspace)
        for size in 1...4 {
            let part = model.logits(batch.rows(1..<1 + size), workspace: workspace)
            #expect(part == whole.rows(1..<1 + size))
        }
    }

    @Test("torchvision's networks have its numbers of parameters, and the CIFAR one its operations")
    func residualSizes() throws {
        let large = ImageShape(channels: 3, height: 224, width: 224)
        let small = ImageShape(channels: 3, height: 32, width: 32)
        func network(_ image: ImageShape, _ classes: Int, _ sizes: ResNetSizes) -> ClassifierArchitecture {
            .resnet(image: image, classes: classes, sizes: sizes)
        }
        // https://pytorch.org/vision: 11 689 512 and 21 797 672 parameters, 1.81 and 3.66 thousand million
        // multiply-adds.
        let eighteen = network(large, 1000, .resnet18(stem: .imagenet))
        let thirtyFour = network(large, 1000, .resnet34(stem: .imagenet))
        #expect(eighteen.parameterCount == 11_689_512 && thirtyFour.parameterCount == 21_797_672)
        #expect(abs(eighteen.flops - 3_628_000_000) < 20_000_000)
        #expect(abs(thirtyFour.flops - 7_330_000_000) < 40_000_000)
        #expect(network(small, 10, .resnet18(stem: .cifar)).parameterCount == 11_173_962)
        #expect(network(small, 10, .resnet20).parameterCount == 272_474)
    }

    @Test("probabilities sum to one", arguments: classifiers)
    func probabilities(architecture: ClassifierArchitecture) throws {
        var generator = RandomGenerator(seed: 13)
        let model = try Classifier(architecture, generator: &generator)
        let batch = Tensor.random([3, architecture.image.count], &generator)
        let found = model.probabilities(batch, workspace: Workspace())
        #expect(found.shape == [3, architecture.classes])
        #expect((0..<3).allSatisfy { abs(found.row($0).reduce(0, +) - 1) < 1e-5 })
        #expect(
            model.logits(Tensor(shape: [0, architecture.image.count]), workspace: Workspace()).count == 0)
    }

    @Test("the numbers of parameters are the models'")
    func counts() throws {
        var generator = RandomGenerator(seed: 14)
        for architecture in Self.classifiers {
            let model = try Classifier(architecture, generator: &generator)
            #expect(model.parameterCount == architecture.parameterCount && architecture.flops > 0)
        }
        let (model, _) = try autoencoder(seed: 15)
        #expect(model.parameterCount == model.architecture.parameterCount)
        // The paper's networks: 12 + 4 blocks of ViT-Tiny, and 3.3 thousand million operations an image.
        let paper = MaskedAutoencoderArchitecture.paper(image: Self.image)
        #expect(abs(paper.flops - 3_266_000_000) < 33_000_000)
    }

    @Test("sizes that make no network are refused with the field's name")
    func validation() {
        var sizes = MaskedAutoencoderArchitecture.small(image: Self.image)
        let changes: [(WritableKeyPath<MaskedAutoencoderArchitecture, Int>, Int, String)] = [
            (\.patch, 5, "patch"), (\.patch, 0, "patch"), (\.patch, -4, "patch"), (\.embedding, 63, "heads"),
            (\.embedding, .max, "embedding"), (\.encoderHeads, 0, "heads"),
            (\.decoderDepth, -1, "decoder depth"),
            (\.encoderDepth, 1000, "encoder depth"), (\.image.width, 0, "width"),
            (\.image.height, 30, "height"),
            (\.image.channels, .min, "channels"),
        ]
        for (field, value, name) in changes {
            sizes = .small(image: Self.image)
            sizes[keyPath: field] = value
            let error = #expect(throws: ArchitectureError.self) { try sizes.validate() }
            #expect(error?.description.contains(name) == true, "\(error?.description ?? "")")
        }
        let small = ImageShape(channels: 1, height: 13, width: 28)
        let bad: [ClassifierArchitecture] = [
            .conv3(image: small, classes: 10, width: 32), .conv3(image: Self.image, classes: 1, width: 32),
            .conv3(image: Self.image, classes: 10, width: 0),
            .mlp(image: Self.image, classes: 10, hidden: -1),
            .resnet(image: Self.image, classes: 10, sizes: ResNetSizes(blocks: [], width: 8, stem: .cifar)),
            .resnet(
                image: Self.image, classes: 10, sizes: ResNetSizes(blocks: [2, 0], width: 8, stem: .cifar)),
            .resnet(image: Self.image, classes: 10, sizes: .resnet18(stem: .cifar, width: 2000)),
            .vit(
                image: Self.image, classes: 10,
                sizes: VisionTransformerSizes(patch: 5, embedding: 12, depth: 2, heads: 3, pool: .token)),
            .vit(
                image: Self.image, classes: 10,
                sizes: VisionTransformerSizes(patch: 7, embedding: 10, depth: 2, heads: 3, pool: .mean)),
        ]
        for architecture in bad {
            #expect(throws: ArchitectureError.self) { try architecture.validate() }
        }
    }

    @Test("architectures are stored as JSON and read back", arguments: classifiers)
    func codable(architecture: ClassifierArchitecture) throws {
        let data = try JSONEncoder().encode(architecture)
        #expect(try JSONDecoder().decode(ClassifierArchitecture.self, from: data) == architecture)
    }
}
