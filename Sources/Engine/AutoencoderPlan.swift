import CKernels
import SAME
import Tensor

/// A masked autoencoder that sees every patch, with packed weights.
struct AutoencoderPlan {
    let architecture: MaskedAutoencoderArchitecture
    let stack: StackPlan
    /// Where the patches of the images lie, and those of their reconstructions: (images · patches, padded patch).
    let patches: Region
    let painted: Region
    private let decoderPositions: UnsafeMutablePointer<Float>
    private let tokens: TokenPlan
    private let encoder: [BlockPlan]
    private let norm: NormPlan
    private let decoder: [BlockPlan]
    private let head: PackedLayer

    init(_ model: MaskedAutoencoder, _ kernels: KernelSet, in store: WeightStore, _ layout: inout ArenaLayout)
    {
        let (a, weights) = (model.architecture, Weights(tensors: model.stateDict))
        architecture = a
        let together = Together(
            kernels, channels: a.embedding, tokens: a.patches + 1, blocks: a.encoderDepth + a.decoderDepth)
        stack = StackPlan(
            kernels, channels: a.embedding, tokens: a.patches + 1, heads: [a.encoderHeads, a.decoderHeads],
            together: together, &layout)
        patches = layout.reserve(rows: together.images * a.patches, a.patchCount, .f32)
        painted = layout.reserve(rows: together.images * a.patches, a.patchCount, .f32)
        decoderPositions = TokenPlan.table("decoder.pos_embedding", channels: a.embedding, weights, in: store)
        tokens = TokenPlan("encoder.", image: a.image, patch: a.patch, weights, kernels, in: store)
        func blocks(_ name: String, _ depth: Int, _ heads: Int) -> [BlockPlan] {
            (0..<depth).map {
                BlockPlan("\(name).transformer.\($0)", heads: heads, weights, kernels, in: store)
            }
        }
        encoder = blocks("encoder", a.encoderDepth, a.encoderHeads)
        norm = NormPlan("encoder.layer_norm", weights, in: store)
        decoder = blocks("decoder", a.decoderDepth, a.decoderHeads)
        head = PackedLayer(kernels.plain, linear: "decoder.head", weights, in: store)
    }

    /// The number of floats that an image's patches take.
    var patchesCount: Int { architecture.patches * roundUp(architecture.patchCount) }

    /// Reconstructs up to `stack.together.images` images: fills `patches` and `painted`.
    func run(_ images: UnsafePointer<Float>, _ count: Int, _ arena: PlanArena) {
        for image in 0..<count {
            tokens.run(
                images + image * architecture.image.count,
                patches: arena.floats(patches) + image * patchesCount,
                into: stack.stream(image, arena), row: stack.row)
        }
        for block in encoder { block.run(stack, images: count, arena) }
        for image in 0..<count { norm.run(stack, image: image, adding: decoderPositions, arena) }
        for block in decoder { block.run(stack, images: count, arena) }
        for image in 0..<count {
            // The class token, the first row of each image, paints nothing.
            let features = stack.stream(image, arena) + stack.row
            let to = arena.floats(painted) + image * patchesCount
            head.run(head.product(features, rows: architecture.patches, into: to, .f32))
        }
    }

    /// The sum of (x − x̂)² of an image.
    func distance(_ image: Int, _ arena: PlanArena) -> Double {
        let at = image * patchesCount
        return withUnsafePointer(to: tokens.cut) {
            sg_infer_distance($0, arena.floats(patches) + at, arena.floats(painted) + at)
        }
    }

    /// Puts an image's reconstruction together: channels first, or channels last.
    func join(_ image: Int, into room: UnsafeMutablePointer<Float>, channelsLast: Bool, _ arena: PlanArena) {
        let shape = architecture.image
        let from = arena.floats(painted) + image * patchesCount
        withUnsafePointer(to: tokens.cut) {
            if channelsLast {
                sg_infer_join($0, from, room, shape.width * shape.channels, shape.channels, 1)
            } else {
                sg_infer_join($0, from, room, shape.width, 1, shape.width * shape.height)
            }
        }
    }

    /// Puts an image and its reconstruction together channels last, the reconstruction's channels after the image's.
    func joinBoth(_ image: Int, into room: UnsafeMutablePointer<Float>, _ arena: PlanArena) {
        let shape = architecture.image
        let (at, pixel) = (image * patchesCount, 2 * shape.channels)
        withUnsafePointer(to: tokens.cut) {
            sg_infer_join($0, arena.floats(patches) + at, room, shape.width * pixel, pixel, 1)
            sg_infer_join(
                $0, arena.floats(painted) + at, room + shape.channels, shape.width * pixel, pixel, 1)
        }
    }
}
