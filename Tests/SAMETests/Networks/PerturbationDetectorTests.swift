import Foundation
import Neural
import SAME
import Tensor
import Testing

@Suite("Perturbation detector")
struct PerturbationDetectorTests {
    private static func batch(_ shape: [Int], _ generator: inout RandomGenerator) -> Tensor {
        Tensor(shape: shape, values: (0..<shape.reduce(1, *)).map { _ in generator.uniform(-1..<1) })
    }

    @Test("its logits, loss and gradients are PyTorch's, from the same state dict")
    func reference() throws {
        let path = try #require(
            Bundle.module.path(forResource: "Fixtures/perturbation", ofType: "safetensors"))
        let dump = try Safetensors(contentsOf: path).tensors
        let state = Dictionary(
            uniqueKeysWithValues: dump.filter { $0.key.hasPrefix("state.") }
                .map { (String($0.key.dropFirst(6)), $0.value) })
        let image = ImageShape(channels: 2, height: 13, width: 10)
        let model = try PerturbationDetector(
            PerturbationDetectorArchitecture(image: image, width: 5, stages: 3), state: state)
        let images = try #require(dump["images"]).reshaped([3, image.count])
        let painted = try #require(dump["reconstructions"]).reshaped([3, image.count])
        let workspace = Workspace(threads: 2)
        let wanted = try #require(dump["logits"]).values
        for (found, wanted) in zip(model.logits(images, painted, workspace: workspace), wanted) {
            #expect(abs(found - wanted) < 1e-5)
        }
        model.zeroGradients()
        let loss = model.lossAndGradients(
            images, painted, isPerturbed: [true, false, true], workspace: workspace)
        #expect(abs(loss - (try #require(dump["loss"]).values[0])) < 1e-5)
        for parameter in model.parameters {
            let gradient = try #require(dump["gradient." + parameter.name])
            for (found, wanted) in zip(parameter.gradientTensor.values, gradient.values) {
                #expect(abs(found - wanted) < 1e-5 * max(1, abs(wanted)), "\(parameter.name)")
            }
        }
    }

    @Test(
        "its gradients are the loss's slopes, whatever channels, sizes and stages",
        arguments: [
            PerturbationDetectorArchitecture(
                image: ImageShape(channels: 1, height: 8, width: 8), width: 3, stages: 1),
            PerturbationDetectorArchitecture(
                image: ImageShape(channels: 3, height: 12, width: 9), width: 4, stages: 2),
            PerturbationDetectorArchitecture(
                image: ImageShape(channels: 3, height: 32, width: 32), width: 4, stages: 4),
        ])
    func gradients(sizes: PerturbationDetectorArchitecture) throws {
        var generator = RandomGenerator(seed: 21)
        let model = try PerturbationDetector(sizes, generator: &generator)
        let images = Self.batch([4, sizes.image.count], &generator)
        let painted = Self.batch([4, sizes.image.count], &generator)
        let workspace = Workspace(threads: 2)
        let loss = {
            Double(
                model.lossAndGradients(
                    images, painted, isPerturbed: [true, false, false, true], workspace: workspace))
        }
        model.zeroGradients()
        _ = loss()
        let gradients = model.parameters.map { parameter in
            (0..<parameter.count).map { parameter.gradient[$0] }
        }
        for (parameter, gradient) in zip(model.parameters, gradients) {
            for _ in 0..<3 {
                let index = generator.integer(below: parameter.count)
                let value = parameter.values[index]
                let slope = slope(step: 0.0005) { change in
                    parameter.values[index] = value + change
                    return loss()
                }
                parameter.values[index] = value
                #expect(
                    abs(Double(gradient[index]) - slope) < 4e-3 + 0.02 * abs(slope),
                    "\(parameter.name)[\(index)]")
            }
        }
        #expect(sizes.parameterCount == model.parameterCount)
    }

    @Test("an image's logit does not depend on the images beside it")
    func alone() throws {
        var generator = RandomGenerator(seed: 22)
        let sizes = PerturbationDetectorArchitecture(image: Fitted.image, width: 6)
        let model = try PerturbationDetector(sizes, generator: &generator)
        let (images, painted) = (Fitted.images(35, seed: 1), Fitted.images(35, seed: 2))
        let workspace = Workspace()
        let all = model.logits(images, painted, workspace: workspace)
        for row in [0, 15, 16, 34] {
            let one = row..<row + 1
            #expect(model.logits(images.rows(one), painted.rows(one), workspace: workspace) == [all[row]])
        }
    }

    @Test("sizes that make no network are refused by name")
    func refused() {
        let small = PerturbationDetectorArchitecture(image: ImageShape(channels: 1, height: 7, width: 28))
        #expect(throws: ArchitectureError.imageTooSmall(height: 7, width: 28, heightMin: 8, widthMin: 8)) {
            try small.validate()
        }
        var sizes = PerturbationDetectorArchitecture(image: Fitted.image, width: 0)
        #expect(throws: ArchitectureError.self) { try sizes.validate() }
        (sizes.width, sizes.stages) = (16, 0)
        #expect(throws: ArchitectureError.self) { try sizes.validate() }
        (sizes.width, sizes.stages) = (16, 6)
        #expect(throws: ArchitectureError.self) { try sizes.validate() }
        sizes.stages = 3
        #expect(throws: Never.self) { try sizes.validate() }
    }
}
