import COpenSSL

/// The protocol versions spoken here; older ones are broken (RFC 8996).
package enum TLSVersion: String, Sendable, CaseIterable {
    /// RFC 5246
    case v12 = "1.2"
    /// RFC 8446
    case v13 = "1.3"

    var number: Int32 { self == .v12 ? TLS1_2_VERSION : TLS1_3_VERSION }
}

/// What both sides of a connection have in common: versions, ciphers, groups.
package struct SecureProfile: Equatable, Sendable {
    /// The oldest version spoken.
    package var leastVersion = TLSVersion.v12
    /// TLS 1.2's ciphers in OpenSSL's notation: ephemeral keys and authenticated encryption only.
    package var ciphers = SecureProfile.defaultCiphers
    /// Key-exchange groups in OpenSSL's notation, the best first.
    package var groups = SecureProfile.defaultGroups

    /// The default for `ciphers`.
    package static let defaultCiphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    /// The default for `groups`.
    package static let defaultGroups = "X25519:P-256:P-384"

    /// The defaults.
    package init() {}
}

/// Owns an `SSL_CTX`, which is never changed once its maker has handed it out.
///
/// `@unchecked Sendable` because: OpenSSL counts its references atomically and locks what connections share in it.
final class SSLContext: @unchecked Sendable {
    let pointer: OpaquePointer

    /// A context with what both sides have in common.
    init(_ profile: SecureProfile, isServer: Bool) throws(SecureProblem) {
        guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            throw SecureProblem(path: "", error: .library(ErrorQueue.reason()))
        }
        self.pointer = pointer
        samegate_ctx_set_options(pointer)
        samegate_ctx_set_modes(pointer)
        guard samegate_ctx_set_versions(pointer, profile.leastVersion.number, TLSVersion.v13.number) == 1
        else {
            throw SecureProblem(path: "", error: .library(ErrorQueue.reason()))
        }
        guard SSL_CTX_set_cipher_list(pointer, profile.ciphers) == 1 else {
            ErrorQueue.clear()
            throw SecureProblem(path: "ciphers", error: .ciphersUnknown(profile.ciphers))
        }
        guard samegate_ctx_set_groups(pointer, profile.groups) == 1 else {
            ErrorQueue.clear()
            throw SecureProblem(path: "groups", error: .groupsUnknown(profile.groups))
        }
    }

    deinit { SSL_CTX_free(pointer) }
}
