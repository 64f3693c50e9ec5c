import Digest
import Tensor

/// A second reconstruction of a query with some of its patches hidden, for ``ScoreTerm/masked``.
package struct MaskedPass: Codable, Hashable, Sendable {
    /// The share of patches that are hidden.
    package let ratio: Double

    /// A pass that hides a share of the patches.
    package init(ratio: Double) { self.ratio = ratio }

    /// What is wrong with the ratio for an autoencoder, or nil: at least one patch must be hidden, and one seen.
    package func defect(_ autoencoder: MaskedAutoencoderArchitecture) -> String? {
        guard ratio > 0, ratio < 1 else { return "a masked pass hides a share between 0 and 1, not \(ratio)" }
        let visible = autoencoder.visiblePatches(maskRatio: ratio)
        guard (1..<autoencoder.patches).contains(visible) else {
            return
                "of \(autoencoder.patches) patches a masked pass of ratio \(ratio) leaves \(visible) visible"
        }
        return nil
    }

    /// The patches that a seed leaves visible, ascending.
    package func visible(_ autoencoder: MaskedAutoencoderArchitecture, seed: UInt64) -> [Int] {
        var generator = RandomGenerator(seed: seed)
        let count = autoencoder.visiblePatches(maskRatio: ratio)
        return generator.permutation(autoencoder.patches).prefix(count).sorted()
    }

    /// Mean of (x − x̂)² over the pixels of the hidden patches, summed in double precision.
    ///
    /// **Shapes** image and reconstruction (C, H, W).
    package static func loss(
        _ image: ArraySlice<Float>, _ reconstruction: ArraySlice<Float>, visible: [Int],
        _ autoencoder: MaskedAutoencoderArchitecture
    ) -> Float {
        let (shape, side) = (autoencoder.image, autoencoder.patch)
        let across = shape.width / side
        var isHidden = [Bool](repeating: true, count: autoencoder.patches)
        for patch in visible { isHidden[patch] = false }
        var sum = 0.0, count = 0
        for line in 0..<shape.channels * shape.height {
            for column in 0..<shape.width
            where isHidden[line % shape.height / side * across + column / side] {
                let at = line * shape.width + column
                let difference = Double(
                    image[image.startIndex + at] - reconstruction[reconstruction.startIndex + at])
                sum += difference * difference
                count += 1
            }
        }
        return Float(sum / Double(max(count, 1)))
    }
}

/// What decides which patches of a query are hidden: a key that clients do not have.
///
/// The mask is a function of the key and the canonical query. A repeated query gets the same mask, so that asking again
/// and again averages nothing out; and whoever lacks the key cannot shape a query for the mask that it will meet.
package struct MaskSecret: Sendable {
    private let key: HMACKey

    /// Masks under a key of their own, derived from `key`.
    package init(_ key: HMACKey) { self.key = key.derived(for: "samegate reconstruction masks 1") }

    /// Masks that repeat with the seed: for calibration and measurements, never for serving.
    package init(seed: UInt64) {
        self.init(HMACKey(withUnsafeBytes(of: seed.littleEndian) { Array($0) }))
    }

    /// Where the mask of a query is drawn from.
    package func seed(_ query: SHA256Digest) -> UInt64 {
        key.authenticate(query.bytes).bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The same for each row of canonical values. **Shapes** rows (B, C·H·W) or (B, C, H, W).
    package func seeds(_ rows: Tensor, _ image: ImageShape) -> [UInt64] {
        rows.values.withUnsafeBufferPointer {
            CanonicalDigest.digests(
                channels: image.channels, height: image.height, width: image.width, values: $0
            ).map(seed)
        }
    }
}
