import CKernels
import SAME
import Tensor

/// A residual network's convolutions: norms folded, sums and ReLU fused into the products, no borders stored.
///
/// Large maps pass one by one. Those of the last blocks are a few pixels beside megabytes of weights, so there several images
/// pass at once, side by side in every pixel: the weights are read once for all of them, and a map's short lines fill tiles.
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
    /// The blocks that images pass one by one, and those on small maps.
    private let blocks: [Block]
    private let shared: [Block]
    /// The pixels of the first shared block's map, and its channels.
    private let entry: (pixels: Int, channels: Int)
    /// What is left of each image before the shared blocks.
    private let waiting: Region
    /// The last map's pixels and its channels.
    private let last: (pixels: Int, channels: Int)
    /// The map on its way, what a projection makes of it, and the one between a block's convolutions.
    private let maps: [Region]
    private let between: Region
    /// A map as bytes, and its scale.
    private let bytes: Region
    private let scale: Region
    private let scratch: Region

    /// Maps of no more pixels are shared, by so many images at most: half as many gain almost as much.
    private static let sharedPixels = 64
    private static let imagesMax = 8

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
        let split = blocks.firstIndex { $0.first.input.pixels <= Self.sharedPixels } ?? blocks.count
        self.blocks = Array(blocks[..<split])
        shared = Array(blocks[split...])
        last = (map.pixels, roundUp(sizes.features))
        entry = shared.first.map { ($0.first.input.pixels, $0.first.channels) } ?? last
        waiting = layout.reserve(
            bytes: Plan.imagesAtOnce * entry.pixels * entry.channels * kernels.innerKind.size)
        let single = [stem] + self.blocks.flatMap { [$0.first, $0.second] }
        let several = shared.flatMap { [$0.first, $0.second] }
        let largest = max(
            single.map(\.count).max() ?? 0,
            Self.imagesMax * max(entry.pixels * entry.channels, several.map(\.count).max() ?? 0))
        let size = largest * kernels.innerKind.size
        maps = [layout.reserve(bytes: size), layout.reserve(bytes: size)]
        between = layout.reserve(bytes: size)
        bytes = layout.reserve(bytes: kernels.mainKind == .u8 ? largest : 0)
        scale = layout.reserve(rows: 1, Self.imagesMax, .f32)
        let rooms =
            (single + several).map { $0.scratchBytes(images: 1) }
            + several.map { $0.scratchBytes(images: Self.imagesMax) }
        scratch = layout.reserve(bytes: rooms.max() ?? 0)
    }

    /// Takes an image given channels last up to the shared blocks, as one of those that pass them together.
    func begin(_ picture: UnsafePointer<Float>, _ index: Int, _ arena: PlanArena) {
        var map = enter(picture, arena)
        for block in blocks { map = run(block, images: 1, map, arena) }
        let bytes = entry.pixels * entry.channels * kernels.innerKind.size
        (arena.raw(waiting) + index * bytes).copyMemory(from: arena.raw(maps[map]), byteCount: bytes)
    }

    /// The features of `count` begun images but for those that are settled, in rows of so many bytes: the last map's means, in
    /// the inner kind.
    func end(
        _ count: Int, except settled: [Int], into features: UnsafeMutableRawPointer, row: Int,
        _ arena: PlanArena
    ) {
        let parts = (count + Self.imagesMax - 1) / Self.imagesMax
        for part in 0..<parts {
            let indices = part * count / parts..<(part + 1) * count / parts
            let images = indices.count - indices.count { settled.contains($0) }
            guard images > 0 else { continue }
            var image = 0
            for index in indices where !settled.contains(index) {
                admit(index, as: image, of: images, arena)
                image += 1
            }
            var map = 0
            for block in shared { map = run(block, images: images, map, arena) }
            image = 0
            for index in indices where !settled.contains(index) {
                average(map, image, of: images, into: features + index * row, arena)
                image += 1
            }
        }
    }

    /// Lays one of the waiting maps among those of other images.
    private func admit(_ index: Int, as image: Int, of images: Int, _ arena: PlanArena) {
        let bytes = entry.channels * kernels.innerKind.size
        let (from, to) = (
            arena.raw(waiting) + index * entry.pixels * bytes, arena.raw(maps[0]) + image * bytes
        )
        for pixel in 0..<entry.pixels {
            (to + pixel * images * bytes).copyMemory(from: from + pixel * bytes, byteCount: bytes)
        }
    }

    /// The mean of one image's last map.
    private func average(
        _ map: Int, _ image: Int, of images: Int, into features: UnsafeMutableRawPointer, _ arena: PlanArena
    ) {
        let mean = sg_mean(
            x: arena.raw(maps[map]) + image * last.channels * kernels.innerKind.size,
            x_kind: Int32(kernels.innerKind.rawValue), x_row: images * last.channels, rows: last.pixels,
            columns: last.channels, out: features)
        withUnsafePointer(to: mean) { sg_infer_mean(kernels.inner, $0) }
    }

    /// The stem; which of the maps it fills.
    private func enter(_ picture: UnsafePointer<Float>, _ arena: PlanArena) -> Int {
        stem.run(
            picture, images: 1, scale: nil, into: arena.raw(maps[0]), kernels.innerKind,
            activation: SG_ACTIVATION_RELU,
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
    private func run(_ block: Block, images: Int, _ map: Int, _ arena: PlanArena) -> Int {
        let (x, middle) = (arena.raw(maps[map]), arena.raw(between))
        let operand = operand(x, block.first.input.pixels, block.first.channels, images, arena)
        run(block.first, operand, images, into: middle, arena, activation: SG_ACTIVATION_RELU)
        let to = block.projection == nil ? map : 1 - map
        if let projection = block.projection {
            run(projection, operand, images, into: arena.raw(maps[to]), arena, activation: SG_ACTIVATION_NONE)
        }
        let sum = arena.raw(maps[to])
        let inner = self.operand(middle, block.second.input.pixels, block.second.channels, images, arena)
        run(block.second, inner, images, into: sum, arena, adding: sum, activation: SG_ACTIVATION_ADD_RELU)
        return to
    }

    private func run(
        _ layer: ConvolutionPlan, _ x: UnsafeRawPointer, _ images: Int, into y: UnsafeMutableRawPointer,
        _ arena: PlanArena, adding addend: UnsafeRawPointer? = nil, activation: Int
    ) {
        layer.run(
            x, images: images, scale: arena.floats(scale), into: y, kernels.innerKind, adding: addend,
            activation: activation, scratch: arena.raw(scratch))
    }

    /// Maps as the convolutions take them: where they are, or as bytes with a scale for each image.
    private func operand(
        _ map: UnsafeMutableRawPointer, _ pixels: Int, _ channels: Int, _ images: Int, _ arena: PlanArena
    ) -> UnsafeRawPointer {
        guard kernels.mainKind == .u8 else { return UnsafeRawPointer(map) }
        let to = arena.raw(bytes)
        for image in 0..<images {
            let at = image * channels
            sg_infer_to_bytes(
                kernels.main, map + at * kernels.innerKind.size, Int32(kernels.innerKind.rawValue), pixels,
                channels, images * channels, to + at, arena.floats(scale) + image)
        }
        return UnsafeRawPointer(to)
    }
}
