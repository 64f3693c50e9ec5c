/// The digest of a picture's canonical values: the same picture in another encoding is the same query.
package enum CanonicalDigest {
    /// One digest a row: SHA-256 over a domain tag, the shape and the little-endian values.
    ///
    /// **Shapes** values (rows, channels, height, width), row-major.
    package static func digests(
        channels: Int, height: Int, width: Int, values: UnsafeBufferPointer<Float>
    ) -> [SHA256Digest] {
        let count = channels * height * width
        precondition(count > 0 && values.count.isMultiple(of: count), "whole pictures")
        var head = Array("samegate row 1".utf8)
        for size in [channels, height, width] {
            withUnsafeBytes(of: UInt64(size).littleEndian) { head.append(contentsOf: $0) }
        }
        var hasher = SHA256Hasher()
        let (bytes, rowBytes) = (UnsafeRawBufferPointer(values), count * MemoryLayout<Float>.size)
        return stride(from: 0, to: bytes.count, by: rowBytes).map { start in
            hasher.update(head)
            hasher.update(UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowBytes]))
            return hasher.finish()
        }
    }
}
