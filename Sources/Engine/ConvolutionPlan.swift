import CKernels
import SAME
import Tensor

/// A convolution over channels-last maps, the BatchNorm after it folded into its weights.
struct ConvolutionPlan {
    /// The sizes of a map, channels unpadded.
    struct Map {
        var height: Int
        var width: Int
        var pixels: Int { height * width }
    }

    private let layer: PackedLayer
    private let sizes: ResNetSizes.Layer
    /// Whether it is done by Winograd's F(2×2, 3×3).
    private let isTransformed: Bool
    /// The values of a pixel of the input.
    let channels: Int
    let input: Map
    let output: Map

    /// PyTorch's default.
    private static let epsilon: Float = 1e-5

    /// Packs a layer whose input has `channels` values a pixel: padded, but for an image itself.
    init(
        _ sizes: ResNetSizes.Layer, on input: Map, channels: Int, _ weights: Weights,
        _ kernels: OpaquePointer,
        in store: WeightStore
    ) {
        let norm = Self.folded(sizes.norm, weights)
        self.sizes = sizes
        self.channels = channels
        self.input = input
        output = Map(height: sizes.extent(input.height), width: sizes.extent(input.width))
        let weight = weights[sizes.name + ".weight"]
        let window = sizes.side * sizes.side
        isTransformed = Self.gains(sizes, output, channels: channels, kernels)
        let places = isTransformed ? WinogradWeights.places : window
        let isTransformed = isTransformed
        layer = PackedLayer(
            kernels, depth: places * channels, outputs: sizes.outputs,
            bias: Tensor(shape: [sizes.outputs], values: norm.shift), in: store
        ) { row, column in
            let (place, channel) = row.quotientAndRemainder(dividingBy: channels)
            guard channel < sizes.inputs else { return 0 }
            let first = (column * sizes.inputs + channel) * window
            guard isTransformed else { return weight.values[first + place] * norm.scale[column] }
            return WinogradWeights.value(
                weight.values[first..<first + window], place, scale: norm.scale[column])
        }
    }

    /// Whether fewer products make up for the transformations: in Float32, on maps that are not small.
    private static func gains(
        _ sizes: ResNetSizes.Layer, _ output: Map, channels: Int, _ kernels: OpaquePointer
    ) -> Bool {
        sg_infer_kind(kernels) == Int32(SG_KIND_F32) && sizes.side == 3 && sizes.stride == 1
            && sizes.padding == 1 && min(output.height, output.width) >= sideMin && channels >= channelsMin
    }

    /// With fewer channels the transformations cost more than they save, and for the few pixels of smaller maps weights that are
    /// 16/9 as many take longer to come.
    private static let (channelsMin, sideMin) = (16, 7)

    /// What a norm with running statistics does to each channel: x · scale + shift.
    private static func folded(_ name: String, _ weights: Weights) -> (scale: [Float], shift: [Float]) {
        let (gamma, beta) = (weights[name + ".weight"].values, weights[name + ".bias"].values)
        let (mean, variance) = (weights[name + ".running_mean"].values, weights[name + ".running_var"].values)
        let scale = gamma.indices.map { gamma[$0] / (variance[$0] + epsilon).squareRoot() }
        return (scale, scale.indices.map { beta[$0] - mean[$0] * scale[$0] })
    }

    /// The values of a pixel of the output.
    var columns: Int { layer.columns }
    /// The number of values of the output.
    var count: Int { output.pixels * columns }
    /// Whether several images may pass at once.
    private var takesSeveral: Bool { isTransformed || min(output.height, output.width) < SG_LARGE_SIDE }
    /// The bytes of scratch that it needs for so many images at once.
    func scratchBytes(images: Int) -> Int {
        guard !isTransformed else {
            return sg_infer_winograd_scratch(images, output.height, output.width, channels)
        }
        return Int(sg_infer_convolution_scratch(images, output.pixels, sizes.side, channels))
    }

    /// y = activation(convolution of x [+ addend]); `x` in the kernels' kind with its scale where that is bytes, `addend`
    /// and `y` maps of a kind, which may be the same. The maps of several images lie side by side in every pixel, each with a
    /// scale of its own; not every map takes several.
    func run(
        _ x: UnsafeRawPointer, images: Int, scale: UnsafePointer<Float>?, into y: UnsafeMutableRawPointer,
        _ kind: Kind,
        adding addend: UnsafeRawPointer? = nil, activation: Int, scratch: UnsafeMutableRawPointer
    ) {
        precondition(images == 1 || takesSeveral)
        let convolution = sg_convolution(
            w: layer.packed, images: images, x: x, x_scale: scale, height: input.height, width: input.width,
            channels: channels,
            side: sizes.side, stride: sizes.stride, padding: sizes.padding, out_height: output.height,
            out_width: output.width, addend: addend, y: y, y_kind: Int32(kind.rawValue),
            activation: Int32(activation), scratch: scratch)
        withUnsafePointer(to: convolution) {
            (isTransformed ? sg_infer_winograd : sg_infer_convolution)(layer.kernels, $0)
        }
    }
}
