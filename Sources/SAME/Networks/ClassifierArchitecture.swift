import Tensor

/// The kind and sizes of a classifier: the auxiliary model, or the demo's victim.
package enum ClassifierArchitecture: Codable, Hashable, Sendable {
    /// Three 3×3 convolutions and two linear layers, as the authors' victim for 28×28 images. `width` is the
    /// number of channels of the first convolution (32 there); the others have 2 and 4 times, the hidden
    /// linear layer 16 times as many.
    case conv3(image: ImageShape, classes: Int, width: Int)
    /// Two hidden layers of the same size with ReLU.
    case mlp(image: ImageShape, classes: Int, hidden: Int)
    /// A residual network.
    case resnet(image: ImageShape, classes: Int, sizes: ResNetSizes)
    /// A vision transformer.
    case vit(image: ImageShape, classes: Int, sizes: VisionTransformerSizes)

    /// The images it classifies.
    package var image: ImageShape {
        switch self {
        case .conv3(let image, _, _), .mlp(let image, _, _), .resnet(let image, _, _), .vit(let image, _, _):
            image
        }
    }

    /// The number of classes.
    package var classes: Int {
        switch self {
        case .conv3(_, let classes, _), .mlp(_, let classes, _), .resnet(_, let classes, _),
            .vit(_, let classes, _):
            classes
        }
    }

    /// The number of attention heads of a transformer; nil for any other network.
    package var heads: Int? {
        if case .vit(_, _, let sizes) = self { sizes.heads } else { nil }
    }

    /// The number of values that enter the last layer: what the network makes of an image before it decides.
    package var features: Int {
        switch self {
        case .conv3(_, _, let width): 16 * width
        case .mlp(_, _, let hidden): hidden
        case .resnet(_, _, let sizes): sizes.features
        case .vit(_, _, let sizes): sizes.embedding
        }
    }

    /// Throws when no network of these sizes can be made.
    package func validate() throws(ArchitectureError) {
        try requireImage(image)
        try require("classes", classes, in: 2...65536)
        switch self {
        case .conv3(_, _, let width):
            try require("width", width, in: 1...1024)
            let sizes = Conv3Sizes(image: image)
            guard sizes.last.height >= 1, sizes.last.width >= 1 else {
                throw .imageTooSmall(height: image.height, width: image.width, heightMin: 14, widthMin: 14)
            }
        case .mlp(_, _, let hidden):
            try require("hidden", hidden, in: 1...65536)
        case .resnet(_, _, let sizes): try sizes.validate()
        case .vit(let image, _, let sizes): try sizes.validate(image)
        }
    }

    /// The number of trained values. Valid for validated sizes.
    package var parameterCount: Int {
        switch self {
        case .conv3(let image, let classes, let width):
            let pixels = Conv3Sizes(image: image).last.pixels
            let convolutions = 9 * width * (image.channels + 2 * width + 8 * width) + 7 * width
            return convolutions + 16 * width * (4 * width * pixels + 1) + classes * (16 * width + 1)
        case .mlp(let image, let classes, let hidden):
            return hidden * (image.count + 1) + hidden * (hidden + 1) + classes * (hidden + 1)
        case .resnet(let image, let classes, let sizes):
            return sizes.parameterCount(image: image, classes: classes)
        case .vit(let image, let classes, let sizes):
            return sizes.parameterCount(image: image, classes: classes)
        }
    }

    /// Multiply-adds times two of classifying one image.
    package var flops: Int {
        switch self {
        case .conv3(let image, let classes, let width):
            let sizes = Conv3Sizes(image: image)
            let first = sizes.first.pixels * image.channels
            let others = sizes.second.pixels * 2 * width + sizes.third.pixels * 8 * width
            let linear = 64 * width * width * sizes.last.pixels + 16 * width * classes
            return 2 * (9 * width * (first + others) + linear)
        case .mlp(let image, let classes, let hidden):
            return 2 * hidden * (image.count + hidden + classes)
        case .resnet(let image, let classes, let sizes): return sizes.flops(image: image, classes: classes)
        case .vit(let image, let classes, let sizes): return sizes.flops(image: image, classes: classes)
        }
    }
}

/// The sizes of Conv3's feature maps: valid 3×3 convolutions, 2×2 pools that drop an odd last row and column.
struct Conv3Sizes {
    struct Map {
        var height: Int
        var width: Int
        var pixels: Int { height * width }
        var convolved: Map { Map(height: height - 2, width: width - 2) }
        var pooled: Map { Map(height: height / 2, width: width / 2) }
    }

    let first: Map
    let second: Map
    let third: Map
    let last: Map

    init(image: ImageShape) {
        first = Map(height: image.height, width: image.width).convolved
        second = first.pooled.convolved
        third = second.convolved
        last = third.pooled
    }
}
