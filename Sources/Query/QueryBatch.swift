import Digest
import Tensor

/// The pictures of one request in the form that everything behind the decoder sees.
///
/// The same picture gives the same values and the same digest in whatever form it came.
package struct QueryBatch: Sendable {
    /// The number of pictures; at least 1.
    package let rows: Int
    /// The shape of each.
    package let shape: ImageShape
    /// Shapes: values (rows, C, H, W) row-major; −1…1 is the model's range, finite values beyond it are kept.
    package let values: [Float]
    /// One digest a row: SHA-256 over a domain tag, the shape and the little-endian values.
    package let digests: [SHA256Digest]
    /// How the request spelt them, which an answer follows; no part of what they are, nor of any digest.
    package let form: QueryEncoder.Form

    /// A batch of `values`, whose count is a multiple of the shape's.
    package init(shape: ImageShape, values: [Float], form: QueryEncoder.Form = .rows) {
        precondition(shape.count > 0 && values.count.isMultiple(of: shape.count), "whole pictures")
        self.shape = shape
        self.values = values
        self.form = form
        rows = values.count / shape.count
        digests = values.withUnsafeBufferPointer {
            CanonicalDigest.digests(
                channels: shape.channels, height: shape.height, width: shape.width, values: $0)
        }
    }

    /// The values of one row. Shapes: (C, H, W) row-major.
    package func row(_ index: Int) -> ArraySlice<Float> {
        values[index * shape.count..<(index + 1) * shape.count]
    }

    /// The digest of the whole batch, which a challenge is bound to: SHA-256 over the row digests in order.
    package var digest: SHA256Digest {
        var hasher = SHA256Hasher()
        hasher.update("samegate batch 1")
        for digest in digests { digest.withUnsafeBytes { hasher.update($0) } }
        return hasher.finish()
    }
}
