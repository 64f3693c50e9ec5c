import Neural
import Tensor

/// Features of the visible patches → all patches: mask tokens where nothing was seen, positions, transformer, head.
final class MaskedDecoder: Module {
    private let maskToken: Parameter
    private let positions: Parameter
    private let blocks: [TransformerBlock]
    private let head: Linear
    private let patches: Int
    private let channels: Int

    init(_ a: MaskedAutoencoderArchitecture) {
        (patches, channels) = (a.patches, a.embedding)
        maskToken = Parameter("decoder.mask_token", shape: [1, 1, a.embedding])
        positions = Parameter("decoder.pos_embedding", shape: [a.patches + 1, 1, a.embedding])
        blocks = (0..<a.decoderDepth).map {
            TransformerBlock("decoder.transformer.\($0)", a.embedding, heads: a.decoderHeads)
        }
        head = Linear("decoder.head", a.embedding, a.patchCount)
    }

    var parameters: [Parameter] {
        [maskToken, positions] + blocks.flatMap(\.parameters) + head.parameters
    }

    func initialize(_ generator: inout RandomGenerator) {
        maskToken.fillTruncatedNormal(deviation: 0.02, &generator)
        positions.fillTruncatedNormal(deviation: 0.02, &generator)
        for block in blocks { block.initialize(&generator) }
        head.initialize(&generator)
    }

    /// **Shapes**: features (B·(V+1), C) as the encoder returns them; returns (B·T, C·p²).
    func forward(_ features: Activation, _ visible: [[Int]], _ pass: Pass) -> Activation {
        var x = restore(features, visible, pass)
        for block in blocks { x = block.forward(x, tokens: patches + 1, pass) }
        return head.forward(dropClassToken(x, pass), pass)
    }

    /// For each of the T+1 tokens of an image, the row of its features, or nil for the mask token.
    private func sources(_ visible: [Int]) -> [Int?] {
        var sources = [Int?](repeating: nil, count: patches + 1)
        sources[0] = 0
        for (slot, index) in visible.enumerated() { sources[index + 1] = slot + 1 }
        return sources
    }

    /// Puts features back in their places, mask tokens in the others, and adds the positions: (B·(T+1), C).
    private func restore(_ x: Activation, _ visible: [[Int]], _ pass: Pass) -> Activation {
        let (tokens, features) = (patches + 1, (visible.first?.count ?? 0) + 1)
        let y = pass.activation(visible.count * tokens, channels)
        pass.workspace.forEach(visible.count) { image, _ in
            let (from, to) = (x.values + image * features * channels, y.values + image * tokens * channels)
            for (token, source) in sources(visible[image]).enumerated() {
                let row = source.map { from + $0 * channels } ?? maskToken.values
                let at = token * channels
                Kernels.add(row, positions.values + at, into: to + at, channels)
            }
        }
        pass.record { self.restoreBackward(x, y, visible, pass) }
        return y
    }

    private func restoreBackward(_ x: Activation, _ y: Activation, _ visible: [[Int]], _ pass: Pass) {
        let (tokens, features) = (patches + 1, (visible.first?.count ?? 0) + 1)
        let dy = pass.gradient(of: y)
        let dx = pass.overwritingSink(for: x)
        for image in visible.indices {
            let from = dy + image * tokens * channels
            Kernels.add(positions.gradient, from, into: positions.gradient, tokens * channels)
            for (token, source) in sources(visible[image]).enumerated() {
                let row = from + token * channels
                if let source {
                    (dx + (image * features + source) * channels).update(from: row, count: channels)
                } else {
                    Kernels.add(maskToken.gradient, row, into: maskToken.gradient, channels)
                }
            }
        }
    }

    /// The rows of the patches alone, (B·T, C).
    private func dropClassToken(_ x: Activation, _ pass: Pass) -> Activation {
        let (tokens, images) = (patches + 1, x.rows / (patches + 1))
        let y = pass.activation(images * patches, channels)
        let count = patches * channels
        for image in 0..<images {
            (y.values + image * count).update(from: x.values + (image * tokens + 1) * channels, count: count)
        }
        pass.record { [channels] in
            let dy = pass.gradient(of: y)
            let dx = pass.overwritingSink(for: x)
            for image in 0..<images {
                let room = dx + image * tokens * channels
                room.update(repeating: 0, count: channels)
                (room + channels).update(from: dy + image * count, count: count)
            }
        }
        return y
    }
}
