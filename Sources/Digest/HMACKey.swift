import COpenSSL

/// A key for HMAC-SHA-256 (RFC 2104), with its padding already absorbed, usable from any thread.
///
/// `@unchecked Sendable` because: the context is written in `init` alone; `authenticate` only duplicates it.
package final class HMACKey: @unchecked Sendable {
    private let keyed: OpaquePointer

    /// A key of any length; RFC 2104 advises at least 32 bytes.
    package init(_ key: [UInt8]) {
        let context = EVP_MAC_CTX_new(Libcrypto.hmac)
        precondition(context != nil, "libcrypto has no memory for an HMAC context")
        keyed = context!
        // The names must outlive the call of EVP_MAC_init, which a literal passed as an argument does not.
        let accepted = "digest".withCString { parameter in
            var function = Array("SHA256".utf8CString)
            return function.withUnsafeMutableBufferPointer { function in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(parameter, function.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                // An empty key needs an address too: libcrypto reads a null one as "keep the key you have".
                return (key.isEmpty ? [0] : key).withUnsafeBufferPointer {
                    EVP_MAC_init(context, $0.baseAddress, key.count, parameters)
                }
            }
        }
        precondition(accepted == 1, "libcrypto refused an HMAC key")
    }

    deinit { EVP_MAC_CTX_free(keyed) }

    /// The authentication code of the concatenation of `parts`; a caller that joins fields frames them itself.
    package func authenticate(_ parts: [UInt8]...) -> SHA256Digest {
        let context = EVP_MAC_CTX_dup(keyed)
        precondition(context != nil, "libcrypto has no memory for an HMAC context")
        defer { EVP_MAC_CTX_free(context) }
        for part in parts where !part.isEmpty {
            precondition(EVP_MAC_update(context, part, part.count) == 1, "libcrypto refused HMAC input")
        }
        return SHA256Digest { code in
            var written = 0
            let made = EVP_MAC_final(context, code, &written, SHA256Digest.byteCount)
            precondition(made == 1 && written == SHA256Digest.byteCount, "libcrypto refused an HMAC result")
        }
    }

    /// True when `code` is the code of `message`, in a time that does not depend on where they differ.
    package func verifies(_ code: SHA256Digest, of message: [UInt8]) -> Bool {
        SecretBytes.equal(authenticate(message).bytes, code.bytes)
    }

    /// A key for one purpose: HMAC(this key, purpose), so that no code made for one can serve for another.
    package func derived(for purpose: String) -> HMACKey { HMACKey(authenticate(Array(purpose.utf8)).bytes) }
}
