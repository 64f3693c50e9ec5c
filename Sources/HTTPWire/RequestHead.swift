/// The head of a request: start line, fields, and what they say about framing and the connection.
package struct RequestHead: Sendable, Equatable {
    /// The method.
    package var method: Method
    /// The target, byte for byte as received.
    package var target: RequestTarget
    /// The sender's version; what is forwarded always says HTTP/1.1.
    package var version: HTTPVersion
    /// The fields in order. After an absolute-form target `Host` holds the target's authority (RFC 9112 §3.2.2).
    package var fields: HeaderList
    /// How the body's end is found.
    package var framing: BodyFraming
    /// Whether the client lets the connection live on after the answer (RFC 9112 §9.3).
    package var keepsAlive: Bool
    /// Whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
    package var expectsContinue: Bool
    /// Whether the client takes trailer fields: `TE: trailers` (RFC 9110 §6.5.1).
    package var acceptsTrailers = false
    /// Whether a proxy before has passed it on: there is a `Via` (RFC 9110 §7.6.3).
    package var wasForwarded = false
    /// Whether there may be a `traceparent` or `tracestate`; false where a parser has seen none.
    package var carriesTrace = true
    /// Whether there may be an `X-Request-Id`; false where a parser has seen none.
    package var carriesRequestID = true
    /// Whether `Connection` may name fields that concern one connection alone (RFC 9110 §7.6.1); false where a parser has
    /// seen that it does not.
    package var listsConnectionOptions = true

    /// A head to be sent, or the start of one to be parsed into.
    package init(
        method: Method, target: RequestTarget, version: HTTPVersion = .http11,
        fields: HeaderList = HeaderList(),
        framing: BodyFraming = .none, keepsAlive: Bool = true, expectsContinue: Bool = false
    ) {
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.framing = framing
        self.keepsAlive = keepsAlive
        self.expectsContinue = expectsContinue
    }

    /// The value of Host, which every accepted HTTP/1.1 request has.
    package var host: String? { fields.value("host") }

    /// Whether a switch to another protocol is asked for (RFC 9110 §7.8).
    package var asksForUpgrade: Bool {
        version == .http11 && fields.contains("upgrade") && fields.lists("connection", "upgrade")
    }
}
