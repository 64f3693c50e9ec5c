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
    }
}
