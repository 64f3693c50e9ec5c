import COpenSSL

/// libcrypto's algorithms, fetched once for the life of the process, and the check that they work.
package enum Libcrypto {
    /// An algorithm handle that is made once and never freed.
    ///
    /// `@unchecked Sendable` because: libcrypto's fetched methods are immutable and shared between threads.
    private struct Handle: @unchecked Sendable { let pointer: OpaquePointer? }

    private static let fetchedSHA256 = Handle(pointer: EVP_MD_fetch(nil, "SHA256", nil))
    private static let fetchedHMAC = Handle(pointer: EVP_MAC_fetch(nil, "HMAC", nil))

    /// The SHA-256 method.
    static var sha256: OpaquePointer {
        let pointer = fetchedSHA256.pointer
        precondition(pointer != nil, "libcrypto has no SHA-256; Libcrypto.verify() reports this at start")
        return pointer!
    }

    /// The HMAC method.
    static var hmac: OpaquePointer {
        let pointer = fetchedHMAC.pointer
        precondition(pointer != nil, "libcrypto has no HMAC; Libcrypto.verify() reports this at start")
        return pointer!
    }

    /// Returns when SHA-256, HMAC and the random generator are there and SHA-256 of "abc" is right.
    ///
    /// To be called once at start: afterwards hashing does not fail, so hashing functions need not throw.
    /// Throws: `DigestError`, which says what to look at.
    /// Source: FIPS 180-4, example "abc".
    package static func verify() throws(DigestError) {
        guard fetchedSHA256.pointer != nil else {
            throw .unusable(function: "SHA-256", libcrypto: DigestError.libcryptoReason())
        }
        guard fetchedHMAC.pointer != nil else {
            throw .unusable(function: "HMAC", libcrypto: DigestError.libcryptoReason())
        }
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        guard SHA256.digest(of: "abc").hex == known else {
            throw .unusable(function: "SHA-256", libcrypto: "the known answer for \"abc\" differs")
        }
        _ = try SecretBytes.random(count: 16)
    }
}
