import Neural
import SAME
import Tensor
import Testing

/// Whole models' gradients against central differences of the loss.
@Suite struct NetworkGradientTests {
    private static let image = ImageShape(channels: 2, height: 14, width: 16)

    @Test("the autoencoder's gradients are the loss's slopes", arguments: [0.75, 0.3, 0])
    func autoencoder(ratio: Double) throws {
        var generator = RandomGenerator(seed: 3)
        let architecture = MaskedAutoencoderArchitecture(
            image: ImageShape(channels: 2, height: 6, width: 8), patch: 2, embedding: 12, encoderDepth: 2,
            encoderHeads: 3, decoderDepth: 1, decoderHeads: 2)
        let model = try MaskedAutoencoder(architecture, generator: &generator)
        let batch = Tensor.random([3, architecture.image.count], &generator)
        let visible = model.randomMasks(images: 3, maskRatio: ratio, generator: &generator)
        let workspace = Workspace(threads: 2)
        checkGradients(of: model, step: 0.01, &generator) {
            Double(model.lossAndGradients(batch, visible: visible, workspace: workspace))
        }
    }

    @Test("a classifier's gradients are the loss's slopes", arguments: [0, 1, 2])
    func conv3(objective: Int) throws {
        var generator = RandomGenerator(seed: 4)
        let model = try Classifier(.conv3(image: Self.image, classes: 5, width: 3), generator: &generator)
        let batch = Tensor.random([4, Self.image.count], &generator)
        let objective = Self.objective(objective, &generator)
        let workspace = Workspace(threads: 2)
        // A short step: ReLU and the pools have kinks.
        checkGradients(of: model, step: 0.002, &generator) {
            Double(model.lossAndGradients(batch, objective, workspace: workspace).loss)
        }
    }

    private static let others: [ClassifierArchitecture] = [
        .resnet(image: image, classes: 5, sizes: ResNetSizes(blocks: [1, 2], width: 3, stem: .cifar)),
        .resnet(image: image, classes: 5, sizes: ResNetSizes(blocks: [1, 1], width: 4, stem: .imagenet)),
        .vit(
            image: image, classes: 5,
            sizes: VisionTransformerSizes(patch: 2, embedding: 12, depth: 2, heads: 3, pool: .token)),
        .vit(
            image: image, classes: 5,
            sizes: VisionTransformerSizes(patch: 2, embedding: 8, depth: 1, heads: 2, pool: .mean)),
    ]

    @Test("residual networks' and transformers' gradients are the loss's slopes", arguments: others)
    func networks(architecture: ClassifierArchitecture) throws {
        var generator = RandomGenerator(seed: 14)
        let model = try Classifier(architecture, generator: &generator)
        let batch = Tensor.random([6, Self.image.count], &generator)
        let workspace = Workspace(threads: 2)
        // A shorter step still: BatchNorm divides by the spread of few values, which sharpens the kinks.
        checkGradients(of: model, step: 0.0005, &generator, tolerance: 8e-3) {
            Double(
                model.lossAndGradients(batch, .labels([0, 3, 4, 3, 1, 2]), workspace: workspace).loss)
        }
    }

    @Test("the gradient by the image is the loss's slope", arguments: [0, 1, 2])
    func input(objective: Int) throws {
        var generator = RandomGenerator(seed: 5)
        let model = try Classifier(.mlp(image: Self.image, classes: 5, hidden: 20), generator: &generator)
        let batch = Tensor.random([4, Self.image.count], &generator)
        let objective = Self.objective(objective, &generator)
        let workspace = Workspace()
        let before = model.stateDict
        let gradient = model.inputGradient(batch, objective, workspace: workspace)
        for _ in 0..<40 {
            let index = generator.integer(below: batch.count)
            let slope = slope(step: 0.01) { change in
                var moved = batch
                moved.values[index] += change
                return Double(model.lossAndGradients(moved, objective, workspace: workspace).loss)
            }
            #expect(isClose(Double(gradient.values[index]), slope))
        }
        #expect(model.stateDict == before)
    }

    private static func objective(_ kind: Int, _ generator: inout RandomGenerator) -> ClassifierObjective {
        var wanted = Tensor.random([4, 5], &generator)
        for row in 0..<4 {
            let sum = (0..<5).reduce(Float(0)) { $0 + abs(wanted.values[row * 5 + $1]) }
            for k in 0..<5 { wanted.values[row * 5 + k] = abs(wanted.values[row * 5 + k]) / sum }
        }
        return [.labels([0, 3, 4, 3]), .probabilities(wanted), .squaredProbabilities(wanted)][kind]
    }

    /// Compares some values' gradients of every parameter.
    private func checkGradients(
        of model: some Module, step: Float, _ generator: inout RandomGenerator, tolerance: Double = 3e-4,
        loss: () -> Double
    ) {
        model.zeroGradients()
        _ = loss()
        let gradients = model.parameters.map { parameter in
            parameter.isTrainable ? (0..<parameter.count).map { parameter.gradient[$0] } : []
        }
        for (parameter, gradient) in zip(model.parameters, gradients) where parameter.isTrainable {
            for _ in 0..<4 {
                let index = generator.integer(below: parameter.count)
                let value = parameter.values[index]
                let slope = slope(step: step) { change in
                    parameter.values[index] = value + change
                    return loss()
                }
                parameter.values[index] = value
                #expect(
                    isClose(Double(gradient[index]), slope, tolerance: tolerance),
                    "\(parameter.name)[\(index)]")
            }
        }
    }
}

/// The central difference of a function of a change, by Richardson's extrapolation over two steps.
func slope(step: Float, _ value: (Float) -> Double) -> Double {
    func difference(_ h: Float) -> Double { (value(h) - value(-h)) / Double(2 * h) }
    return (4 * difference(step / 2) - difference(step)) / 3
}

/// Float32 losses of about 1 carry some 1e-7, so a difference over 0.002 carries some 1e-4.
func isClose(_ found: Double, _ expected: Double, tolerance: Double = 3e-4) -> Bool {
    abs(found - expected) <= tolerance + 0.02 * abs(expected)
}

extension Tensor {
    /// Uniform values in [−1, 1).
    static func random(_ shape: [Int], _ generator: inout RandomGenerator) -> Tensor {
        var tensor = Tensor(shape: shape)
        for index in 0..<tensor.count { tensor.values[index] = generator.uniform(-1..<1) }
        return tensor
    }
}
