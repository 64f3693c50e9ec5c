import Tensor

/// The sizes of a perturbation detector.
package struct PerturbationDetectorArchitecture: Codable, Hashable, Sendable {
    /// The images it judges.
    package var image: ImageShape
    /// The channels of the convolutions at full size; those behind a pool have twice as many.
    package var width: Int
    /// The number of resolutions: two convolutions at full size, then for each further stage a pool that halves the
    /// image and one convolution.
    package var stages: Int

    package init(image: ImageShape, width: Int = 16, stages: Int = 3) {
        self.image = image
        self.width = width
        self.stages = stages
    }

    /// The least side of an image.
    package static let sideMin = 8

    /// One 3×3 convolution that keeps the size of its map.
    package struct Layer: Hashable, Sendable {
        /// The state dict's name, a place in a sequence as PyTorch counts it.
        package var name: String
        package var inputs: Int
        package var outputs: Int
        /// The sizes of its map.
        package var height: Int
        package var width: Int
        /// Whether a 2×2 mean comes before it, which drops an odd last row and column.
        package var isPooledBefore: Bool
    }

    /// Every convolution in order.
    package var layers: [Layer] {
        var (height, side) = (image.height, image.width)
        var layers = [
            Layer(
                name: "features.0", inputs: 2 * image.channels, outputs: width, height: height, width: side,
                isPooledBefore: false),
            Layer(
                name: "features.2", inputs: width, outputs: width, height: height, width: side,
                isPooledBefore: false),
        ]
        for stage in 1..<max(stages, 1) {
            (height, side) = (height / 2, side / 2)
            layers.append(
                Layer(
                    name: "features.\(2 + 3 * stage)", inputs: stage == 1 ? width : 2 * width,
                    outputs: 2 * width,
                    height: height, width: side, isPooledBefore: true))
        }
        return layers
    }

    /// The channels of the last map.
    package var features: Int { stages > 1 ? 2 * width : width }

    /// Throws when no network of these sizes can be made.
    package func validate() throws(ArchitectureError) {
        try requireImage(image)
        try require("width", width, in: 1...1024)
        try require("stages", stages, in: 1...8)
        // The place of a channel's largest value is kept in 16 bits.
        let sideMax = min(1024, 256 << (stages - 1))
        guard min(image.height, image.width) >= max(Self.sideMin, 1 << (stages - 1)) else {
            let least = max(Self.sideMin, 1 << (stages - 1))
            throw .imageTooSmall(
                height: image.height, width: image.width, heightMin: least, widthMin: least)
        }
        try require("image height", image.height, in: 1...sideMax)
        try require("image width", image.width, in: 1...sideMax)
    }

    /// The number of trained values. Valid for validated sizes.
    package var parameterCount: Int {
        layers.reduce(2 * features + 1) { $0 + (9 * $1.inputs + 1) * $1.outputs }
    }

    /// Multiply-adds times two of judging one image, what falls on the padding counted.
    package var flops: Int {
        layers.reduce(4 * features) { $0 + 2 * 9 * $1.inputs * $1.outputs * $1.height * $1.width }
    }
}
