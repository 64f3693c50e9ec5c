/// The checks of RFC 6455 on both heads of an opening handshake, as the proxy between makes them.
///
/// The digest in the answer is the client's to check: it alone is protected by it.
package enum WebSocketHandshake {
    /// The name in `Upgrade` (RFC 6455 §11.2).
    package static let name = "websocket"

    /// What is wrong with a request that asks for it.
    package enum Fault: Error, Sendable, Equatable, CaseIterable {
        /// Not a GET of HTTP/1.1 without a body.
        case notAPlainGet
        /// `Sec-WebSocket-Key` is not one field of 16 bytes in Base64.
        case malformedKey
        /// `Sec-WebSocket-Version` is not one field.
        case malformedVersion
        /// Another version than 13.
        case unsupportedVersion

        /// What the client may know.
        package var reason: String {
            switch self {
            case .notAPlainGet: "a WebSocket handshake is a GET of HTTP/1.1 without a body (RFC 6455 §4.1)"
            case .malformedKey: "Sec-WebSocket-Key is not 16 bytes in Base64 (RFC 6455 §4.1)"
            case .malformedVersion: "Sec-WebSocket-Version is missing or repeated (RFC 6455 §4.1)"
            case .unsupportedVersion: "only version 13 of WebSocket is spoken (RFC 6455 §4.4)"
            }
        }
    }

    /// What is wrong with this request as an opening handshake (RFC 6455 §4.2.1); nil when nothing is.
    package static func fault(in request: RequestHead) -> Fault? {
        guard request.method == .get, request.version == .http11, request.framing == .none else {
            return .notAPlainGet
        }
        let keys = request.fields.values("sec-websocket-key")
        guard keys.count == 1, isKey(keys[0]) else { return .malformedKey }
        let versions = request.fields.values("sec-websocket-version")
        guard versions.count == 1 else { return .malformedVersion }
        return versions[0] == "13" ? nil : .unsupportedVersion
    }

    /// Whether a 101 switches to WebSocket and to nothing else, and says so in due form (RFC 6455 §4.2.2, RFC 9110 §7.8).
    package static func accepts(_ answer: ResponseHead) -> Bool {
        let names = answer.fields.values("upgrade")
        let proofs = answer.fields.values("sec-websocket-accept")
        return answer.status == 101 && names.count == 1 && names[0].lowercased() == name
            && answer.fields.lists("connection", "upgrade") && proofs.count == 1 && proofs[0].utf8.count == 28
    }

    /// 22 digits of Base64 and two signs of padding; the last digit's low bits say nothing.
    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 24 && bytes[22...].allSatisfy { $0 == 0x3D }
            && bytes[..<22].allSatisfy {
                switch $0 {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F: true
                default: false
                }
            }
    }
}
