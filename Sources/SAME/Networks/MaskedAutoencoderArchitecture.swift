import Tensor

/// The sizes of a masked autoencoder.
package struct MaskedAutoencoderArchitecture: Codable, Hashable, Sendable {
    /// The images it reconstructs.
    package var image: ImageShape
    /// The side of a square patch in pixels; height and width are multiples of it.
    package var patch: Int
    /// The number of channels of a token; a multiple of both numbers of heads.
    package var embedding: Int
    package var encoderDepth: Int
    package var encoderHeads: Int
    package var decoderDepth: Int
    package var decoderHeads: Int

    package init(
        image: ImageShape, patch: Int, embedding: Int, encoderDepth: Int, encoderHeads: Int,
        decoderDepth: Int,
        decoderHeads: Int
    ) {
        self.image = image
        self.patch = patch
        self.embedding = embedding
        self.encoderDepth = encoderDepth
        self.encoderHeads = encoderHeads
        self.decoderDepth = decoderDepth
        self.decoderHeads = decoderHeads
    }

    /// The paper's: 2×2 patches, embedding 192, 12 + 4 blocks, 3 heads.
    package static func paper(image: ImageShape) -> Self {
        Self(
            image: image, patch: 2, embedding: 192, encoderDepth: 12, encoderHeads: 3, decoderDepth: 4,
            decoderHeads: 3)
    }

    /// A hundredth of the paper's work, and better at scoring once its mask ratios are mixed in training:
    /// 4×4 patches, embedding 64, 4 + 2 blocks, 4 heads.
    package static func small(image: ImageShape) -> Self {
        Self(
            image: image, patch: 4, embedding: 64, encoderDepth: 4, encoderHeads: 4, decoderDepth: 2,
            decoderHeads: 4)
    }

    /// The number of patches of an image.
    package var patches: Int { (image.height / max(patch, 1)) * (image.width / max(patch, 1)) }

    /// The number of values of a patch: channels · patch².
    package var patchCount: Int { image.channels * patch * patch }

    /// The number of patches left visible at a mask ratio: int(T·(1 − ratio)), as the authors' code has it.
    package func visiblePatches(maskRatio: Double) -> Int { Int(Double(patches) * (1 - maskRatio)) }

    /// Throws when no network of these sizes can be made.
    package func validate() throws(ArchitectureError) {
        try requireImage(image)
        try require("patch", patch, in: 1...256)
        try require("image height", image.height, multipleOf: "the patch", patch)
        try require("image width", image.width, multipleOf: "the patch", patch)
        try require("patches", patches, in: 1...4096)
        try require("embedding", embedding, in: 1...4096)
        try require("encoder depth", encoderDepth, in: 0...64)
        try require("decoder depth", decoderDepth, in: 0...64)
        try require("encoder heads", encoderHeads, in: 1...64)
        try require("decoder heads", decoderHeads, in: 1...64)
        try require("embedding", embedding, multipleOf: "the encoder's heads", encoderHeads)
        try require("embedding", embedding, multipleOf: "the decoder's heads", decoderHeads)
    }

    /// The number of trained values. Valid for validated sizes.
    package var parameterCount: Int {
        let e = embedding
        let block = 12 * e * e + 13 * e
        let encoder = e + patches * e + patchCount * e + e + encoderDepth * block + 2 * e
        return encoder + e + (patches + 1) * e + decoderDepth * block + e * patchCount + patchCount
    }

    /// Multiply-adds times two of reconstructing one image with every patch visible; what is linear in the
    /// number of tokens alone (norms, activations) is left out.
    package var flops: Int {
        let tokens = patches + 1
        let block = 2 * tokens * 12 * embedding * embedding + 4 * tokens * tokens * embedding
        let ends = 2 * 2 * patches * patchCount * embedding
        return (encoderDepth + decoderDepth) * block + ends
    }

    /// The same with a share of the patches hidden from the encoder.
    package func flops(maskRatio: Double) -> Int {
        func block(_ tokens: Int) -> Int {
            2 * tokens * 12 * embedding * embedding + 4 * tokens * tokens * embedding
        }
        let visible = visiblePatches(maskRatio: maskRatio)
        let ends = 2 * (visible + patches) * patchCount * embedding
        return encoderDepth * block(visible + 1) + decoderDepth * block(patches + 1) + ends
    }
}
