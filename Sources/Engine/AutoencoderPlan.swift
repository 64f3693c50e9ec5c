import CKernels
import SAME
import Tensor

/// A masked autoencoder with packed weights: with every patch visible, and where a term needs it with some hidden.
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
    /// What a pass with hidden patches needs besides; nil where there is none.
    private let masking: Masking?

    private struct Masking {
        let stack: StackPlan
        let token: UnsafeMutablePointer<Float>
        /// The visible tokens of all images, while they leave or enter the stream.
        let kept: Region
    }

    init(
        _ model: MaskedAutoencoder, masked: MaskedPass?, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
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
        if let masked {
            masking = Masking(
                stack: stack.with(tokens: a.visiblePatches(maskRatio: masked.ratio) + 1),
                token: store.padded(weights["decoder.mask_token"].values),
                kept: layout.reserve(rows: together.images * (a.patches + 1), a.embedding, .f32))
        } else {
            masking = nil
        }
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
        decode(count, arena)
    }

    /// The same from the patches given by index, ascending, as many for each image: guesses at the others.
    func run(_ images: [UnsafePointer<Float>], visible: [[Int]], _ arena: PlanArena) {
        guard let masking else { preconditionFailure("the plan has no masked pass") }
        let (row, tokens, kept) = (stack.row, masking.stack.tokens, arena.floats(masking.kept))
        for (image, indices) in visible.enumerated() {
            self.tokens.run(
                images[image], patches: arena.floats(patches) + image * patchesCount, into: kept, row: row)
            let to = arena.floats(stack.x) + image * tokens * row
            to.update(from: kept, count: row)
            for (slot, index) in indices.enumerated() {
                (to + (slot + 1) * row).update(from: kept + (index + 1) * row, count: row)
            }
        }
        for block in encoder { block.run(masking.stack, images: visible.count, arena) }
        for image in visible.indices { norm.run(masking.stack, image: image, adding: nil, arena) }
        kept.update(from: arena.floats(stack.x), count: visible.count * tokens * row)
        for (image, indices) in visible.enumerated() {
            restore(kept + image * tokens * row, indices, into: stack.stream(image, arena), masking)
        }
        decode(visible.count, arena)
    }

    /// Features back in their places, the mask token in the others, each with the decoder's position.
    private func restore(
        _ features: UnsafePointer<Float>, _ visible: [Int], into stream: UnsafeMutablePointer<Float>,
        _ masking: Masking
    ) {
        let row = stack.row
        var slot = 0
        for token in 0..<stack.tokens {
            let isSeen = token == 0 || (slot < visible.count && visible[slot] == token - 1)
            let from = !isSeen ? UnsafePointer(masking.token) : features + (token == 0 ? 0 : slot + 1) * row
            Kernels.add(from, decoderPositions + token * row, into: stream + token * row, row)
            if isSeen, token > 0 { slot += 1 }
        }
    }

    private func decode(_ count: Int, _ arena: PlanArena) {
        for block in decoder { block.run(stack, images: count, arena) }
        for image in 0..<count {
            // The class token, the first row of each image, paints nothing.
            let features = stack.stream(image, arena) + stack.row
            let to = arena.floats(painted) + image * patchesCount
            head.run(head.product(features, rows: architecture.patches, into: to, .f32))
        }
    }

    /// The sum of (x − x̂)² over the patches of an image that are not among the visible ones, ascending.
    func distance(_ image: Int, hiddenFrom visible: [Int], _ arena: PlanArena) -> Double {
        let (count, row) = (architecture.patchCount, roundUp(architecture.patchCount))
        let from = arena.floats(patches) + image * patchesCount
        let to = arena.floats(painted) + image * patchesCount
        var sum = 0.0, slot = 0
        for patch in 0..<architecture.patches {
            if slot < visible.count, visible[slot] == patch {
                slot += 1
                continue
            }
            for at in patch * row..<patch * row + count {
                let difference = Double(from[at] - to[at])
                sum += difference * difference
            }
        }
        return sum
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

    /// Puts an image and its reconstruction together as planes of a convolution, the reconstruction's after the image's.
    func joinBoth(_ image: Int, into room: UnsafeMutablePointer<Float>, _ arena: PlanArena) {
        let shape = architecture.image
        let (at, line) = (image * patchesCount, shape.width + 1)
        let plane = sg_infer_plane(shape.height, shape.width)
        let first = room + sg_infer_plane_first(shape.width)
        withUnsafePointer(to: tokens.cut) {
            sg_infer_join($0, arena.floats(patches) + at, first, line, 1, plane)
            sg_infer_join($0, arena.floats(painted) + at, first + shape.channels * plane, line, 1, plane)
        }
    }
}
