import Foundation
import Neural
import SAME
import Tensor
import Testing

/// What PyTorch saved becomes a network, or every reason is told.
@Suite struct ForeignWeightsTests {
    private static let image = ImageShape(channels: 2, height: 8, width: 12)
    private static let transformer = VisionTransformerSizes(
        patch: 4, embedding: 12, depth: 2, heads: 3, pool: .token)
    private static let classifiers: [ClassifierArchitecture] = [
        .conv3(image: ImageShape(channels: 1, height: 20, width: 24), classes: 6, width: 3),
        .mlp(image: image, classes: 3, hidden: 7),
        .resnet(image: image, classes: 4, sizes: ResNetSizes(blocks: [2, 1, 1], width: 3, stem: .cifar)),
        .resnet(image: image, classes: 4, sizes: ResNetSizes(blocks: [1, 2], width: 5, stem: .imagenet)),
        .vit(image: image, classes: 5, sizes: transformer),
        .vit(
            image: image, classes: 5,
            sizes: VisionTransformerSizes(patch: 2, embedding: 6, depth: 0, heads: 3, pool: .mean)),
    ]
    private static let sizes = MaskedAutoencoderArchitecture(
        image: image, patch: 4, embedding: 12, encoderDepth: 3, encoderHeads: 3, decoderDepth: 1,
        decoderHeads: 2)

    private func model(_ architecture: ClassifierArchitecture) throws -> Classifier {
        var generator = RandomGenerator(seed: 41)
        return try Classifier(architecture, generator: &generator)
    }

    private func autoencoder() throws -> MaskedAutoencoder {
        var generator = RandomGenerator(seed: 42)
        return try MaskedAutoencoder(Self.sizes, generator: &generator)
    }

    private func weights(_ state: StateDict, _ metadata: [String: String] = [:]) throws -> ForeignWeights {
        try ForeignWeights(
            Safetensors(bytes: Safetensors(tensors: state, metadata: metadata).bytes), path: "weights")
    }

    @Test("an architecture is read off names and shapes", arguments: classifiers)
    func read(architecture: ClassifierArchitecture) throws {
        let state = try model(architecture).stateDict
        let found = try weights(state).classifier(
            image: architecture.image, heads: architecture.heads)
        #expect(found.architecture == architecture && found.stateDict == state)
    }

    @Test("heads that a file contradicts are refused, and heads of a network that has none")
    func otherHeads() throws {
        let own = try ForeignWeights(Safetensors(bytes: Safetensors(try autoencoder()).bytes), path: "mae")
        _ = try own.autoencoder(image: Self.image, heads: (3, 2))
        #expect(throws: ImportError.otherHeads(path: "mae", stated: [3, 2], given: [3, 3])) {
            try own.autoencoder(image: Self.image, heads: (3, 3))
        }
        let vit = try model(.vit(image: Self.image, classes: 5, sizes: Self.transformer))
        let stated = try ForeignWeights(Safetensors(bytes: Safetensors(vit).bytes), path: "vit")
        #expect(throws: ImportError.otherHeads(path: "vit", stated: [3], given: [4])) {
            try stated.classifier(image: Self.image, heads: 4)
        }
        for architecture in Self.classifiers where architecture.heads == nil {
            let state = try model(architecture).stateDict
            #expect(throws: ImportError.headless(path: "weights")) {
                try weights(state).classifier(image: architecture.image, heads: 3)
            }
        }
    }

    @Test("a masked autoencoder is read off names, shapes and its heads")
    func readAutoencoder() throws {
        let state = try autoencoder().stateDict
        let found = try weights(state).autoencoder(image: Self.image, heads: (3, 2))
        #expect(found.architecture == Self.sizes && found.stateDict == state)
        #expect(throws: ImportError.headsUnknown(path: "weights")) {
            try weights(state).autoencoder(image: Self.image)
        }
    }

    @Test("what was exported comes back without a word", arguments: classifiers)
    func exported(architecture: ClassifierArchitecture) throws {
        let model = try model(architecture)
        let file = try Safetensors(bytes: Safetensors(model).bytes)
        let found = try ForeignWeights(file, path: "exported").classifier(image: architecture.image)
        #expect(found.architecture == architecture && found.stateDict == model.stateDict)
    }

    @Test(
        "a perturbation detector is read off names and shapes, and what was exported comes back without a word"
    )
    func detector() throws {
        for (width, stages) in [(5, 1), (4, 3)] {
            let image = ImageShape(channels: 3, height: 16, width: 12)
            var generator = RandomGenerator(seed: 43)
            let made = try PerturbationDetector(
                PerturbationDetectorArchitecture(image: image, width: width, stages: stages),
                generator: &generator)
            let found = try weights(made.stateDict).detector(image: image)
            #expect(found.architecture == made.architecture && found.stateDict == made.stateDict)
            let file = try Safetensors(bytes: Safetensors(made).bytes)
            let exported = try ForeignWeights(file, path: "exported").detector(image: image)
            #expect(exported.architecture == made.architecture && exported.stateDict == made.stateDict)
        }
        #expect(throws: ImportError.self) {
            try weights(try autoencoder().stateDict).detector(image: Self.image)
        }
    }

    @Test("wrappers' prefixes and counters of batches are taken off")
    func wrapped() throws {
        let state = try model(Self.classifiers[2]).stateDict
        var wrapped: StateDict = Dictionary(
            uniqueKeysWithValues: state.map { ("module." + $0.key, $0.value) })
        wrapped["module.bn1.num_batches_tracked"] = Tensor(shape: [], values: [7])
        let found = try weights(wrapped).classifier(image: Self.image)
        #expect(found.stateDict == state)
    }

    @Test("every tensor that is missing, too many, mis-shaped or not finite is listed")
    func mismatch() throws {
        var state = try autoencoder().stateDict
        state["encoder.layer_norm.bias"] = nil
        state["decoder.head.bias"] = Tensor(shape: [3])
        state["decoder.mask_token"]?.values[0] = .nan
        state["encoder.pos_embedding"]?.values[1] = .infinity
        state["extra.weight"] = Tensor(shape: [2, 2])
        let error = #expect(throws: ImportError.self) {
            try weights(state).autoencoder(image: Self.image, heads: (3, 2))
        }
        guard case .mismatch(_, let defects) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(
            Set(defects.map(\.description)) == [
                "“encoder.pos_embedding” holds a value that is not a finite number",
                "the weights lack “encoder.layer_norm.bias”",
                "“decoder.mask_token” holds a value that is not a finite number",
                "“decoder.head.bias” has shape [3], but this architecture needs [32]",
                "the weights hold “extra.weight”, which this architecture does not have",
            ])
        #expect(error?.description.contains("extra.weight") == true)
    }

    @Test("images that do not fit, heads that do not divide and foreign networks are refused with the reason")
    func refused() throws {
        let state = try autoencoder().stateDict
        let other = ImageShape(channels: 2, height: 9, width: 12)
        let bad: [(() throws -> Any, String)] = [
            ({ try self.weights(state).autoencoder(image: other, heads: (3, 2)) }, "image height is 9"),
            ({ try self.weights(state).autoencoder(image: Self.image, heads: (5, 2)) }, "heads"),
            ({ try self.weights(["a": Tensor(shape: [1])]).classifier(image: Self.image) }, "neither Conv3"),
            ({ try self.weights([:]).classifier(image: Self.image) }, "neither Conv3"),
            ({ try self.weights([:]).autoencoder(image: Self.image) }, "patchify"),
            (
                {
                    try self.weights([
                        "conv1.weight": Tensor(shape: [4, 2, 5, 5]), "fc.weight": Tensor(shape: [3, 4]),
                    ]).classifier(image: Self.image)
                }, "3x3 or 7x7"
            ),
            (
                {
                    try self.weights([
                        "conv1.weight": Tensor(shape: [4, 2, 3, 3]), "fc.weight": Tensor(shape: [3, 4]),
                        "layer1.0.conv3.weight": Tensor(shape: [1]),
                    ]).classifier(image: Self.image)
                }, "bottleneck"
            ),
            (
                {
                    try self.weights([
                        "conv1.weight": Tensor(shape: [4, 2, 3, 3]), "fc.weight": Tensor(shape: [3, 4]),
                        "layer99999999.0.bn1.weight": Tensor(shape: [1]),
                    ]).classifier(image: Self.image)
                }, "stages"
            ),
            (
                {
                    try self.weights([:], [ForeignWeights.architectureKey: "{\"conv9\":{}}"])
                        .classifier(image: Self.image)
                }, "describes no such network"
            ),
        ]
        for (run, reason) in bad {
            let error = #expect(throws: ImportError.self) { _ = try run() }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
        let exported = try ForeignWeights(Safetensors(autoencoder()), path: "exported")
        #expect(throws: ImportError.otherImage(path: "exported", found: Self.image, expected: other)) {
            try exported.autoencoder(image: other)
        }
    }

    /// A file of one tensor of eight bytes under a type.
    private func file(_ type: String, _ count: Int) -> [UInt8] {
        let header = Array(
            "{\"linear1.weight\":{\"dtype\":\"\(type)\",\"shape\":[\(count)],\"data_offsets\":[0,8]}}".utf8)
        return [UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [UInt8](repeating: 0, count: 8)
    }

    @Test("doubles and integers are no weights")
    func types() throws {
        #expect(throws: SafetensorsError.unsupportedType(name: "linear1.weight", type: "F64")) {
            try Safetensors(bytes: file("F64", 1))
        }
        let integers = try Safetensors(bytes: file("I64", 1))
        #expect(throws: ImportError.integers(path: "i", names: ["linear1.weight"])) {
            try ForeignWeights(integers, path: "i")
        }
        #expect(throws: Never.self) { try ForeignWeights(try Safetensors(bytes: file("BF16", 4)), path: "b") }
    }
}
