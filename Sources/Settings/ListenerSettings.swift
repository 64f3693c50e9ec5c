/// One address the gateway accepts connections at.
package struct ListenerSettings: Sendable, Equatable {
    /// Where to listen.
    package var address: SocketAddress

    init(reading section: Section) {
        address = section.required("address", .address, "Where to accept connections.")
    }
}
