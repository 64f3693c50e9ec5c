/// One request and its answer, one line of the access log. Its texts may be lent: it is written before they change.
package struct AccessRecord: LogRecord {
    /// When the request began.
    package var time: WallTime
    /// The request's id, as the client saw it.
    package var requestID: LogText
    /// Who asked: the account of a client that said who it is, otherwise its address.
    package var client: LogText
    /// The address it asked from; nil where `client` is it.
    package var address: LogText?
    /// The method.
    package var method: LogText
    /// The path, with its query.
    package var path: LogText
    /// The status answered; nil when the connection ended before an answer.
    package var status: Int?
    /// **Units** bytes of the request's body.
    package var requestBytes: Int64
    /// **Units** bytes of the answer's body.
    package var answerBytes: Int64
    /// From the end of the request's head to the answer's last byte. **Units**: nanoseconds.
    package var duration: UInt64
    /// The route's name; nil when none took the request.
    package var route: LogText?
    /// The upstream's name; nil when none was asked.
    package var upstream: LogText?
    /// Which of its servers answered, or was the last to be asked: `10.0.0.7:8501`.
    package var server: LogText?
    /// To how many servers or connections it was sent; nil for one.
    package var attempts: Int?
    /// The id of the trace across services that it belongs to, in hexadecimal; nil when there is none.
    package var trace: LogText?
    /// The content coding that the request's body claims; nil for none.
    package var requestCoding: LogText?
    /// The content coding that the gateway gave the answer; nil where it gave none.
    package var answerCoding: LogText?

    /// The version it was asked in: `HTTP/1.1`.
    package var version: LogText = ""
    /// What sent the request, by its own account.
    package var userAgent: LogText?
    /// Where the request came from, by its own account.
    package var referrer: LogText?
    /// To the first byte of the upstream's answer. **Units**: nanoseconds.
    package var upstreamDuration: UInt64?
    /// What most requests have nothing of.
    package var rare: Rare?

    /// What most requests have nothing of: one word where there is none.
    package final class Rare {
        /// What a malformed request began with; nil for one that was understood.
        package var startLine: [UInt8]?
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

        /// Nothing.
        package init() {}
    }

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

    /// A record. What there is nothing to say of has no key in the line, but for the status: keys without a value took a sixth
    /// of it.
    package init(
        time: WallTime, requestID: LogText, client: LogText, address: LogText? = nil, method: LogText,
        path: LogText, status: Int?, requestBytes: Int64, answerBytes: Int64, duration: UInt64
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
    }

    /// Adds the record's fields.
    package func encode(into line: inout JSONLine) {
        line.field("time", time)
        line.field("request_id", requestID)
        line.field("client", client)
        if let address { line.field("address", address) }
        line.field("method", method)
        line.field("path", path)
        line.field("status", status.map(Int64.init))
        line.field("request_bytes", requestBytes)
        line.field("answer_bytes", answerBytes)
        line.field("duration_ms", milliseconds: duration)
        if let route { line.field("route", route) }
        if let upstream { line.field("upstream", upstream) }
        if let server { line.field("server", server) }
        if let attempts { line.field("attempts", attempts) }
        if let trace { line.field("trace", trace) }
        if let requestCoding { line.field("content_encoding", requestCoding) }
        if let answerCoding { line.field("answer_encoding", answerCoding) }
        line.field("protocol", version)
        if let userAgent { line.field("user_agent", userAgent) }
        if let referrer { line.field("referrer", referrer) }
        if let upstreamDuration { line.field("upstream_ms", milliseconds: upstreamDuration) }
        rare?.encode(into: &line)
    }
}

extension AccessRecord.Rare {
    /// What there is nothing of is left out.
    fileprivate func encode(into line: inout JSONLine) {
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
