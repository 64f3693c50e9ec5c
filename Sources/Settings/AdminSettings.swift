/// The operator's side door, apart from the data listeners.
package struct AdminSettings: Sendable, Equatable {
    /// Where it listens; nil for a path alone.
    package var address: SocketAddress?
    /// The path of a Unix socket that it listens at, too or instead.
    package var socket: String?
    /// The mode of that socket's file: whoever may write to it may connect.
    package var socketMode: UInt32
    /// The file of the token that requests for change carry; nil lets only this machine itself change something.
    package var tokenFile: String?

    /// **Units** bytes of a token.
    package static let tokenBytes = 16...4_096

    init(reading section: Section) {
        address = section.optional(
            "address", .address, absent: "socket alone",
            "Where /healthz, /readyz, /metrics, /config, /log-level and /reload are served; not for clients. This or socket"
                + " is required.")
        socket = section.optional(
            "socket", .socketPath, absent: "address alone",
            "A Unix socket where the same is served: who may reach it is a matter of the file's mode and folder."
        )
        socketMode = section.value(
            "socket_mode", .fileMode, default: 0o600,
            "The mode of the socket's file; 0660 lets its group in.")
        if address == nil, socket == nil, !section.isDocumenting, section.trusts("address"),
            section.trusts("socket")
        {
            section.complain("needs an address, a socket, or both", about: "address")
        }
        tokenFile = section.optional(
            "token_file",
            .secretFile(
                least: AdminSettings.tokenBytes.lowerBound, most: AdminSettings.tokenBytes.upperBound,
                isText: true),
            absent: "only this machine itself may",
            "The token that POST /reload and PUT /log-level ask for as `Authorization: Bearer TOKEN`.")
    }
}
