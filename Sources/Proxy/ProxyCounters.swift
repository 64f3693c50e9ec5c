import Synchronization

/// What a server has done since it started. Any thread may read.
package final class ProxyCounters: Sendable {
    /// Connections open now.
    package let connections = Atomic<Int>(0)
    /// Connections accepted.
    package let accepted = Atomic<Int>(0)
    /// Connections refused because as many were open as may be.
    package let refused = Atomic<Int>(0)
    /// Connections refused because their client had as many open as it may.
    package let refusedByClient = Atomic<Int>(0)
    /// Requests ended because their body came too slowly or not at all.
    package let slowBodies = Atomic<Int>(0)
    /// Requests whose head was complete.
    package let requests = Atomic<Int>(0)
    /// Requests answered 4xx by the proxy itself because they broke the protocol or a limit.
    package let badRequests = Atomic<Int>(0)
    /// Exchanges a handler forgot.
    package let forgotten = Atomic<Int>(0)

    /// TLS handshakes completed.
    package let handshakes = Atomic<Int>(0)
    /// Those of them that took up an earlier session.
    package let handshakesResumed = Atomic<Int>(0)
    /// TLS handshakes that failed or took too long.
    package let handshakesFailed = Atomic<Int>(0)

    /// All zero.
    package init() {}
}
