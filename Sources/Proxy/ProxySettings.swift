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
    /// From the first byte of a head (or the accept) to its end. Longer: 408.
    package var headTimeout = Duration.seconds(10)
    /// Longest silence within a request body (408), and longest time a client may take no byte of an answer.
    package var bodyIdleTimeout = Duration.seconds(15)
    /// From the end of the head to the last byte of the answer. Longer: 504, or the connection is cut.
    package var requestTimeout = Duration.seconds(60)
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
    var bodyWindowBytesMin: Int {
        let seconds = bodyRateWindow / .seconds(1)
        return Int((Double(bodyBytesPerSecondMin) * seconds).rounded(.up))
    }

    var request: WireLimits {
        WireLimits(
            startLineBytesMax: requestLineBytesMax, headBytesMax: requestHeadBytesMax,
            headerCountMax: headerCountMax, chunkLineBytesMax: chunkLineBytesMax,
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
    /// Bounds and deadlines.
    package var limits = ProxyLimits()
    /// The pseudonym in `Via` (RFC 9110 §7.6.3).
    package var viaName = "samegate"
    /// Proxies whose forwarding fields are kept and appended to; from everybody else they are replaced.
    package var trust = ForwardedTrust()
    /// Whether upstreams get `Forwarded` (RFC 7239) beside `X-Forwarded-*`.
    package var sendsForwarded = true
    /// Whether a client that closes its sending side while it waits is taken as gone (its answer is not worth
    /// the upstream's work). A client that only half-closes is served to the end when this is false.
    package var cancelsOnClientClose = true

    /// The defaults.
    package init(limits: ProxyLimits = ProxyLimits()) { self.limits = limits }
}
