import COpenSSL

/// An incremental SHA-256 that can be used again after each result, without allocating.
///
/// One hasher makes one libcrypto context; `update` and `finish` then only compute. Solving a proof-of-work
/// (millions of 40-byte messages) and hashing a weights file in pieces are the same calls.
///
/// A libcrypto that has lost SHA-256 after `Libcrypto.verify()` passed is a broken invariant, as running out
/// of memory is, and traps.
package struct SHA256Hasher: ~Copyable {
    private let context: OpaquePointer

    /// A hasher with nothing in it yet.
    package init() {
        let context = EVP_MD_CTX_new()
        precondition(context != nil, "libcrypto has no memory for a digest context")
        self.context = context!
        restart(with: Libcrypto.sha256)
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds `bytes` to the message.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        precondition(EVP_DigestUpdate(context, base, bytes.count) == 1, "libcrypto refused SHA-256 input")
    }

    /// Adds `bytes` to the message.
    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// Adds the bytes of `text` in UTF-8.
    package mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
    }

    /// The digest of everything added since the last `finish`; the hasher is empty again afterwards.
    package mutating func finish() -> SHA256Digest {
        let digest = SHA256Digest { EVP_DigestFinal_ex(context, $0, nil) }
        restart(with: nil)
        return digest
    }

    /// The digest of the message `bytes` alone; anything added before and not finished is an error of the caller.
    package mutating func digest(of bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        update(bytes)
        return finish()
    }

    /// Begins a message; a nil `function` keeps the one the context already has, which needs no look-up.
    private func restart(with function: OpaquePointer?) {
        precondition(EVP_DigestInit_ex2(context, function, nil) == 1, "libcrypto refused to begin SHA-256")
    }
}

/// SHA-256 (FIPS 180-4) of a whole message.
package enum SHA256 {
    /// The digest of `bytes`.
    package static func digest(of bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        var hasher = SHA256Hasher()
        return hasher.digest(of: bytes)
    }

    /// The digest of `bytes`.
    package static func digest(of bytes: [UInt8]) -> SHA256Digest { bytes.withUnsafeBytes { digest(of: $0) } }

    /// The digest of the UTF-8 bytes of `text`.
    package static func digest(of text: String) -> SHA256Digest {
        var hasher = SHA256Hasher()
        hasher.update(text)
        return hasher.finish()
    }
}
