/// Why a secured connection could not be made, or ended before its time.
package enum SecurityFailure: Error, Equatable, Sendable {
    /// The peer speaks HTTP without TLS.
    case plainHTTP
    /// What the peer sends is no TLS.
    case notTLS
    /// No protocol version that both allow.
    case versionMismatch
    /// No cipher, group or signature algorithm that both allow.
    case cipherMismatch
    /// The peer speaks none of our application protocols (RFC 7301 §3.2).
    case protocolMismatch
    /// The peer showed no certificate where one is required.
    case certificateMissing
    /// The peer's certificate is valid for another name.
    case nameMismatch
    /// The peer's certificate was refused, for this reason.
    case certificateRefused(String)
    /// The peer refused the connection with this alert.
    case alert(String)
    /// The connection ended without the peer saying so, so that what came may not be all (RFC 8446 §6.1).
    case truncated
    /// The peer sent more than a handshake needs before it finished one.
    case handshakeTooLarge
    /// The peer broke the protocol, in the library's words.
    case violation(String)
    /// The system broke the connection, with its errno.
    case system(Int32)
    /// The session has ended on this side, or could not be made for want of memory.
    case unusable
}

extension SecurityFailure {
    /// A short constant for metrics and logs.
    package var code: String {
        switch self {
        case .plainHTTP: "plain-http"
        case .notTLS: "not-tls"
        case .versionMismatch: "version-mismatch"
        case .cipherMismatch: "cipher-mismatch"
        case .protocolMismatch: "protocol-mismatch"
        case .certificateMissing: "certificate-missing"
        case .nameMismatch: "name-mismatch"
        case .certificateRefused: "certificate-refused"
        case .alert: "alert"
        case .truncated: "truncated"
        case .handshakeTooLarge: "handshake-too-large"
        case .violation: "violation"
        case .system: "system"
        case .unusable: "unusable"
        }
    }
}

extension SecurityFailure: CustomStringConvertible {
    /// One sentence for the log; never for the peer.
    package var description: String {
        switch self {
        case .plainHTTP: "the peer speaks HTTP without TLS"
        case .notTLS: "the peer does not speak TLS"
        case .versionMismatch: "there is no TLS version that both sides allow"
        case .cipherMismatch: "there is no cipher, group or signature that both sides allow"
        case .protocolMismatch: "the peer does not speak http/1.1 (ALPN)"
        case .certificateMissing: "the peer showed no certificate"
        case .nameMismatch: "the peer's certificate is not valid for its name"
        case .certificateRefused(let reason): "the peer's certificate is refused: \(reason)"
        case .alert(let text): "the peer refused the connection: \(text)"
        case .truncated: "the connection ended without a close_notify"
        case .handshakeTooLarge: "the peer sent more than a handshake needs"
        case .violation(let text): "the peer broke the TLS protocol: \(text)"
        case .system(let code): TransportError.reason(code)
        case .unusable: "the TLS session cannot be used any more"
        }
    }
}
