import COpenSSL
import Transport

/// OpenSSL's errors of this thread.
enum ErrorQueue {
    /// Forgets what earlier calls have left.
    static func clear() { ERR_clear_error() }

    /// The first error's reason in the library's words; clears the queue.
    static func reason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return "no reason given" }
        guard let text = ERR_reason_error_string(code) else { return "error \(code)" }
        return String(cString: text)
    }

    /// What ended a session; clears the queue. `verification` is the result of the peer's certificate's verification.
    static func failure(verification: Int) -> SecurityFailure {
        let code = ERR_peek_error()
        guard code != 0 else { return .truncated }
        defer { ERR_clear_error() }
        guard samegate_error_library(code) == ERR_LIB_SSL else { return .violation(reason()) }
        let number = samegate_error_reason(code)
        if number >= SSL_AD_REASON_OFFSET, number < SSL_AD_REASON_OFFSET + 256 {
            return alert(number - SSL_AD_REASON_OFFSET)
        }
        switch number {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: return .plainHTTP
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_RECORD_LENGTH_MISMATCH, SSL_R_PACKET_LENGTH_TOO_LONG:
            return .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_UNKNOWN_PROTOCOL:
            return .versionMismatch
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_KEY_SHARE,
            SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            return .cipherMismatch
        case SSL_R_NO_APPLICATION_PROTOCOL: return .protocolMismatch
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .certificateMissing
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return refused(verification)
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return .truncated
        default: return .violation(reason())
        }
    }

    private static func refused(_ verification: Int) -> SecurityFailure {
        switch Int32(truncatingIfNeeded: verification) {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .nameMismatch
        default: .certificateRefused(String(cString: X509_verify_cert_error_string(verification)))
        }
    }

    private static func alert(_ number: Int32) -> SecurityFailure {
        switch number {
        case SSL_AD_PROTOCOL_VERSION: .versionMismatch
        case SSL_AD_NO_APPLICATION_PROTOCOL: .protocolMismatch
        default: .alert(String(cString: SSL_alert_desc_string_long(number)))
        }
    }
}
