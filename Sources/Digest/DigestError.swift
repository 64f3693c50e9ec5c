import COpenSSL

/// What libcrypto can refuse to do; a caller that meets one of these must fail closed.
package enum DigestError: Error, Hashable, Sendable {
    /// The random generator gave no bytes (not seeded, or its source is gone).
    case noRandomBytes(libcrypto: String)
    /// SHA-256 or HMAC is missing or gives a wrong answer: a broken or restricted libcrypto installation.
    case unusable(function: String, libcrypto: String)
}

extension DigestError: CustomStringConvertible {
    /// A message for the operator, with libcrypto's own words where it gave any.
    package var description: String {
        switch self {
        case .noRandomBytes(let reason):
            "libcrypto gave no random bytes (\(reason)); check that the system's entropy source is available"
        case .unusable(let function, let reason):
            "libcrypto cannot compute \(function) (\(reason)); check the OpenSSL installation and its configuration"
        }
    }

    /// The newest reason in libcrypto's error queue of this thread, which is emptied.
    static func libcryptoReason() -> String {
        let code = ERR_peek_last_error()
        defer { ERR_clear_error() }
        guard code != 0 else { return "no reason given" }
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &text, text.count)
        let end = text.firstIndex(of: 0) ?? text.endIndex
        return String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
