/// One request and its answer, one line of the access log.
package struct AccessRecord: Sendable, Equatable, LogRecord {
    /// When the request began.
    package var time: WallTime
    /// The request's id, as the client saw it.
    package var requestID: String
    /// Who asked: the account of a client that said who it is, otherwise its address.
    package var client: String
    /// The address it asked from; nil where `client` is it.
    package var address: String?
    /// The method.
    package var method: String
    /// The path, with its query.
    package var path: String
    /// The status answered; nil when the connection ended before an answer.
    package var status: Int?
    /// **Units** bytes of the request's body.
    package var requestBytes: Int64
    /// **Units** bytes of the answer's body.
    package var answerBytes: Int64
    /// **Units** milliseconds from the request's first byte to the answer's last.
    package var duration: Double
    /// The route's name; nil when none took the request.
    package var route: String?
    /// The upstream's name; nil when none was asked.
    package var upstream: String?
    /// The id of the trace across services that it belongs to, in hexadecimal; nil when there is none.
    package var trace: String?
    /// The content coding that the request's body claims; nil for none.
    package var requestCoding: String?
    /// The content coding that the gateway gave the answer; nil where it gave none.
    package var answerCoding: String?

    /// The version it was asked in: `HTTP/1.1`.
    package var version = ""
    /// What a malformed request began with; nil for one that was understood.
    package var startLine: [UInt8]?
    /// What sent the request, by its own account.
    package var userAgent: String?
    /// Where the request came from, by its own account.
    package var referrer: String?
    /// **Units** milliseconds to the first byte of the upstream's answer.
    package var upstreamDuration: Double?
    /// What TLS had agreed on; nil in clear text.
    package var security: Security?
    /// Why the answer is not whole, or nobody was there for it.
    package var cut: String?
    /// What the client or the upstream did wrong, by a constant name.
    package var fault: String?
    /// Why it was turned away to keep others going.
    package var shed: String?
    /// Whether it became a tunnel, whose bytes are counted then.
    package var isTunnel = false

    /// What TLS had agreed on.
    package struct Security: Sendable, Equatable {
        /// `TLSv1.3`
        package var version: String
        /// The cipher suite.
        package var cipher: String
        /// The name that the client asked for.
        package var serverName: String?
        /// The subject of the certificate that the client has shown.
        package var subject: String?

        /// The parts together.
        package init(version: String, cipher: String, serverName: String?, subject: String?) {
            self.version = version
            self.cipher = cipher
            self.serverName = serverName
            self.subject = subject
        }
    }

    /// A record; what is left out is written as null.
    package init(
        time: WallTime, requestID: String, client: String, address: String? = nil, method: String,
        path: String, status: Int?,
        requestBytes: Int64, answerBytes: Int64, duration: Double, route: String? = nil,
        upstream: String? = nil, trace: String? = nil, requestCoding: String? = nil,
        answerCoding: String? = nil
    ) {
        self.time = time
        self.requestID = requestID
        self.client = client
        self.address = address
        self.method = method
        self.path = path
        self.status = status
        self.requestBytes = requestBytes
        self.answerBytes = answerBytes
        self.duration = duration
        self.route = route
        self.upstream = upstream
        self.trace = trace
        self.requestCoding = requestCoding
        self.answerCoding = answerCoding
    }

    /// Adds the record's fields.
    package func encode(into line: inout JSONLine) {
        line.field("time", time)
        line.field("request_id", requestID)
        line.field("client", client)
        line.field("address", address)
        line.field("method", method)
        line.field("path", path)
        line.field("status", status)
        line.field("request_bytes", requestBytes)
        line.field("answer_bytes", answerBytes)
        line.field("duration_ms", duration, decimals: 3)
        line.field("route", route)
        line.field("upstream", upstream)
        line.field("trace", trace)
        line.field("content_encoding", requestCoding)
        line.field("answer_encoding", answerCoding)
        line.field("protocol", version)
        line.field("user_agent", userAgent)
        line.field("referrer", referrer)
        line.field("upstream_ms", upstreamDuration, decimals: 3)
        encodeRare(into: &line)
    }

    /// What most requests have nothing of is left out of their lines.
    private func encodeRare(into line: inout JSONLine) {
        if let startLine { line.field("start_line", String(decoding: startLine, as: UTF8.self)) }
        if let cut { line.field("cut", cut) }
        if let fault { line.field("fault", fault) }
        if let shed { line.field("shed", shed) }
        if isTunnel { line.field("tunnel", true) }
        guard let security else { return }
        line.object("tls") { object in
            object.field("version", security.version)
            object.field("cipher", security.cipher)
            object.field("server_name", security.serverName)
            object.field("client_subject", security.subject)
        }
    }
}
