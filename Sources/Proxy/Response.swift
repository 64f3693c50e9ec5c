import HTTPWire

/// A whole answer of the gateway's own. Framing, `Date`, `Connection` and `X-Request-Id` are added when it is sent.
package struct Response: Sendable, Equatable {
    /// 200 to 599.
    package var status: Int
    /// Fields in order; those that frame or steer the connection are ignored.
    package var fields: HeaderList
    /// The body; not sent in answer to HEAD, though counted in Content-Length.
    package var body: [UInt8]
    /// Whether the connection ends with it.
    package var closesConnection = false

    /// An answer from its parts.
    package init(status: Int, fields: HeaderList = HeaderList(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// An answer with a content type.
    package init(status: Int, contentType: String, body: [UInt8]) {
        var fields = HeaderList()
        // A content type that cannot stand in a field is left out rather than breaking the answer.
        try? fields.add("Content-Type", contentType)
        self.init(status: status, fields: fields, body: body)
    }
}

/// A whole answer of an upstream.
package struct CollectedResponse: Sendable, Equatable {
    /// As it came.
    package var head: ResponseHead
    /// Chunk framing removed; content codings untouched.
    package var body: [UInt8]
    /// From the forward to its first byte.
    package var firstByteLatency: Duration
    /// From the forward to its end.
    package var latency: Duration

    /// The answer to pass on; what belongs to the upstream's connection is left out when it is sent.
    package var response: Response { Response(status: head.status, fields: head.fields, body: body) }
}
