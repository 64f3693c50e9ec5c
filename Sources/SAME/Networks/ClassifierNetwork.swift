import Neural
import Tensor

/// The layers of one kind of classifier.
protocol ClassifierNetwork: Module {
    /// Draws initial weights.
    func initialize(_ generator: inout RandomGenerator)
    /// x (B, C·H·W) → what the last layer decides by, (B, features).
    func features(_ x: Activation, _ pass: Pass) -> Activation
    /// The last layer: features → logits (B, classes).
    var output: Linear { get }
    /// Names that a state dict of the authors' model holds besides, and that mean nothing here.
    static func ignores(_ name: String) -> Bool
}

extension ClassifierNetwork {
    static func ignores(_ name: String) -> Bool { false }
}

extension FeatureMap {
    /// ReLU in place: nothing else may use this map's values.
    func relu(_ pass: Pass) -> FeatureMap {
        FeatureMap(pass.relu(activation), images: images, height: height, width: width)
    }
}

/// The authors' Conv3: valid 3×3 convolutions, pools of 2, two linear layers.
final class Conv3: ClassifierNetwork {
    private let image: ImageShape
    private let first: Convolution
    private let second: Convolution
    private let third: Convolution
    private let hidden: Linear
    let output: Linear

    init(image: ImageShape, classes: Int, width: Int) {
        self.image = image
        first = Convolution("net.0", image.channels, width, side: 3)
        second = Convolution("net.3", width, 2 * width, side: 3)
        third = Convolution("net.5", 2 * width, 4 * width, side: 3)
        hidden = Linear("net.9", 4 * width * Conv3Sizes(image: image).last.pixels, 16 * width)
        output = Linear("net.11", 16 * width, classes)
    }

    var parameters: [Parameter] {
        first.parameters + second.parameters + third.parameters + hidden.parameters + output.parameters
    }

    func initialize(_ generator: inout RandomGenerator) {
        for layer in [first, second, third] { layer.initialize(&generator) }
        for layer in [hidden, output] { layer.initialize(&generator) }
    }

    func features(_ x: Activation, _ pass: Pass) -> Activation {
        var map = first.forward(pass.featureMap(x, image), pass).relu(pass)
        map = pass.maxPool(map, side: 2, stride: 2)
        map = second.forward(map, pass).relu(pass)
        map = third.forward(map, pass).relu(pass)
        map = pass.maxPool(map, side: 2, stride: 2)
        return pass.relu(hidden.forward(pass.flatten(map), pass))
    }

    /// The authors' model registers the same layers twice; `net1` to `net4` are never run.
    static func ignores(_ name: String) -> Bool {
        ["net1.", "net2.", "net3.", "net4."].contains { name.hasPrefix($0) }
    }
}

/// Two hidden layers with ReLU, named as the authors' MLP.
final class MultilayerPerceptron: ClassifierNetwork {
    private let layers: [Linear]

    init(image: ImageShape, classes: Int, hidden: Int) {
        layers = [
            Linear("linear1", image.count, hidden), Linear("linear2", hidden, hidden),
            Linear("linear3", hidden, classes),
        ]
    }

    var parameters: [Parameter] { layers.flatMap(\.parameters) }

    func initialize(_ generator: inout RandomGenerator) {
        for layer in layers { layer.initialize(&generator) }
    }

    func features(_ x: Activation, _ pass: Pass) -> Activation {
        pass.relu(layers[1].forward(pass.relu(layers[0].forward(x, pass)), pass))
    }

    var output: Linear { layers[2] }
}
