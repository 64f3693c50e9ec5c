/// What has to come first on each connection of a listener, before TLS: a seam, since what it is belongs to a protocol.
package protocol ConnectionIntake: Sendable {
    /// How long it may take.
    var timeout: Duration { get }
    /// Whether this peer may connect at all.
    func admits(_ peer: SocketAddress) -> Bool
}
