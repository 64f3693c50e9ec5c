/// One address the gateway accepts connections at.
package struct ListenerSettings: Sendable, Equatable {
    /// Where to listen.
    package var address: SocketAddress
    /// TLS; nil for clear text.
    package var tls: ListenerTLSSettings?

    init(reading section: Section) {
        address = section.required("address", .address, "Where to accept connections.")
        tls = section.optionalSection(
            "tls", absent: "clear text", "TLS for what is accepted.", ListenerTLSSettings.init(reading:))
    }
}
