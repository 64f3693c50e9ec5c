import Tensor

/// The sizes of a residual network of basic blocks, as torchvision's `resnet18` and `resnet34` are and the networks
/// for CIFAR of the paper that introduced them.
package struct ResNetSizes: Codable, Hashable, Sendable {
    /// What comes before the blocks.
    package enum Stem: String, Codable, CaseIterable, Sendable {
        /// A 3×3 convolution: for images of some 32 pixels a side.
        case cifar
        /// A 7×7 convolution in steps of 2 and a 3×3 pool in steps of 2: for images of some 224.
        case imagenet
    }

    /// The blocks of each stage; every stage but the first halves the image and doubles the channels.
    package var blocks: [Int]
    /// The channels of the first stage.
    package var width: Int
    package var stem: Stem

    package init(blocks: [Int], width: Int, stem: Stem) {
        self.blocks = blocks
        self.width = width
        self.stem = stem
    }

    /// torchvision's `resnet18`; with the stem for CIFAR what is commonly trained there.
    package static func resnet18(stem: Stem, width: Int = 64) -> Self {
        Self(blocks: [2, 2, 2, 2], width: width, stem: stem)
    }

    /// torchvision's `resnet34`.
    package static func resnet34(stem: Stem, width: Int = 64) -> Self {
        Self(blocks: [3, 4, 6, 3], width: width, stem: stem)
    }

    /// The authors' `res20`: three stages from 16 channels.
    package static var resnet20: Self { Self(blocks: [3, 3, 3], width: 16, stem: .cifar) }

    /// The channels of a stage.
    package func channels(stage: Int) -> Int { width << stage }

    /// The channels that are classified.
    package var features: Int { channels(stage: blocks.count - 1) }

    /// Throws when no network of these sizes can be made.
    func validate() throws(ArchitectureError) {
        try require("stages", blocks.count, in: 1...6)
        for (stage, count) in blocks.enumerated() {
            try require("blocks of stage \(stage + 1)", count, in: 1...64)
        }
        try require("width", width, in: 1...1024)
        try require("channels of the last stage", features, in: 1...8192)
    }

    /// One convolution with its BatchNorm.
    package struct Layer: Hashable, Sendable {
        /// The state dict's name of the convolution, and of the norm.
        package var name: String
        package var norm: String
        package var inputs: Int
        package var outputs: Int
        package var side: Int
        package var stride: Int
        /// A convolution and its norm.
        package init(name: String, norm: String, inputs: Int, outputs: Int, side: Int, stride: Int = 1) {
            self.name = name
            self.norm = norm
            self.inputs = inputs
            self.outputs = outputs
            self.side = side
            self.stride = stride
        }

        /// As torchvision has it: sizes stay, but for the stride.
        package var padding: Int { side / 2 }

        /// The extent of the output along a side of so many pixels.
        package func extent(_ pixels: Int) -> Int { (pixels + 2 * padding - side) / stride + 1 }
    }

    /// Two convolutions and, where sizes change, a projection beside them.
    package struct Block: Hashable, Sendable {
        package var first: Layer
        package var second: Layer
        package var projection: Layer?
    }

    /// The stem's convolution.
    package func stemLayer(channels: Int) -> Layer {
        stem == .cifar
            ? Layer(name: "conv1", norm: "bn1", inputs: channels, outputs: width, side: 3, stride: 1)
            : Layer(name: "conv1", norm: "bn1", inputs: channels, outputs: width, side: 7, stride: 2)
    }

    /// Side, stride and padding of the stem's pool.
    package static let stemPool = (side: 3, stride: 2, padding: 1)

    /// Every block in order, under torchvision's names.
    package var allBlocks: [Block] {
        var inputs = width
        return blocks.enumerated().flatMap { stage, count in
            (0..<count).map { index in
                defer { inputs = channels(stage: stage) }
                return block(
                    "layer\(stage + 1).\(index)", inputs, channels(stage: stage),
                    stride: stage > 0 && index == 0 ? 2 : 1)
            }
        }
    }

    private func block(_ name: String, _ inputs: Int, _ outputs: Int, stride: Int) -> Block {
        func layer(_ conv: String, _ norm: String, _ inputs: Int, _ side: Int, _ stride: Int) -> Layer {
            Layer(
                name: "\(name).\(conv)", norm: "\(name).\(norm)", inputs: inputs, outputs: outputs,
                side: side,
                stride: stride)
        }
        let projects = stride != 1 || inputs != outputs
        return Block(
            first: layer("conv1", "bn1", inputs, 3, stride), second: layer("conv2", "bn2", outputs, 3, 1),
            projection: projects ? layer("downsample.0", "downsample.1", inputs, 1, stride) : nil)
    }

    /// Every convolution with the pixels of its output.
    private func convolutions(_ image: ImageShape) -> [(layer: Layer, pixels: Int)] {
        let first = stemLayer(channels: image.channels)
        var (height, width) = (first.extent(image.height), first.extent(image.width))
        var found = [(first, height * width)]
        if stem == .imagenet { (height, width) = (Self.pooled(height), Self.pooled(width)) }
        for block in allBlocks {
            (height, width) = (block.first.extent(height), block.first.extent(width))
            for layer in [block.first, block.second, block.projection].compactMap({ $0 }) {
                found.append((layer, height * width))
            }
        }
        return found
    }

    /// The extent after the stem's pool.
    package static func pooled(_ pixels: Int) -> Int {
        (pixels + 2 * stemPool.padding - stemPool.side) / stemPool.stride + 1
    }

    /// The number of trained values.
    func parameterCount(image: ImageShape, classes: Int) -> Int {
        convolutions(image).reduce((features + 1) * classes) {
            $0 + $1.layer.side * $1.layer.side * $1.layer.inputs * $1.layer.outputs + 2 * $1.layer.outputs
        }
    }

    /// Multiply-adds times two of classifying one image, what falls on the padding counted.
    func flops(image: ImageShape, classes: Int) -> Int {
        convolutions(image).reduce(2 * features * classes) {
            $0 + 2 * $1.pixels * $1.layer.side * $1.layer.side * $1.layer.inputs * $1.layer.outputs
        }
    }
}
