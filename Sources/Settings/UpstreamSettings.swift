/// A server that answers requests.
package struct UpstreamSettings: Sendable, Equatable {
    /// The name routes refer to.
    package var name: String
    /// Where it is.
    package var url: UpstreamURL
    /// TLS towards it; nil for the defaults with an https:// URL, and for clear text with http://.
    package var tls: UpstreamTLSSettings?
    /// Connections to it at once.
    package var connections: Int
    /// Requests that may wait for a connection.
    package var queue: Int
    /// To establish a connection.
    package var connectTimeout: Duration
    /// From the request's last byte to the answer's first.
    package var firstByteTimeout: Duration
    /// How long an idle connection is kept.
    package var idleTimeout: Duration
    /// The PROXY header that its connections begin with.
    package var proxyProtocol: ProxyProtocol
    /// What is sent again when a kept connection closed before a byte of the answer.
    package var retry: Retry

    /// The PROXY header's version.
    package enum ProxyProtocol: String, Sendable, CaseIterable {
        /// None is sent.
        case off
        /// A line of text.
        case v1
        /// A binary block.
        case v2
    }

    /// Which requests are sent again on a fresh connection when a kept one turns out to be closed.
    package enum Retry: String, Sendable, CaseIterable {
        /// None.
        case never
        /// Those of an idempotent method, and others of which no byte had been sent.
        case idempotent
        /// All: right for predictions, which have no effect.
        case anyMethod = "any-method"
    }

    init(_ name: String, reading section: Section) {
        self.name = name
        url = section.required("url", .upstreamURL, "Where requests are sent.")
        tls = section.optionalSection(
            "tls", absent: "all defaults for https://", "TLS towards it.", UpstreamTLSSettings.init(reading:))
        if section.has("tls"), section.trusts("url"), !url.isSecure {
            section.complain("goes with an https:// URL; this one is \(url)", about: "tls")
        }
        connections = section.value(
            "connections", .integer(in: 1...100_000), default: 256, "Connections to this upstream at once.")
        queue = section.value(
            "queue", .integer(in: 0...1_000_000), default: 1_024,
            "Requests that may wait for a free connection; further ones are answered 503.")
        connectTimeout = section.value(
            "connect_timeout", .duration(in: .milliseconds(1) ... .seconds(600)), default: .seconds(1),
            "To establish a connection; past it the client gets 504.")
        firstByteTimeout = section.value(
            "first_byte_timeout", .duration(in: .milliseconds(1) ... .seconds(3600)), default: .seconds(30),
            "From the end of the request to the first byte of the answer; past it the client gets 504.")
        idleTimeout = section.value(
            "idle_timeout", .duration(in: .milliseconds(10) ... .seconds(3600)), default: .seconds(60),
            "How long an unused connection is kept; below the upstream's own keep-alive time is best.")
        proxyProtocol = section.value(
            "proxy_protocol", .choice(), default: .off,
            "The PROXY header that connections begin with, before TLS, naming the client; each is one client's alone then."
        )
        retry = section.value(
            "retry", .choice(), default: .idempotent,
            "What is sent again, once, when a kept connection closed before a byte of the answer; `any-method` is right"
                + " for predictions, which have no effect.")
    }
}
