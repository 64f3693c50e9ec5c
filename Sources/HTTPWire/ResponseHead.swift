/// The head of a response: status line, fields, and what they say about framing and the connection.
package struct ResponseHead: Sendable, Equatable {
    /// The status code, 100 to 999.
    package var status: Int
    /// The reason phrase as sent; it carries no meaning (RFC 9112 §4).
    package var reason: [UInt8]
    /// The sender's version.
    package var version: HTTPVersion
    /// The fields in order.
    package var fields: HeaderList
    /// How the body's end is found, the request's method taken into account.
    package var framing: BodyFraming
    /// Whether the sender lets the connection live on after this message (RFC 9112 §9.3).
    package var keepsAlive: Bool
    /// Whether `Connection` may name fields that concern one connection alone (RFC 9110 §7.6.1); false where a parser has
    /// seen that it does not.
    package var listsConnectionOptions = true

    /// A head to be sent; the reason phrase is the registered one unless given.
    package init(
        status: Int, reason: String? = nil, version: HTTPVersion = .http11, fields: HeaderList = HeaderList(),
        framing: BodyFraming = .none, keepsAlive: Bool = true
    ) {
        self.status = status
        self.reason = reason.map { Array($0.utf8) } ?? Array(StatusReason.phrase(status).utf8)
        self.version = version
        self.fields = fields
        self.framing = framing
        self.keepsAlive = keepsAlive
    }

    /// Whether it is an interim answer (RFC 9110 §15.2) after which another head follows.
    package var isInterim: Bool { (100...199).contains(status) && status != 101 }
}
