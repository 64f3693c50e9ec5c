import HTTPWire

/// The bounds of what clients may make the proxy hold or wait for. The defaults are those of Config/samegate.yaml.
package struct ProxyLimits: Sendable, Equatable {
    /// Client connections served at once; one more is answered 503 and closed.
    package var connectionsMax = 10_000
    /// Client connections from one IPv4 address or IPv6 /64; one more is answered 429 and closed. Trusted peers,
    /// which bring the connections of many clients, are not counted.
    package var connectionsPerClientMax = 10_000
    /// Longest request head, request line included. Longer: 431.
    package var requestHeadBytesMax = 32 << 10
    /// Longest request line. Longer: 414.
    package var requestLineBytesMax = 8 << 10
    /// Longest line of one request header field. Longer: 431.
    package var fieldBytesMax = 16 << 10
    /// Most request header fields. More: 431.
    package var headerCountMax = 100
    /// Most request body bytes. More: 413.
    package var requestBodyBytesMax = 8 << 20
    /// Longest line of a chunk's size. Longer: 400.
    package var chunkLineBytesMax = 512
    /// Most bytes of chunk extensions in a body. More: 400.
    package var chunkExtensionBytesMax = 4 << 10
    /// Longest trailer section. Longer: 431.
    package var trailerBytesMax = 8 << 10
    /// Most trailer fields. More: 431.
    package var trailerCountMax = 32
    /// Least rate of a request body over each window in which the proxy was ready to read all the time (408);
    /// `requestTimeout` is the ceiling whatever the rate. 0: none. **Units**: bytes a second.
    package var bodyBytesPerSecondMin = 128
    /// Over how long that rate is measured.
    package var bodyRateWindow = Duration.seconds(20)
    /// Most bytes of an upstream's answer head. More: 502.
    package var answerHeadBytesMax = 64 << 10
    /// Most body bytes of an answer that is collected rather than streamed. More: 502.
    package var answerBytesMax = 16 << 20
    /// Requests under way at once over all loops; one more is answered 503.
    package var requestsMax = Int.max
    /// Memory that clients' bytes and answers may take over all connections; what would add to it is shed.
    package var bufferBytesMax = Int.max
    /// How late a loop may be in taking up what is ready before it sheds requests; zero: however late.
    package var loopLagMax = Duration.zero
    /// Requests on one connection, the last of which is answered with `Connection: close`.
    package var keepAliveRequestsMax = Int.max
    /// Age of a connection from which its next answer says `Connection: close`; zero: none.
    package var keepAliveAgeMax = Duration.zero
    /// Longest time a client may take no byte of an answer that waits for it.
    package var answerIdleTimeout = Duration.seconds(15)
    /// Least rate at which a client takes an answer over each window in which some of it waited all the time. 0: none.
    /// **Units**: bytes a second.
    package var answerBytesPerSecondMin = 128
    /// Over how long that rate is measured.
    package var answerRateWindow = Duration.seconds(20)
    /// From the first byte of a head (or the accept) to its end. Longer: 408.
    package var headTimeout = Duration.seconds(10)
    /// Longest silence within a request body. Longer: 408.
    package var bodyIdleTimeout = Duration.seconds(15)
    /// From the end of the head to the last byte of the answer. Longer: 504, or the connection is cut.
    package var requestTimeout = Duration.seconds(60)
    /// How long an upstream may take to say whether it wants a body whose client waits for that, before it gets it.
    package var continueTimeout = Duration.seconds(1)
    /// Longest silence in a tunnel, in both directions together.
    package var tunnelIdleTimeout = Duration.seconds(300)
    /// Longest silence between two requests.
    package var keepAliveTimeout = Duration.seconds(75)
    /// How long a closing connection is still read from, so that a client that is sending reads the answer.
    package var lingerTimeout = Duration.seconds(5)
    /// Bytes after which a sender is no longer read from until its receiver has taken them.
    package var pressureBytes = 64 << 10

    /// The defaults.
    package init() {}

    /// Whether answers of upstreams are bound by these limits as they are by `other`.
    package func boundAnswers(as other: ProxyLimits) -> Bool {
        answer == other.answer && pressureBytes == other.pressureBytes
    }

    /// What each window of a body must bring. **Units**: bytes.
    var bodyWindowBytesMin: Int { Self.bytes(bodyBytesPerSecondMin, in: bodyRateWindow) }

    /// What a client must take of an answer in each window. **Units**: bytes.
    var answerWindowBytesMin: Int { Self.bytes(answerBytesPerSecondMin, in: answerRateWindow) }

    private static func bytes(_ perSecond: Int, in window: Duration) -> Int {
        Int((Double(perSecond) * (window / .seconds(1))).rounded(.up))
    }

    var request: WireLimits {
        WireLimits(
            startLineBytesMax: requestLineBytesMax, headBytesMax: requestHeadBytesMax,
            fieldBytesMax: fieldBytesMax, headerCountMax: headerCountMax,
            chunkLineBytesMax: chunkLineBytesMax,
            chunkExtensionBytesMax: chunkExtensionBytesMax, trailerBytesMax: trailerBytesMax,
            trailerCountMax: trailerCountMax, bodyBytesMax: UInt64(max(0, requestBodyBytesMax)))
    }

    /// A streamed answer is bounded by back-pressure, a collected one by its collector.
    var answer: WireLimits {
        WireLimits(
            startLineBytesMax: 8 << 10, headBytesMax: answerHeadBytesMax, headerCountMax: 2 * headerCountMax,
            bodyBytesMax: UInt64(Int64.max))
    }
}

/// What a server does beyond the protocol.
package struct ProxySettings: Sendable, Equatable {
    /// Bounds and deadlines, where a listener has none of its own.
    package var limits: ProxyLimits {
        get { common.values }
        set { common = LimitSet(newValue) }
    }
    private var common = LimitSet(ProxyLimits())
    /// Those of listeners that have their own, by the listener's name. Bounds over all connections (`requestsMax`,
    /// `bufferBytesMax`, `loopLagMax`) are the server's; `connectionsMax` bounds the listener's connections besides.
    package var listenerLimits: [String: LimitSet] = [:]
    /// Connections beyond `connectionsMax` that are told so before they are closed; further ones are closed at once, so that
    /// refusing takes no more descriptors than this.
    package var refusalsMax = Int.max
    /// The pseudonym in `Via` (RFC 9110 §7.6.3).
    package var viaName = "samegate"
    /// Proxies whose forwarding fields are kept and appended to; from everybody else they are replaced.
    package var trust = ForwardedTrust()
    /// Whether upstreams get `Forwarded` (RFC 7239) beside `X-Forwarded-*`.
    package var sendsForwarded = true
    /// Whether upstreams are told of the certificate that a client has shown, in `X-Client-Cert-…`. From clients these are
    /// never passed on.
    package var sendsClientCertificate = false
    /// The field in which clients send credentials, which do not go upstream: neither in a head nor in trailers.
    package var credentialField = ""
    /// Whether a client that closes its sending side while it waits is taken as gone (its answer is not worth
    /// the upstream's work). A client that only half-closes is served to the end when this is false.
    package var cancelsOnClientClose = true
    /// The listeners whose clients are served to the end all the same, by name.
    package var halfClosedListeners: Set<String> = []

    /// The defaults.
    package init(limits: ProxyLimits = ProxyLimits()) { common = LimitSet(limits) }

    /// The longest body that any handler may ask for by `Exchange.limit`, where that is longer than its listener's: until the
    /// handler has seen the head, a body is refused only past this.
    package var routedBodyBytesMax = 0

    /// Whether a client of a listener is taken as gone when it closes its sending side.
    func cancelsOnClientClose(at listener: String) -> Bool {
        cancelsOnClientClose && !halfClosedListeners.contains(listener)
    }

    /// The limits of connections to a listener.
    func limitSet(of listener: String) -> LimitSet {
        listenerLimits.isEmpty ? common : listenerLimits[listener] ?? common
    }
}
