/// The operator's side door, apart from the data listeners.
package struct AdminSettings: Sendable, Equatable {
    /// Where it listens.
    package var address: SocketAddress
    /// The file of the token that requests for change carry; nil lets only this machine itself change something.
    package var tokenFile: String?

    /// **Units** bytes of a token.
    package static let tokenBytes = 16...4_096

    init(reading section: Section) {
        address = section.required(
            "address", .address,
            "Where /healthz, /readyz, /metrics, /config, /log-level and /reload are served; not for clients.")
        tokenFile = section.optional(
            "token_file",
            .secretFile(
                least: AdminSettings.tokenBytes.lowerBound, most: AdminSettings.tokenBytes.upperBound),
            absent: "only this machine itself may",
            "The token that POST /reload and PUT /log-level ask for as `Authorization: Bearer TOKEN`.")
    }
}
