import CKernels
import SAME
import Tensor

/// An image's tokens: patches cut and embedded, their positions added, a class token before them where there is one.
struct TokenPlan {
    /// How the patches of an image lie.
    let cut: sg_patches
    private let patches: Int
    private let classToken: UnsafeMutablePointer<Float>?
    private let positions: UnsafeMutablePointer<Float>
    private let embed: PackedLayer

    /// Packs what a state dict holds under names that begin so.
    init(
        _ prefix: String, image: ImageShape, patch: Int, _ weights: Weights, _ kernels: KernelSet,
        in store: WeightStore
    ) {
        let channels = weights[prefix + "patchify.bias"].count
        cut = sg_patches(
            channels: image.channels, height: image.height, width: image.width, patch: patch,
            patch_row: roundUp(image.channels * patch * patch))
        patches = (image.height / patch) * (image.width / patch)
        classToken = weights.tensors[prefix + "cls_token"].map { store.padded($0.values) }
        positions = Self.table(prefix + "pos_embedding", channels: channels, weights, in: store)
        embed = PackedLayer(kernels.plain, linear: prefix + "patchify", weights, in: store)
    }

    /// Rows of channels, padded.
    static func table(
        _ name: String, channels: Int, _ weights: Weights, in store: WeightStore
    ) -> UnsafeMutablePointer<Float> {
        let (values, row) = (weights[name].values, roundUp(channels))
        let table = store.floats(values.count / channels * row)
        for (index, value) in values.enumerated() { table[index / channels * row + index % channels] = value }
        return table
    }

    /// Fills `patches` with an image's and `stream` with its tokens, `row` values each.
    func run(
        _ pixels: UnsafePointer<Float>, patches room: UnsafeMutablePointer<Float>,
        into stream: UnsafeMutablePointer<Float>, row: Int
    ) {
        withUnsafePointer(to: cut) { sg_infer_cut($0, pixels, room) }
        var rows = stream
        if let classToken {
            rows.update(from: classToken, count: row)
            rows += row
        }
        var product = embed.product(room, rows: patches, into: rows, .f32)
        product.addend = UnsafePointer(positions)
        product.addend_row = row
        embed.run(product)
    }
}
