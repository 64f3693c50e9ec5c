import Neural
import Tensor

/// A vision transformer that classifies, under the names of the authors' `ViT_Classifier`: the encoder of the masked
/// autoencoder with a linear layer on its class token. Without the token, the mean of the patches is classified.
final class VisionTransformer: ClassifierNetwork {
    private let image: ImageShape
    private let sizes: VisionTransformerSizes
    private let classToken: Parameter?
    private let positions: Parameter
    private let embed: Linear
    private let blocks: [TransformerBlock]
    private let norm: LayerNorm
    let output: Linear

    init(image: ImageShape, classes: Int, sizes: VisionTransformerSizes) {
        self.image = image
        self.sizes = sizes
        let e = sizes.embedding
        classToken = sizes.pool == .token ? Parameter("cls_token", shape: [1, 1, e]) : nil
        positions = Parameter("pos_embedding", shape: [sizes.patches(image), 1, e])
        embed = Linear(
            "patchify", image.channels * sizes.patch * sizes.patch, e,
            weightShape: [e, image.channels, sizes.patch, sizes.patch])
        blocks = (0..<sizes.depth).map { TransformerBlock("transformer.\($0)", e, heads: sizes.heads) }
        norm = LayerNorm("layer_norm", e)
        output = Linear("head", e, classes)
    }

    var parameters: [Parameter] {
        (classToken.map { [$0] } ?? []) + [positions] + embed.parameters + blocks.flatMap(\.parameters)
            + norm.parameters + output.parameters
    }

    func initialize(_ generator: inout RandomGenerator) {
        classToken?.fillTruncatedNormal(deviation: 0.02, &generator)
        positions.fillTruncatedNormal(deviation: 0.02, &generator)
        embed.initialize(&generator)
        for block in blocks { block.initialize(&generator) }
        output.initialize(&generator)
    }

    func features(_ x: Activation, _ pass: Pass) -> Activation {
        let tokens = sizes.tokens(image)
        var stream = place(embed.forward(cut(x, pass), pass), images: x.rows, pass)
        for block in blocks { stream = block.forward(stream, tokens: tokens, pass) }
        return pool(norm.forward(stream, pass), images: x.rows, pass)
    }

    private var channels: Int { sizes.embedding }
    private var patches: Int { sizes.patches(image) }
    /// The rows before an image's patches.
    private var ahead: Int { sizes.pool == .token ? 1 : 0 }

    /// Images (B, C·H·W) → patches (B·T, C·p²), in the order of the masked autoencoder's.
    private func cut(_ x: Activation, _ pass: Pass) -> Activation {
        let columns = image.channels * sizes.patch * sizes.patch
        let runs = PatchRuns(image: image, patch: sizes.patch)
        let room = pass.workspace.arena.allocate(x.count)
        let length = sizes.patch
        runs.forEach(images: x.rows) { inPatches, inImages in
            (room + inPatches).update(from: x.values + inImages, count: length)
        }
        let y = pass.input(taking: room, rows: x.rows * patches, columns: columns)
        guard y.needsGradient else { return y }
        pass.record {
            let dy = pass.gradient(of: y)
            let dx = pass.overwritingSink(for: x)
            runs.forEach(images: x.rows) { inPatches, inImages in
                (dx + inImages).update(from: dy + inPatches, count: length)
            }
        }
        return y
    }

    /// Adds the patches' positions and puts the class token before them: (B·tokens, C).
    private func place(_ x: Activation, images: Int, _ pass: Pass) -> Activation {
        let (tokens, count) = (sizes.tokens(image), patches * channels)
        let y = pass.activation(images * tokens, channels)
        pass.workspace.forEach(images) { image, _ in
            let to = y.values + image * tokens * channels
            if let classToken { to.update(from: classToken.values, count: channels) }
            Kernels.add(x.values + image * count, positions.values, into: to + ahead * channels, count)
        }
        pass.record { self.placeBackward(x, y, images, pass) }
        return y
    }

    private func placeBackward(_ x: Activation, _ y: Activation, _ images: Int, _ pass: Pass) {
        let (tokens, count) = (sizes.tokens(image), patches * channels)
        let dy = pass.gradient(of: y)
        let dx = pass.overwritingSink(for: x)
        for image in 0..<images {
            let row = dy + image * tokens * channels
            let from = row + ahead * channels
            (dx + image * count).update(from: from, count: count)
            guard pass.trains else { continue }
            Kernels.add(positions.gradient, from, into: positions.gradient, count)
            if let classToken { Kernels.add(classToken.gradient, row, into: classToken.gradient, channels) }
        }
    }

    /// What is classified of each image: its class token, or the mean of its patches; (B, C).
    private func pool(_ x: Activation, images: Int, _ pass: Pass) -> Activation {
        let (used, rows) = (sizes.pool == .token ? 1 : patches, sizes.tokens(image))
        let share = 1 / Float(used)
        let y = pass.activation(images, channels)
        for image in 0..<images {
            let to = y.values + image * channels
            for row in 0..<used {
                Kernels.scale(
                    x.values + (image * rows + row) * channels, by: share, into: to, channels,
                    accumulate: row > 0)
            }
        }
        pass.record { [channels] in
            let dy = pass.gradient(of: y)
            let dx = pass.overwritingSink(for: x)
            for image in 0..<images {
                for row in 0..<rows {
                    Kernels.scale(
                        dy + image * channels, by: row < used ? share : 0,
                        into: dx + (image * rows + row) * channels, channels)
                }
            }
        }
        return y
    }
}
