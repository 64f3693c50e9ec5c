import Neural
import Tensor

/// A residual network of basic blocks: stem, stages, the mean over the image, a linear layer.
///
/// **Source** He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016); names as in torchvision, so that
/// its state dicts load unchanged.
final class ResNet: ClassifierNetwork {
    private let image: ImageShape
    private let stem: NormedConvolution
    private let pools: Bool
    private let blocks: [ResidualBlock]
    let output: Linear

    init(image: ImageShape, classes: Int, sizes: ResNetSizes) {
        self.image = image
        stem = NormedConvolution(sizes.stemLayer(channels: image.channels))
        pools = sizes.stem == .imagenet
        blocks = sizes.allBlocks.map(ResidualBlock.init)
        output = Linear("fc", sizes.features, classes)
    }

    var parameters: [Parameter] { stem.parameters + blocks.flatMap(\.parameters) + output.parameters }

    func initialize(_ generator: inout RandomGenerator) {
        for layer in [stem] + blocks.flatMap(\.layers) { layer.initialize(&generator) }
        output.initialize(&generator)
    }

    func features(_ x: Activation, _ pass: Pass) -> Activation {
        var map = stem.forward(pass.featureMap(x, image), pass).relu(pass)
        let pool = ResNetSizes.stemPool
        if pools {
            map = pass.maxPool(map, side: pool.side, stride: pool.stride, padding: pool.padding)
        }
        for block in blocks { map = block.forward(map, pass) }
        return pass.globalAveragePool(map)
    }

    /// PyTorch counts the batches that moved the running statistics; nothing here needs the number.
    static func ignores(_ name: String) -> Bool { name.hasSuffix(".num_batches_tracked") }
}

/// relu(bn2(conv2(relu(bn1(conv1(x))))) + x), or with x projected where the sizes change.
private final class ResidualBlock: Module {
    private let first: NormedConvolution
    private let second: NormedConvolution
    private let projection: NormedConvolution?

    init(_ block: ResNetSizes.Block) {
        first = NormedConvolution(block.first)
        second = NormedConvolution(block.second)
        projection = block.projection.map(NormedConvolution.init)
    }

    var layers: [NormedConvolution] { [first, second] + (projection.map { [$0] } ?? []) }

    var parameters: [Parameter] { layers.flatMap(\.parameters) }

    func forward(_ x: FeatureMap, _ pass: Pass) -> FeatureMap {
        let shortcut = projection?.forward(x, pass) ?? x
        let sum = pass.merge(shortcut.activation) {
            second.forward(first.forward(x, pass).relu(pass), pass).activation
        }
        return FeatureMap(sum, images: x.images, height: shortcut.height, width: shortcut.width).relu(pass)
    }
}

/// A convolution without bias and the BatchNorm after it.
private final class NormedConvolution: Module {
    private let convolution: Convolution
    private let norm: BatchNorm
    private let deviation: Double

    init(_ layer: ResNetSizes.Layer) {
        convolution = Convolution(
            layer.name, layer.inputs, layer.outputs, side: layer.side, stride: layer.stride,
            padding: layer.padding, bias: false)
        norm = BatchNorm(layer.norm, layer.outputs)
        deviation = (2 / Double(layer.outputs * layer.side * layer.side)).squareRoot()
    }

    var parameters: [Parameter] { convolution.parameters + norm.parameters }

    /// Normal weights of variance 2 / (outputs·window), as torchvision draws them.
    ///
    /// **Source** He et al., "Delving Deep into Rectifiers" (ICCV 2015), the backward case.
    func initialize(_ generator: inout RandomGenerator) {
        convolution.weight.fillTruncatedNormal(deviation: deviation, &generator)
    }

    func forward(_ x: FeatureMap, _ pass: Pass) -> FeatureMap {
        norm.forward(convolution.forward(x, pass), pass)
    }
}
