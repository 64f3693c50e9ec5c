import HTTPWire
import Transport

/// One upstream server, as configured.
package struct UpstreamSettings: Sendable, Equatable {
    /// What `Host` says to the upstream.
    package enum HostField: Sendable, Equatable {
        /// What the client said.
        case passThrough
        /// The upstream's own host and port.
        case upstream
        /// This.
        case fixed(String)
    }

    /// Which requests are sent again on a fresh connection when a reused one closed before any byte of answer.
    package enum Retry: Sendable, Equatable {
        /// None.
        case never
        /// Those of an idempotent method (RFC 9110 §9.2.2), and others of which no byte had been sent.
        case idempotent
        /// All: the owner knows that the upstream's requests have no effect, as a prediction has none.
        case anyMethod
    }

    /// The name in logs, errors and metrics.
    package var name: String
    /// Where it listens.
    package var endpoint: Endpoint
    /// Connections to it at once, over all loops.
    package var connectionsMax = 256
    /// Requests that wait for a connection, over all loops. One more: 503 with `Retry-After`.
    package var queueMax = 1024
    /// Longest wait for a connection, to be made or to become free.
    package var connectTimeout = Duration.seconds(1)
    /// From the end of the request to the first byte of the answer.
    package var firstByteTimeout = Duration.seconds(30)
    /// Longest silence within an answer, and longest time the upstream may take no byte of a request.
    package var answerIdleTimeout = Duration.seconds(15)
    /// How long an unused connection is kept.
    package var idleTimeout = Duration.seconds(60)
    /// `Host` towards it.
    package var hostField = HostField.passThrough
    /// The PROXY header that connections begin with, before TLS; nil for none. Each connection is one client's then.
    package var proxyProtocol: ProxyProtocolWriter.Version?
    /// What is sent twice.
    package var retry = Retry.idempotent

    /// An upstream with default bounds.
    package init(name: String, endpoint: Endpoint) {
        self.name = name
        self.endpoint = endpoint
    }
}
