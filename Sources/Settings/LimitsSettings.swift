/// Bounds on what downstreams may ask of the gateway.
package struct LimitsSettings: Sendable, Equatable {
    /// Open downstream connections.
    package var connections = 10_000
    /// Open downstream connections of one client address.
    package var connectionsPerClient = 10_000
    /// Requests under way at once.
    package var requests = 10_000
    /// **Units** bytes of memory that clients' bytes may take over all connections.
    package var bufferBytes = 256 << 20
    /// How late a loop may be before it sheds requests; zero for however late.
    package var loopLag = Duration.milliseconds(500)
    /// **Units** bytes of a request line.
    package var requestLineBytes = 8 << 10
    /// **Units** bytes of request line and header section together.
    package var requestHeadBytes = 32 << 10
    /// **Units** bytes of one header field.
    package var headerFieldBytes = 16 << 10
    /// Header fields of a request.
    package var headerCount = 100
    /// **Units** bytes of a request body.
    package var requestBodyBytes = 8 << 20
    /// How a body may be framed and how slowly it may come.
    package var body = BodyLimitsSettings()
    /// **Units** bytes of an upstream answer that must be read as a whole.
    package var answerBytes = 16 << 20
    /// Between two pieces of an answer that a client takes.
    package var answerIdleTimeout = Duration.seconds(15)
    /// **Units** bytes a second that a client must take of an answer over each window; 0 asks for none.
    package var answerBytesPerSecond = 128
    /// Over how long that rate is measured.
    package var answerRateWindow = Duration.seconds(20)
    /// From a request's first byte to the end of its head.
    package var requestHeadTimeout = Duration.seconds(10)
    /// Between two pieces of a body.
    package var bodyIdleTimeout = Duration.seconds(15)
    /// From a request's first byte to the end of its answer.
    package var requestTimeout = Duration.seconds(60)
    /// Between two requests on one connection.
    package var keepAliveTimeout = Duration.seconds(75)
    /// Requests on one connection.
    package var keepAliveRequests = 100_000
    /// Age of a connection from which it is closed after its next answer.
    package var keepAliveAge = Duration.seconds(3600)
    /// From an `Expect: 100-continue` that is passed on to the body that nobody has asked for.
    package var continueTimeout = Duration.seconds(1)
    /// Silence in a tunnel.
    package var tunnelIdleTimeout = Duration.seconds(300)
    /// Clients, networks and routes whose rates are remembered at once.
    package var rateKeys = 100_000

    /// Configurations in use at once, the present one included.
    package var generations = 16

    /// The defaults.
    package init() {}

    init(reading section: Section) {
        for key in Self.keys { key.read(section, &self) }
    }

    /// Every key, in the order of the reference.
    static var keys: [LimitKey] {
        connectionKeys + headKeys + BodyLimitsSettings.keys + answerKeys + timeKeys
    }

    private static var connectionKeys: [LimitKey] {
        [
            LimitKey(
                "connections", \.connections, .integer(in: 1...1_000_000), .listener,
                "Downstream connections open at once; further ones are answered 503 and closed."),
            LimitKey(
                "connections_per_client", \.connectionsPerClient, .integer(in: 1...1_000_000), .listener,
                "Connections open at once from one IPv4 address or IPv6 /64; further ones are answered 429 and closed."
            ),
            LimitKey(
                "requests", \.requests, .integer(in: 1...1_000_000), .gateway,
                "Requests under way at once; further ones are answered 503 with Retry-After."),
            LimitKey(
                "buffer_bytes", \.bufferBytes, .size(in: 1 << 20...1 << 40), .gateway,
                "Memory for clients' heads, bodies and answers over all connections; what would take more is answered 503, or cut."
            ),
            LimitKey(
                "loop_lag", \.loopLag, .duration(in: .zero ... .seconds(60)), .gateway,
                "How late an event loop may be in taking up what is ready before it answers requests 503; 0s for however late."
            ),
            LimitKey(
                "rate_keys", \.rateKeys, .integer(in: 1...100_000_000), .gateway,
                "Clients, networks and routes whose `rates` are remembered at once; further ones are what `on_full` says."
            ),
            LimitKey(
                "generations", \.generations, .integer(in: 2...1_000), .gateway,
                "Configurations in use at once after reloads, the present one included; requests of older ones are cut."
            ),
        ]
    }

    private static var headKeys: [LimitKey] {
        [
            LimitKey(
                "request_line_bytes", \.requestLineBytes, .size(in: 256...1 << 20), .listener,
                "Request line; longer is answered 414."),
            LimitKey(
                "request_head_bytes", \.requestHeadBytes, .size(in: 1 << 10...1 << 20), .listener,
                "Request line and header section together; longer is answered 431."),
            LimitKey(
                "header_field_bytes", \.headerFieldBytes, .size(in: 256...1 << 20), .listener,
                "One header field of a request; longer is answered 431."),
            LimitKey(
                "header_count", \.headerCount, .integer(in: 1...10_000), .listener,
                "Header fields of a request; more are answered 431."),
            LimitKey(
                "request_body_bytes", \.requestBodyBytes, .size(in: 0...1 << 30), .route,
                "Body of a request, and on a protected route the same decoded; longer is answered 413."),
        ]
    }

    private static var answerKeys: [LimitKey] {
        [
            LimitKey(
                "answer_bytes", \.answerBytes, .size(in: 1 << 10...1 << 30), .route,
                "Answer of an upstream on a protected route, where it must be read as a whole; longer is answered 502."
            ),
            LimitKey(
                "answer_idle_timeout", \.answerIdleTimeout,
                .duration(in: .milliseconds(10) ... .seconds(3600)), .route,
                "Longest time a client may take no byte of an answer that waits for it; then it is cut off."),
            LimitKey(
                "answer_bytes_per_second", \.answerBytesPerSecond, .size(in: 0...1 << 30), .route,
                "Least rate at which a client takes an answer over each window in which some of it waits; slower is cut off, 0 asks for none."
            ),
            LimitKey(
                "answer_rate_window", \.answerRateWindow,
                .duration(in: .milliseconds(100) ... .seconds(3600)), .route,
                "Over how long the rate of taking an answer is measured."),
        ]
    }

    private static var timeKeys: [LimitKey] {
        [
            LimitKey(
                "request_head_timeout", \.requestHeadTimeout,
                .duration(in: .milliseconds(10) ... .seconds(3600)), .listener,
                "From a request's first byte to the end of its header section."),
            LimitKey(
                "body_idle_timeout", \.bodyIdleTimeout,
                .duration(in: .milliseconds(10) ... .seconds(3600)), .route,
                "Between two pieces of a request body."),
            LimitKey(
                "request_timeout", \.requestTimeout, .duration(in: .milliseconds(10) ... .seconds(86_400)),
                .route, "From the end of a request's head to the last byte of its answer."),
            LimitKey(
                "keep_alive_timeout", \.keepAliveTimeout,
                .duration(in: .milliseconds(10) ... .seconds(86_400)), .listener,
                "How long an idle downstream connection is kept for its next request."),
            LimitKey(
                "keep_alive_requests", \.keepAliveRequests, .integer(in: 1...1_000_000_000), .listener,
                "Requests on one connection; the last is answered with Connection: close."),
            LimitKey(
                "keep_alive_age", \.keepAliveAge, .duration(in: .zero ... .seconds(366 * 86_400)), .listener,
                "Age of a connection from which its next answer says Connection: close; 0s for none."),
            LimitKey(
                "continue_timeout", \.continueTimeout, .duration(in: .milliseconds(1) ... .seconds(3600)),
                .route,
                "How long an upstream may take to answer an `Expect: 100-continue` that is passed on before it gets the body."
            ),
            LimitKey(
                "tunnel_idle_timeout", \.tunnelIdleTimeout,
                .duration(in: .milliseconds(10) ... .seconds(86_400)), .route,
                "Silence in both directions after which a WebSocket tunnel is closed."),
        ]
    }
}
