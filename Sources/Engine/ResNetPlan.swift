import CKernels
import SAME
import Tensor

/// A residual network's convolutions: norms folded, sums and ReLU fused into the products, no borders stored.
///
/// Maps lie in the inner kind; in 8 bits each is turned to bytes with one scale before it is convolved, so that what
/// an image gives depends on that image alone.
struct ResNetPlan {
    private struct Block {
        let first: ConvolutionPlan
        let second: ConvolutionPlan
        let projection: ConvolutionPlan?
    }

    private let kernels: KernelSet
    private let stem: ConvolutionPlan
    private let pooled: ConvolutionPlan.Map?
    private let blocks: [Block]
    /// The last map's pixels and its channels.
    private let last: (pixels: Int, channels: Int)
    /// The map on its way, what a projection makes of it, and the one between a block's convolutions.
    private let maps: [Region]
    private let between: Region
    /// A map as bytes, and its scale.
    private let bytes: Region
    private let scale: Region
    private let scratch: Region

    init(
        image: ImageShape, sizes: ResNetSizes, _ weights: Weights, _ kernels: KernelSet,
        in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        self.kernels = kernels
        // The image has too few channels to fill a word of lower precision.
        stem = ConvolutionPlan(
            sizes.stemLayer(channels: image.channels),
            on: .init(height: image.height, width: image.width), channels: image.channels, weights,
            kernels.plain, in: store)
        var map = stem.output
        if sizes.stem == .imagenet {
            map = .init(height: ResNetSizes.pooled(map.height), width: ResNetSizes.pooled(map.width))
            pooled = map
        } else {
            pooled = nil
        }
        var blocks: [Block] = []
        for block in sizes.allBlocks {
            func plan(_ layer: ResNetSizes.Layer, on map: ConvolutionPlan.Map) -> ConvolutionPlan {
                ConvolutionPlan(
                    layer, on: map, channels: roundUp(layer.inputs), weights, kernels.main, in: store)
            }
            let first = plan(block.first, on: map)
            blocks.append(
                Block(
                    first: first, second: plan(block.second, on: first.output),
                    projection: block.projection.map { plan($0, on: map) }))
            map = first.output
        }
        self.blocks = blocks
        last = (map.pixels, roundUp(sizes.features))
        let all = [stem] + blocks.flatMap { [$0.first, $0.second] }
        let largest = all.map(\.count).max() ?? 0
        let size = largest * kernels.innerKind.size
        maps = [layout.reserve(bytes: size), layout.reserve(bytes: size)]
        between = layout.reserve(bytes: size)
        bytes = layout.reserve(bytes: kernels.mainKind == .u8 ? largest : 0)
        scale = layout.reserve(rows: 1, 1, .f32)
        scratch = layout.reserve(bytes: all.map(\.scratchBytes).max() ?? 0)
    }

    /// The features of an image given channels last: the last map's mean, in the inner kind.
    func run(_ picture: UnsafePointer<Float>, into features: UnsafeMutableRawPointer, _ arena: PlanArena) {
        var map = enter(picture, arena)
        for block in blocks { map = run(block, map, arena) }
        let mean = sg_mean(
            x: arena.raw(maps[map]), x_kind: Int32(kernels.innerKind.rawValue), x_row: last.channels,
            rows: last.pixels, columns: last.channels, out: features)
        withUnsafePointer(to: mean) { sg_infer_mean(kernels.inner, $0) }
    }

    /// The stem; which of the maps it fills.
    private func enter(_ picture: UnsafePointer<Float>, _ arena: PlanArena) -> Int {
        stem.run(
            picture, scale: nil, into: arena.raw(maps[0]), kernels.innerKind, activation: SG_ACTIVATION_RELU,
            scratch: arena.raw(scratch))
        guard let pooled else { return 0 }
        let how = ResNetSizes.stemPool
        let pool = sg_pool(
            x: arena.raw(maps[0]), y: arena.raw(maps[1]), height: stem.output.height,
            width: stem.output.width,
            channels: stem.columns, side: how.side, stride: how.stride, padding: how.padding,
            out_height: pooled.height, out_width: pooled.width)
        withUnsafePointer(to: pool) { sg_infer_pool(kernels.inner, $0) }
        return 1
    }

    /// A block on one of the maps; which of them holds what comes of it.
    private func run(_ block: Block, _ map: Int, _ arena: PlanArena) -> Int {
        let (x, middle) = (arena.raw(maps[map]), arena.raw(between))
        let operand = operand(x, block.first.input.pixels * block.first.channels, arena)
        run(block.first, operand, into: middle, arena, activation: SG_ACTIVATION_RELU)
        let to = block.projection == nil ? map : 1 - map
        if let projection = block.projection {
            run(projection, operand, into: arena.raw(maps[to]), arena, activation: SG_ACTIVATION_NONE)
        }
        let sum = arena.raw(maps[to])
        run(
            block.second, self.operand(middle, block.first.count, arena), into: sum, arena, adding: sum,
            activation: SG_ACTIVATION_ADD_RELU)
        return to
    }

    private func run(
        _ layer: ConvolutionPlan, _ x: UnsafeRawPointer, into y: UnsafeMutableRawPointer, _ arena: PlanArena,
        adding addend: UnsafeRawPointer? = nil, activation: Int
    ) {
        layer.run(
            x, scale: arena.floats(scale), into: y, kernels.innerKind, adding: addend, activation: activation,
            scratch: arena.raw(scratch))
    }

    /// A map as the convolutions take it: where it is, or as bytes.
    private func operand(
        _ map: UnsafeMutableRawPointer, _ count: Int, _ arena: PlanArena
    ) -> UnsafeRawPointer {
        guard kernels.mainKind == .u8 else { return UnsafeRawPointer(map) }
        let to = arena.raw(bytes)
        sg_infer_to_bytes(
            kernels.main, map, Int32(kernels.innerKind.rawValue), count, to, arena.floats(scale))
        return UnsafeRawPointer(to)
    }
}
