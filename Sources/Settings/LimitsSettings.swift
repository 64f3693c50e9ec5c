/// Bounds on what one downstream may ask of the gateway.
package struct LimitsSettings: Sendable, Equatable {
    /// Open downstream connections.
    package var connections: Int
    /// Open downstream connections of one client address.
    package var connectionsPerClient: Int
    /// **Units** bytes of request line and header section together.
    package var requestHeadBytes: Int
    /// Header fields of a request.
    package var headerCount: Int
    /// **Units** bytes of a request body.
    package var requestBodyBytes: Int
    /// How a body may be framed and how slowly it may come.
    package var body: BodyLimitsSettings
    /// **Units** bytes of an upstream answer that must be read as a whole.
    package var answerBytes: Int
    /// From a request's first byte to the end of its head.
    package var requestHeadTimeout: Duration
    /// Between two pieces of a body.
    package var bodyIdleTimeout: Duration
    /// From a request's first byte to the end of its answer.
    package var requestTimeout: Duration
    /// Between two requests on one connection.
    package var keepAliveTimeout: Duration

    /// Clients, networks and routes whose rates are remembered at once.
    package var rateKeys: Int

    init(reading section: Section) {
        connections = section.value(
            "connections", .integer(in: 1...1_000_000), default: 10_000,
            "Downstream connections open at once; further ones are answered 503 and closed.")
        connectionsPerClient = section.value(
            "connections_per_client", .integer(in: 1...1_000_000), default: 10_000,
            "Connections open at once from one IPv4 address or IPv6 /64; further ones are answered 429 and closed."
        )
        requestHeadBytes = section.value(
            "request_head_bytes", .size(in: 1 << 10...1 << 20), default: 32 << 10,
            "Request line and header section together; longer is answered 431.")
        headerCount = section.value(
            "header_count", .integer(in: 1...10_000), default: 100,
            "Header fields of a request; more are answered 431.")
        requestBodyBytes = section.value(
            "request_body_bytes", .size(in: 0...1 << 30), default: 8 << 20,
            "Body of a request, and on a protected route the same decoded; longer is answered 413.")
        body = BodyLimitsSettings(reading: section)
        answerBytes = section.value(
            "answer_bytes", .size(in: 1 << 10...1 << 30), default: 16 << 20,
            "Answer of an upstream on a protected route, where it must be read as a whole; longer is answered 502."
        )
        requestHeadTimeout = section.value(
            "request_head_timeout", .duration(in: .milliseconds(10) ... .seconds(3600)),
            default: .seconds(10),
            "From a request's first byte to the end of its header section.")
        bodyIdleTimeout = section.value(
            "body_idle_timeout", .duration(in: .milliseconds(10) ... .seconds(3600)), default: .seconds(15),
            "Between two pieces of a request body.")
        requestTimeout = section.value(
            "request_timeout", .duration(in: .milliseconds(10) ... .seconds(86_400)), default: .seconds(60),
            "From a request's first byte to the last byte of its answer.")
        keepAliveTimeout = section.value(
            "keep_alive_timeout", .duration(in: .milliseconds(10) ... .seconds(86_400)),
            default: .seconds(75),
            "How long an idle downstream connection is kept for its next request.")
        rateKeys = section.value(
            "rate_keys", .integer(in: 1...100_000_000), default: 100_000,
            "Clients, networks and routes whose `rates` are remembered at once; further ones are what `on_full` says."
        )
    }
}
