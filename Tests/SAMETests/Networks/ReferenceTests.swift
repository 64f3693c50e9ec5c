import Foundation
import Neural
import SAME
import Tensor
import Testing

/// SAME's networks against PyTorch's, from the same state dict.
@Suite struct ReferenceTests {
    private func dump(_ name: String) throws -> StateDict {
        let path = try #require(Bundle.module.path(forResource: "Fixtures/\(name)", ofType: "safetensors"))
        return try Safetensors(contentsOf: path).tensors
    }

    private func group(_ dump: StateDict, _ prefix: String) -> StateDict {
        let chosen = dump.filter { $0.key.hasPrefix(prefix) }
        return Dictionary(
            uniqueKeysWithValues: chosen.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
    }

    private func batch(_ tensor: Tensor?) throws -> Tensor {
        let tensor = try #require(tensor)
        return tensor.reshaped([tensor.rows, tensor.rowCount])
    }

    private func isClose(_ found: Tensor, _ expected: Tensor?, _ tolerance: Float = 2e-6) -> Bool {
        guard let expected, expected.count == found.count else { return false }
        return zip(found.values, expected.values).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
    }

    private let sizes = MaskedAutoencoderArchitecture(
        image: ImageShape(channels: 2, height: 8, width: 8), patch: 2, embedding: 12, encoderDepth: 2,
        encoderHeads: 3, decoderDepth: 1, decoderHeads: 2)

    @Test("the autoencoder reconstructs as the reference, whole and masked, and has its loss and gradients")
    func autoencoder() throws {
        let dump = try dump("mae")
        let model = try MaskedAutoencoder(sizes, state: group(dump, "state."))
        let images = try batch(dump["images"])
        let mask = try #require(dump["visible"])
        let visible = (0..<mask.rows).map { mask.row($0).map(Int.init) }
        let workspace = Workspace(threads: 2)
        #expect(isClose(model.reconstruct(images, workspace: workspace), dump["whole"]))
        #expect(isClose(model.reconstruct(images, visible: visible, workspace: workspace), dump["masked"]))
        model.zeroGradients()
        let loss = model.lossAndGradients(images, visible: visible, workspace: workspace)
        #expect(isClose(Tensor(shape: [1], values: [loss]), dump["loss"]))
        for parameter in model.parameters {
            #expect(
                isClose(parameter.gradientTensor, dump["gradient." + parameter.name]), "\(parameter.name)")
        }
        #expect(model.stateDict == group(dump, "state."))
    }

    private let conv3 = ClassifierArchitecture.conv3(
        image: ImageShape(channels: 2, height: 19, width: 22), classes: 5, width: 4)

    @Test("Conv3 has the reference's logits, losses and gradients, and ignores the layers that never run")
    func classifier() throws {
        let dump = try dump("conv3")
        let model = try Classifier(conv3, state: group(dump, "state."))
        let images = try batch(dump["images"])
        let workspace = Workspace(threads: 2)
        #expect(isClose(model.logits(images, workspace: workspace), dump["logits"]))
        let wanted = try #require(dump["wanted"])
        let objectives: [(String, ClassifierObjective)] = [
            ("labels", .labels([4, 0, 2])), ("probabilities", .probabilities(wanted)),
            ("squared", .squaredProbabilities(wanted)),
        ]
        for (name, objective) in objectives {
            model.zeroGradients()
            let result = model.lossAndGradients(images, objective, workspace: workspace)
            #expect(isClose(Tensor(shape: [1], values: [result.loss]), dump[name + ".loss"]))
            #expect(isClose(result.logits, dump["logits"]))
            #expect(
                isClose(model.inputGradient(images, objective, workspace: workspace), dump[name + ".input"]))
            guard name == "labels" else { continue }
            for parameter in model.parameters {
                #expect(
                    isClose(parameter.gradientTensor, dump["gradient." + parameter.name]), "\(parameter.name)"
                )
            }
        }
    }

    private static let others: [(name: String, architecture: ClassifierArchitecture)] = [
        (
            "resnet-cifar",
            .resnet(
                image: ImageShape(channels: 2, height: 9, width: 11), classes: 5,
                sizes: ResNetSizes(blocks: [1, 2], width: 5, stem: .cifar))
        ),
        (
            "resnet-imagenet",
            .resnet(
                image: ImageShape(channels: 3, height: 33, width: 30), classes: 5,
                sizes: ResNetSizes(blocks: [1, 1, 1], width: 4, stem: .imagenet))
        ),
        ("vit-token", vit(.token)), ("vit-mean", vit(.mean)),
    ]

    private static func vit(_ pool: VisionTransformerSizes.Pool) -> ClassifierArchitecture {
        .vit(
            image: ImageShape(channels: 2, height: 6, width: 9), classes: 5,
            sizes: VisionTransformerSizes(patch: 3, embedding: 12, depth: 2, heads: 3, pool: pool))
    }

    @Test(
        "residual networks and transformers have the reference's logits, gradients and moved statistics",
        arguments: 0..<4)
    func classifiers(index: Int) throws {
        let (name, architecture) = Self.others[index]
        let dump = try dump(name)
        let model = try Classifier(architecture, state: group(dump, "state."))
        let images = try batch(dump["images"])
        let labels = ClassifierObjective.labels([4, 0, 2])
        let workspace = Workspace(threads: 2)
        #expect(isClose(model.logits(images, workspace: workspace), dump["logits"], 1e-5))
        #expect(isClose(model.inputGradient(images, labels, workspace: workspace), dump["input"], 1e-5))
        model.zeroGradients()
        let result = model.lossAndGradients(images, labels, workspace: workspace)
        #expect(isClose(Tensor(shape: [1], values: [result.loss]), dump["loss"], 1e-5))
        for parameter in model.parameters {
            if parameter.isTrainable {
                #expect(
                    isClose(parameter.gradientTensor, dump["gradient." + parameter.name], 2e-5),
                    "\(parameter.name)")
            } else {
                #expect(isClose(parameter.tensor, dump["moved." + parameter.name], 1e-5), "\(parameter.name)")
            }
        }
    }

    @Test("a state dict that lacks a weight, or has one too many, is refused")
    func refused() throws {
        var state = group(try dump("conv3"), "state.")
        state["net.12.weight"] = Tensor(shape: [1])
        #expect(throws: StateDictError.unexpected("net.12.weight")) { try Classifier(conv3, state: state) }
        state["net.12.weight"] = nil
        state["net.9.bias"] = nil
        #expect(throws: StateDictError.missing("net.9.bias")) { try Classifier(conv3, state: state) }
    }
}
