import Neural
import Tensor

/// Visible patches → features: patch embedding, positions, class token, transformer, LayerNorm.
final class MaskedEncoder: Module {
    private let classToken: Parameter
    private let positions: Parameter
    private let embed: Linear
    private let blocks: [TransformerBlock]
    private let norm: LayerNorm
    private let patchCount: Int
    private let patches: Int
    private let channels: Int

    init(_ a: MaskedAutoencoderArchitecture) {
        (patchCount, patches, channels) = (a.patchCount, a.patches, a.embedding)
        classToken = Parameter("encoder.cls_token", shape: [1, 1, a.embedding])
        positions = Parameter("encoder.pos_embedding", shape: [a.patches, 1, a.embedding])
        // A convolution whose stride is its window is a linear layer over patches, with the same weights.
        embed = Linear(
            "encoder.patchify", a.patchCount, a.embedding,
            weightShape: [a.embedding, a.image.channels, a.patch, a.patch])
        blocks = (0..<a.encoderDepth).map {
            TransformerBlock("encoder.transformer.\($0)", a.embedding, heads: a.encoderHeads)
        }
        norm = LayerNorm("encoder.layer_norm", a.embedding)
    }

    var parameters: [Parameter] {
        [classToken, positions] + embed.parameters + blocks.flatMap(\.parameters) + norm.parameters
    }

    func initialize(_ generator: inout RandomGenerator) {
        classToken.fillTruncatedNormal(deviation: 0.02, &generator)
        positions.fillTruncatedNormal(deviation: 0.02, &generator)
        embed.initialize(&generator)
        for block in blocks { block.initialize(&generator) }
    }

    /// **Shapes**: returns (B·(V+1), C): per image the class token, then its V visible patches in mask order.
    func forward(_ input: Patches, _ visible: [[Int]], _ pass: Pass) -> Activation {
        let tokens = (visible.first?.count ?? 0) + 1
        var x = tokenise(embed.forward(gather(input, visible, pass), pass), visible, pass)
        for block in blocks { x = block.forward(x, tokens: tokens, pass) }
        return norm.forward(x, pass)
    }

    /// The visible patches alone, (B·V, C·p²): the others need no embedding.
    private func gather(_ input: Patches, _ visible: [[Int]], _ pass: Pass) -> Activation {
        let count = visible.first?.count ?? 0
        precondition(visible.allSatisfy { $0.count == count && $0.allSatisfy((0..<patches).contains) })
        let room = pass.workspace.arena.allocate(input.images * count * patchCount)
        for (image, indices) in visible.enumerated() {
            for (slot, index) in indices.enumerated() {
                (room + (image * count + slot) * patchCount)
                    .update(from: input.values + (image * patches + index) * patchCount, count: patchCount)
            }
        }
        return pass.input(taking: room, rows: input.images * count, columns: patchCount)
    }

    /// Adds each patch's position and puts the class token, which has none, before them.
    private func tokenise(_ x: Activation, _ visible: [[Int]], _ pass: Pass) -> Activation {
        let tokens = (visible.first?.count ?? 0) + 1
        let y = pass.activation(visible.count * tokens, channels)
        pass.workspace.forEach(visible.count) { image, _ in
            let (from, to) = (
                x.values + image * (tokens - 1) * channels, y.values + image * tokens * channels
            )
            to.update(from: classToken.values, count: channels)
            for (slot, index) in visible[image].enumerated() {
                Kernels.add(
                    from + slot * channels, positions.values + index * channels,
                    into: to + (slot + 1) * channels,
                    channels)
            }
        }
        pass.record { self.tokeniseBackward(x, y, visible, tokens, pass) }
        return y
    }

    private func tokeniseBackward(
        _ x: Activation, _ y: Activation, _ visible: [[Int]], _ tokens: Int, _ pass: Pass
    ) {
        let dy = pass.gradient(of: y)
        let dx = pass.overwritingSink(for: x)
        for (image, indices) in visible.enumerated() {
            let from = dy + image * tokens * channels
            (dx + image * (tokens - 1) * channels).update(
                from: from + channels, count: (tokens - 1) * channels)
            Kernels.add(classToken.gradient, from, into: classToken.gradient, channels)
            for (slot, index) in indices.enumerated() {
                let room = positions.gradient + index * channels
                Kernels.add(room, from + (slot + 1) * channels, into: room, channels)
            }
        }
    }
}
