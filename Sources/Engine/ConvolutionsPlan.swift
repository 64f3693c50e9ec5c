import CKernels
import SAME
import Tensor

/// Conv3's convolutions and pools as products over the lines of channels-last maps: nothing is unrolled.
///
/// A window's line is one run of memory, so a row of a product is three runs; maps keep their channels padded.
struct ConvolutionsPlan {
    /// A valid 3×3 convolution with ReLU, and maybe a 2×2 pool after it.
    private struct Stage {
        let layer: PackedLayer
        let width: Int
        let channels: Int
        let out: (height: Int, width: Int)
        let map: Region
        let pooled: Region?
    }

    private static let side = 3
    private static let poolSide = 2
    private let stages: [Stage]
    private let kernels: KernelSet
    /// The last map's sizes, channels unpadded.
    private let last: (pixels: Int, channels: Int)

    init(
        image: ImageShape, _ weights: Weights, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        self.kernels = kernels
        var (height, width, channels, real) = (image.height, image.width, image.channels, image.channels)
        var stages: [Stage] = []
        for (name, pools) in [("net.0", true), ("net.3", false), ("net.5", true)] {
            // The first has too few channels to fill a word of lower precision.
            let layer = Self.pack(
                name, channels: channels, weights, stages.isEmpty ? kernels.plain : kernels.inner, in: store)
            let out = (height: height - Self.side + 1, width: width - Self.side + 1)
            let map = layout.reserve(bytes: out.height * out.width * layer.columns * kernels.innerKind.size)
            let stage = Stage(
                layer: layer, width: width, channels: channels, out: out, map: map,
                pooled: pools
                    ? layout.reserve(rows: out.height * out.width, layer.columns, kernels.innerKind) : nil)
            stages.append(stage)
            (height, width) = pools ? (out.height / Self.poolSide, out.width / Self.poolSide) : out
            (channels, real) = (layer.columns, weights[name + ".bias"].count)
        }
        self.stages = stages
        last = (height * width, real)
    }

    /// Packs a weight (outputs, inputs, 3, 3) for windows of `channels` values a pixel.
    private static func pack(
        _ name: String, channels: Int, _ weights: Weights, _ kernels: OpaquePointer, in store: WeightStore
    ) -> PackedLayer {
        let weight = weights[name + ".weight"]
        let inputs = weight.shape[1]
        return PackedLayer(
            kernels, depth: side * side * channels, outputs: weight.rows, bias: weights[name + ".bias"],
            in: store
        ) { row, column in
            let (place, channel) = row.quotientAndRemainder(dividingBy: channels)
            return channel < inputs ? weight.values[(column * inputs + channel) * side * side + place] : 0
        }
    }

    /// Packs a linear layer over the last map, whose inputs the state dict orders by channel, this by pixel.
    func flattened(
        _ name: String, _ weights: Weights, _ kernels: KernelSet, in store: WeightStore
    ) -> PackedLayer {
        let weight = weights[name + ".weight"]
        let row = roundUp(last.channels)
        return PackedLayer(
            kernels.inner, depth: last.pixels * row, outputs: weight.rows, bias: weights[name + ".bias"],
            in: store
        ) { index, column in
            let (pixel, channel) = index.quotientAndRemainder(dividingBy: row)
            return channel < last.channels
                ? weight.values[column * weight.rowCount + channel * last.pixels + pixel] : 0
        }
    }

    /// The last pooled map of an image given channels last: pixels · padded channels values.
    func run(
        _ picture: UnsafePointer<Float>, into features: UnsafeMutableRawPointer, _ arena: PlanArena
    ) {
        var input = UnsafeRawPointer(picture)
        for (index, stage) in stages.enumerated() {
            let map = arena.raw(stage.map)
            convolve(stage, input, into: map)
            input = UnsafeRawPointer(map)
            guard let pooled = stage.pooled else { continue }
            let to = index == stages.count - 1 ? features : arena.raw(pooled)
            pool(stage, map, into: to)
            input = UnsafeRawPointer(to)
        }
    }

    private func convolve(_ stage: Stage, _ input: UnsafeRawPointer, into map: UnsafeMutableRawPointer) {
        var product = stage.layer.product(input, rows: stage.out.width, into: map, kernels.innerKind)
        product.a_row = stage.channels
        product.a_line = stage.width * stage.channels
        product.segments = Self.side
        product.segment = Self.side * stage.channels
        product.segment_stride = stage.width * stage.channels
        product.lines = stage.out.height
        product.c_line = stage.out.width * stage.layer.columns
        product.activation = Int32(SG_ACTIVATION_RELU)
        stage.layer.run(product)
    }

    private func pool(_ stage: Stage, _ map: UnsafeRawPointer, into to: UnsafeMutableRawPointer) {
        let pool = sg_pool(
            x: map, y: to, height: stage.out.height, width: stage.out.width, channels: stage.layer.columns,
            side: Self.poolSide, stride: Self.poolSide, padding: 0,
            out_height: stage.out.height / Self.poolSide,
            out_width: stage.out.width / Self.poolSide)
        withUnsafePointer(to: pool) { sg_infer_pool(kernels.inner, $0) }
    }
}
