import CKernels
import Tensor

/// The sizes that a stack of transformer blocks shares, and where its activations lie.
struct StackPlan {
    let kernels: KernelSet
    let channels: Int
    /// The rows of an image in the stream; fewer where some of its patches are hidden.
    private(set) var tokens: Int
    /// How many images and rows pass together.
    let together: Together
    /// The residual stream, Float32.
    let x: Region
    /// The left side of the products from the stream, and of fc2, in the main kind.
    let operand: Region
    let qkv: Region
    let attended: Region
    let hidden: Region
    let scale: Region
    let zero: Region
    let line: Region
    let scratch: Region
    /// Attention's kernels: Float32 where a head has an odd number of channels, since bfloat16 takes them in pairs.
    let attention: OpaquePointer
    let attentionKind: Kind
    /// What fc1 leaves for fc2.
    let hiddenKind: Kind

    init(
        _ kernels: KernelSet, channels: Int, tokens: Int, heads: [Int], together: Together,
        _ layout: inout ArenaLayout
    ) {
        self.kernels = kernels
        self.channels = channels
        self.tokens = tokens
        self.together = together
        let pairs = heads.allSatisfy { (channels / $0).isMultiple(of: 2) }
        attention = pairs ? kernels.inner : kernels.plain
        attentionKind = pairs ? kernels.innerKind : .f32
        hiddenKind = kernels.innerKind
        let rows = tokens * together.images
        x = layout.reserve(rows: tokens * together.images, channels, .f32)
        operand = layout.reserve(rows: rows, 4 * channels, kernels.mainKind)
        qkv = layout.reserve(rows: rows, 3 * channels, attentionKind)
        attended = layout.reserve(rows: rows, channels, attentionKind)
        hidden = layout.reserve(rows: rows, 4 * channels, hiddenKind)
        scale = layout.reserve(rows: 1, rows, .f32)
        zero = layout.reserve(rows: 1, rows, .f32)
        line = layout.reserve(rows: 1, channels, .f32)
        let most = heads.map { sg_infer_attention_scratch(tokens, channels / $0) }.max() ?? 0
        scratch = layout.reserve(bytes: Int(most))
    }

    /// Where an image's rows of the stream begin.
    func stream(_ image: Int, _ arena: PlanArena) -> UnsafeMutablePointer<Float> {
        arena.floats(x) + image * tokens * row
    }

    /// The same memory for images of fewer tokens.
    func with(tokens: Int) -> StackPlan {
        precondition(tokens <= self.tokens, "the regions hold no more")
        var stack = self
        stack.tokens = tokens
        return stack
    }

    /// The number of values from row to row of the stream.
    var row: Int { roundUp(channels) }
}

/// A pre-norm transformer block with packed weights.
struct BlockPlan {
    private let norm1: NormPlan
    private let qkv: PackedLayer
    private let projection: PackedLayer
    private let norm2: NormPlan
    private let fc1: PackedLayer
    private let fc2: PackedLayer
    private let heads: Int

    init(_ name: String, heads: Int, _ weights: Weights, _ kernels: KernelSet, in store: WeightStore) {
        self.heads = heads
        norm1 = NormPlan(name + ".norm1", weights, in: store)
        norm2 = NormPlan(name + ".norm2", weights, in: store)
        func layer(_ part: String) -> PackedLayer {
            PackedLayer(kernels.main, linear: name + part, weights, in: store)
        }
        qkv = layer(".attn.qkv")
        projection = layer(".attn.proj")
        fc1 = layer(".mlp.fc1")
        fc2 = layer(".mlp.fc2")
    }

    /// Adds the block's two branches to the stream of `images` images.
    func run(_ stack: StackPlan, images: Int, _ arena: PlanArena) {
        attend(stack, images, arena)
        let rows = images * stack.tokens
        let parts = (rows + stack.together.rows - 1) / stack.together.rows
        for part in 0..<parts {
            transform(stack, part * rows / parts..<(part + 1) * rows / parts, arena)
        }
    }

    /// Adds the attention's branch.
    private func attend(_ stack: StackPlan, _ images: Int, _ arena: PlanArena) {
        let rows = images * stack.tokens
        let x = arena.floats(stack.x)
        norm1.run(stack, x, rows: rows, arena)
        run(
            qkv, stack, rows: rows, arena.raw(stack.operand), into: arena.raw(stack.qkv), stack.attentionKind,
            arena)
        for image in 0..<images { mix(stack, image, arena) }
        let attended = operand(arena.raw(stack.attended), stack.attentionKind, stack.row, rows, stack, arena)
        run(projection, stack, rows: rows, attended, into: x, .f32, arena, addend: x)
    }

    /// Adds the branch of the two layers with GELU between them.
    private func transform(_ stack: StackPlan, _ part: Range<Int>, _ arena: PlanArena) {
        let rows = part.count
        let x = arena.floats(stack.x) + part.lowerBound * stack.row
        norm2.run(stack, x, rows: rows, arena)
        run(
            fc1, stack, rows: rows, arena.raw(stack.operand), into: arena.raw(stack.hidden), stack.hiddenKind,
            arena, activation: SG_ACTIVATION_GELU)
        let hidden = operand(arena.raw(stack.hidden), stack.hiddenKind, fc1.columns, rows, stack, arena)
        run(fc2, stack, rows: rows, hidden, into: x, .f32, arena, addend: x)
    }

    private func run(
        _ layer: PackedLayer, _ stack: StackPlan, rows: Int, _ a: UnsafeRawPointer,
        into c: UnsafeMutableRawPointer, _ kind: Kind, _ arena: PlanArena,
        addend: UnsafePointer<Float>? = nil,
        activation: Int = SG_ACTIVATION_NONE
    ) {
        var product = layer.product(a, rows: rows, into: c, kind)
        product.a_scale = UnsafePointer(arena.floats(stack.scale))
        product.a_zero = UnsafePointer(arena.floats(stack.zero))
        product.addend = addend
        product.addend_row = layer.columns
        product.activation = Int32(activation)
        layer.run(product)
    }

    /// The values as the main products take them: where they are, or converted.
    private func operand(
        _ values: UnsafeMutableRawPointer, _ kind: Kind, _ columns: Int, _ rows: Int, _ stack: StackPlan,
        _ arena: PlanArena
    ) -> UnsafeRawPointer {
        if kind == stack.kernels.mainKind { return UnsafeRawPointer(values) }
        let to = arena.raw(stack.operand)
        let convert = sg_convert(
            x: values, x_kind: Int32(kind.rawValue), x_row: columns, rows: rows, columns: columns, out: to,
            out_row: columns, scale: arena.floats(stack.scale), zero: arena.floats(stack.zero))
        withUnsafePointer(to: convert) { sg_infer_convert(stack.kernels.main, $0) }
        return UnsafeRawPointer(to)
    }

    /// The attention of one image of those whose rows make a product.
    private func mix(_ stack: StackPlan, _ image: Int, _ arena: PlanArena) {
        let (first, size) = (image * stack.tokens, stack.attentionKind.size)
        let attention = sg_attention(
            qkv: arena.raw(stack.qkv) + first * qkv.columns * size, qkv_row: qkv.columns,
            tokens: stack.tokens,
            channels: stack.channels, heads: heads, out: arena.raw(stack.attended) + first * stack.row * size,
            out_row: stack.row, scale: 1 / Float(stack.channels / heads).squareRoot(),
            scratch: arena.raw(stack.scratch))
        withUnsafePointer(to: attention) { sg_infer_attention(stack.attention, $0) }
    }
}

/// A LayerNorm's weights, padded.
struct NormPlan {
    private let gamma: UnsafeMutablePointer<Float>
    private let beta: UnsafeMutablePointer<Float>
    private static let epsilon: Float = 1e-5

    init(_ name: String, _ weights: Weights, in store: WeightStore) {
        gamma = store.padded(weights[name + ".weight"].values)
        beta = store.padded(weights[name + ".bias"].values)
    }

    /// Normalises rows of the stream into the operand.
    func run(_ stack: StackPlan, _ x: UnsafePointer<Float>, rows: Int, _ arena: PlanArena) {
        var norm = make(stack, x, rows: rows, arena)
        norm.out = arena.raw(stack.operand)
        withUnsafePointer(to: norm) { sg_infer_norm(stack.kernels.main, $0) }
    }

    /// Normalises one image's rows of the stream in place and adds a table of as many rows, if any, in Float32.
    func run(_ stack: StackPlan, image: Int, adding addend: UnsafePointer<Float>?, _ arena: PlanArena) {
        let rows = stack.stream(image, arena)
        var norm = make(stack, rows, rows: stack.tokens, arena)
        norm.out = UnsafeMutableRawPointer(rows)
        norm.addend = addend
        norm.addend_row = stack.row
        withUnsafePointer(to: norm) { sg_infer_norm(stack.kernels.plain, $0) }
    }

    private func make(
        _ stack: StackPlan, _ x: UnsafePointer<Float>, rows: Int, _ arena: PlanArena
    ) -> sg_norm {
        sg_norm(
            x: x, x_row: stack.row, rows: rows, columns: stack.channels, gamma: gamma,
            beta: beta,
            epsilon: Self.epsilon, addend: nil, addend_row: 0, out: nil, out_row: stack.row,
            scale: arena.floats(stack.scale), zero: arena.floats(stack.zero), line: arena.floats(stack.line))
    }
}
