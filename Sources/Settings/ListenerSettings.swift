/// One address the gateway accepts connections at.
package struct ListenerSettings: Sendable, Equatable {
    /// Where to listen.
    package var address: SocketAddress
    /// The name of an inherited socket to accept from; nil finds it by its address, or binds one.
    package var socket: String?
    /// TLS; nil for clear text.
    package var tls: ListenerTLSSettings?

    /// Bounds that hold here instead of those of the `limits` section; nil where it has none of its own.
    package var limits: LimitOverrides?

    init(reading section: Section) {
        address = section.required("address", .address, "Where to accept connections.")
        socket = section.optional(
            "socket", .socketName, absent: "found by its address",
            "What the service manager calls the socket to accept from (FileDescriptorName=), where it opens sockets."
        )
        tls = section.optionalSection(
            "tls", absent: "clear text", "TLS for what is accepted.", ListenerTLSSettings.init(reading:))
        limits = section.optionalSection(
            "limits", absent: "as in limits", "Bounds that hold for connections to this address."
        ) {
            LimitOverrides(reading: $0, forRoute: false)
        }
    }
}
