import CKernels
import SAME
import Tensor

/// A vision transformer up to what its last layer classifies, one image at a time.
struct TransformerPlan {
    private let kernels: KernelSet
    private let stack: StackPlan
    private let tokens: TokenPlan
    private let patches: Region
    private let blocks: [BlockPlan]
    private let norm: NormPlan
    /// The rows of the stream whose mean is classified: all, or the class token, which is the first.
    private let pooled: Int

    init(
        image: ImageShape, sizes: VisionTransformerSizes, _ weights: Weights, _ kernels: KernelSet,
        in store: WeightStore, _ layout: inout ArenaLayout
    ) {
        self.kernels = kernels
        stack = StackPlan(
            kernels, channels: sizes.embedding, tokens: sizes.tokens(image), heads: [sizes.heads],
            together: Together(oneImageOf: kernels, channels: sizes.embedding), &layout)
        tokens = TokenPlan("", image: image, patch: sizes.patch, weights, kernels, in: store)
        patches = layout.reserve(rows: sizes.patches(image), image.channels * sizes.patch * sizes.patch, .f32)
        blocks = (0..<sizes.depth).map {
            BlockPlan("transformer.\($0)", heads: sizes.heads, weights, kernels, in: store)
        }
        norm = NormPlan("layer_norm", weights, in: store)
        pooled = sizes.pool == .token ? 1 : sizes.patches(image)
    }

    /// The features of an image given channels first, in the inner kind.
    func run(_ picture: UnsafePointer<Float>, into features: UnsafeMutableRawPointer, _ arena: PlanArena) {
        tokens.run(picture, patches: arena.floats(patches), into: arena.floats(stack.x), row: stack.row)
        for block in blocks { block.run(stack, images: 1, arena) }
        norm.run(stack, image: 0, adding: nil, arena)
        let mean = sg_mean(
            x: arena.raw(stack.x), x_kind: Int32(SG_KIND_F32), x_row: stack.row, rows: pooled,
            columns: stack.row, out: features)
        withUnsafePointer(to: mean) { sg_infer_mean(kernels.inner, $0) }
    }
}
