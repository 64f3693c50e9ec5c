/// The operator's side door, apart from the data listeners.
package struct AdminSettings: Sendable, Equatable {
    /// Where it listens.
    package var address: SocketAddress

    init(reading section: Section) {
        address = section.required(
            "address", .address,
            "Where /healthz, /readyz, /metrics and /config are served; not for clients.")
    }
}
