import Buffers

/// What requests of one connection say of who sent them: put into words once, for the fields of each.
final class ForwardedSender: Sendable {
    /// The client's address without port.
    let address: [UInt8]
    /// The address as an element of `Forwarded`; what has a colon must be quoted (RFC 7239 §4, §6).
    let element: [UInt8]
    /// Whether the client speaks TLS.
    let isSecure: Bool
    /// Whether `Forwarded` is written.
    let sendsForwarded: Bool
    /// The name in `Via` and the end of its line.
    let viaName: [UInt8]

    init(address: [UInt8], isSecure: Bool, settings: ProxySettings) {
        self.address = address
        self.isSecure = isSecure
        sendsForwarded = settings.sendsForwarded
        viaName = Array("\(settings.viaName)\r\n".utf8)
        let text = String(decoding: address, as: UTF8.self)
        element = Array((address.contains(0x3A) ? "for=\"[\(text)]\"" : "for=\(text)").utf8)
    }
}
