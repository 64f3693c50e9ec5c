import COpenSSL

/// Making and comparing bytes that must not be guessed.
package enum SecretBytes {
    /// `count` bytes from libcrypto's seeded generator.
    ///
    /// Throws: `DigestError.noRandomBytes`; there is no weaker source to fall back to.
    package static func random(count: Int) throws(DigestError) -> [UInt8] {
        precondition(count >= 0 && count <= Int32.max, "a count of bytes libcrypto can make in one call")
        var bytes = [UInt8](repeating: 0, count: count)
        guard count == 0 || RAND_bytes(&bytes, Int32(count)) == 1 else {
            throw .noRandomBytes(libcrypto: DigestError.libcryptoReason())
        }
        return bytes
    }

    /// True when both hold the same bytes; the time depends on their lengths alone.
    package static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && (a.isEmpty || CRYPTO_memcmp(a, b, a.count) == 0)
    }
}
