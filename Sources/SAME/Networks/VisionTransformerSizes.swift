import Tensor

/// The sizes of a vision transformer that classifies.
package struct VisionTransformerSizes: Codable, Hashable, Sendable {
    /// What is classified.
    package enum Pool: String, Codable, CaseIterable, Sendable {
        /// A token of its own beside the patches, as the authors' `ViT_Classifier` does.
        case token
        /// The mean of the patches' tokens; there is no other.
        case mean
    }

    /// The side of a square patch in pixels; height and width are multiples of it.
    package var patch: Int
    /// The number of channels of a token; a multiple of the number of heads.
    package var embedding: Int
    package var depth: Int
    package var heads: Int
    package var pool: Pool

    package init(patch: Int, embedding: Int, depth: Int, heads: Int, pool: Pool) {
        self.patch = patch
        self.embedding = embedding
        self.depth = depth
        self.heads = heads
        self.pool = pool
    }

    /// The number of patches of an image.
    package func patches(_ image: ImageShape) -> Int {
        (image.height / max(patch, 1)) * (image.width / max(patch, 1))
    }

    /// The number of tokens of an image: patches, and the one to classify where there is one.
    package func tokens(_ image: ImageShape) -> Int { patches(image) + (pool == .token ? 1 : 0) }

    /// Throws when no network of these sizes can be made.
    func validate(_ image: ImageShape) throws(ArchitectureError) {
        try require("patch", patch, in: 1...256)
        try require("image height", image.height, multipleOf: "the patch", patch)
        try require("image width", image.width, multipleOf: "the patch", patch)
        try require("patches", patches(image), in: 1...4096)
        try require("embedding", embedding, in: 1...4096)
        try require("depth", depth, in: 0...64)
        try require("heads", heads, in: 1...64)
        try require("embedding", embedding, multipleOf: "the heads", heads)
    }

    /// The number of trained values.
    func parameterCount(image: ImageShape, classes: Int) -> Int {
        let e = embedding
        let ends = (image.channels * patch * patch + 1) * e + 2 * e + (e + 1) * classes
        return ends + tokens(image) * e + depth * (12 * e * e + 13 * e)
    }

    /// Multiply-adds times two of classifying one image; what is linear in the number of tokens alone is left out.
    func flops(image: ImageShape, classes: Int) -> Int {
        let (t, e) = (tokens(image), embedding)
        let block = 2 * t * 12 * e * e + 4 * t * t * e
        return depth * block + 2 * patches(image) * image.channels * patch * patch * e + 2 * e * classes
    }
}
