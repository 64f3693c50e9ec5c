/// One address the gateway accepts connections at.
package struct ListenerSettings: Sendable, Equatable {
    /// Where to listen.
    package var address: SocketAddress
    /// The name of an inherited socket to accept from; nil finds it by its address, or binds one.
    package var socket: String?
    /// TLS; nil for clear text.
    package var tls: ListenerTLSSettings?
    /// The PROXY header that each connection begins with; nil where none is read.
    package var proxyProtocol: ProxyProtocolSettings?

    /// Whether a client that has closed its sending side is served to the end.
    package var servesHalfClosed: Bool

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
        proxyProtocol = section.optionalSection(
            "proxy_protocol", absent: "connections are their clients' own",
            "The PROXY header, version 1 or 2, that every connection must begin with, before TLS: it names the client.",
            ProxyProtocolSettings.init(reading:))
        servesHalfClosed = section.value(
            "serve_half_closed", .boolean, default: false,
            "Whether a client that closes its sending side while it waits gets its answer; by default it is taken as gone, since"
                + " most that do so are, and the upstream's work is saved.")
        limits = section.optionalSection(
            "limits", absent: "as in limits", "Bounds that hold for connections to this address."
        ) {
            LimitOverrides(reading: $0, forRoute: false)
        }
    }
}

/// Whose word is taken on whose a connection is.
package struct ProxyProtocolSettings: Sendable, Equatable {
    /// The networks of the proxies that send the header.
    package var proxies: [String]
    /// How long the header may take.
    package var headerTimeout: Duration

    init(reading section: Section) {
        proxies = section.required(
            "from", .list(of: .network, count: 1...1_000),
            "Networks of the proxies that send it; a connection from elsewhere, or without the header, is refused."
        )
        headerTimeout = section.value(
            "header_timeout", .duration(in: .milliseconds(10) ... .seconds(600)), default: .seconds(5),
            "From the connection to the end of the header; past it the connection is closed.")
    }
}
