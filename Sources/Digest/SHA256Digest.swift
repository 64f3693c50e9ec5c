/// The 32 bytes of one SHA-256 or HMAC-SHA-256 value, kept inline so that making one never allocates.
///
/// Equality (`==`) takes time that depends on the values: use `SecretBytes.equal` for anything a client could
/// guess at, such as a message authentication code.
package struct SHA256Digest: Hashable, Sendable {
    /// The number of bytes: 32.
    package static let byteCount = 32

    /// The bytes in memory order, eight a word.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    /// The digest whose bytes `fill` writes; all 32 are zero before.
    init(filledBy fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        withUnsafeMutableBytes(of: &words) { buffer in
            guard let base = buffer.baseAddress else { return }
            fill(base.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// The digest with these bytes, or nil when there are not exactly 32.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
    }

    /// The 32 bytes as an array.
    package var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }

    /// 64 lower-case hexadecimal digits.
    package var hex: String { withUnsafeBytes { Hex.encode($0) } }

    /// Calls `body` with the 32 bytes in place and returns what it returns.
    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: words, body)
    }

    /// The first 16 bytes as a big-endian number, which is what a proof-of-work compares with its target.
    package var leading128: UInt128 {
        UInt128(UInt64(bigEndian: words.0)) << 64 | UInt128(UInt64(bigEndian: words.1))
    }

    /// True when every byte is the same.
    package static func == (a: Self, b: Self) -> Bool { a.words == b.words }

    /// Feeds the 32 bytes to `hasher`.
    package func hash(into hasher: inout Hasher) { withUnsafeBytes { hasher.combine(bytes: $0) } }
}

extension SHA256Digest: CustomStringConvertible {
    /// The hexadecimal form.
    package var description: String { hex }
}
