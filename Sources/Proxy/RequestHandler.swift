import HTTPWire
import Transport

/// Decides what becomes of each request.
///
/// Called on the exchange's loop, which serves other connections too: anything that takes long belongs on another
/// queue, from where `exchange.loop.execute` comes back.
package protocol RequestHandler: AnyObject, Sendable {
    /// A request head is complete. Call exactly one of `respond`, `stream`, `collectBody`, now or later.
    func handle(_ exchange: Exchange)
    /// The exchange is over, whatever its end. Called once per `handle`, and for requests that were refused
    /// before they reached it. `request` is the head as the client sent it, lent for the call; where `outcome.hasRequest`
    /// is false there was none that could be read, and `request` means nothing.
    func finished(_ outcome: ExchangeOutcome, of request: RequestHead)
    /// No descriptor or memory is left for another connection: accepting pauses for a moment. Called on a loop.
    func acceptPaused()
}

extension RequestHandler {
    /// Takes no notice.
    package func finished(_ outcome: ExchangeOutcome, of request: RequestHead) {}
    /// Takes no notice.
    package func acceptPaused() {}
}

/// Why nobody waits for the answer any more.
package enum CancelReason: String, Sendable, Equatable {
    /// The client has closed or reset its connection.
    case clientGone = "client-gone"
    /// The client takes its answer too slowly, or not at all.
    case slowReader = "slow-reader"
    /// A deadline has passed; the client has been told.
    case timeout
    /// The request's body is malformed or too large; the client has been told.
    case badBody = "bad-body"
    /// The upstream has failed; the client has been told.
    case upstreamFailed = "upstream-failed"
    /// There was no memory for it; the client has been told where that was still possible.
    case overloaded
    /// The server is ending.
    case shuttingDown = "shutting-down"
}

/// What became of an exchange, for access logs and metrics.
package struct ExchangeOutcome: Sendable {
    /// How it ended.
    package enum End: Sendable, Equatable {
        /// The answer was handed to the socket to its last byte.
        case answered
        /// The answer was cut short: by the client, or by a failure after its head had been sent.
        case cut(CancelReason)
        /// The handler forgot it; the client got a 500.
        case forgotten
    }

    /// Whether there was a request; false when its head was malformed.
    package let hasRequest: Bool
    /// As sent to the client and upstream.
    package let requestID: RequestID
    /// The address of the other end of the connection.
    package let peer: SocketAddress
    /// Whose request it was: the peer, or who a trusted proxy says it is.
    package let client: SocketAddress
    /// Its address without the port, as text.
    package let clientText: [UInt8]
    /// The status sent, 0 when none was.
    package let status: Int
    /// Body bytes received from the client.
    package let requestBodyBytes: Int
    /// Body bytes of the answer.
    package let answerBodyBytes: Int
    /// From the end of the head to the end of the exchange. **Units**: nanoseconds.
    package let duration: UInt64
    /// From the end of the head to the first byte of an upstream's answer. **Units**: nanoseconds.
    package let upstreamLatency: UInt64?
    /// What the upstream did wrong.
    package let upstreamError: UpstreamError?
    /// What the client did wrong.
    package let framingError: FramingError?
    /// The content coding that a streamed answer got on its way; nil where it went as it came.
    package let answerCoding: String?
    /// How it ended.
    package let end: End
    /// What the handler attached.
    package let note: (any Sendable)?
    /// What the handler marked it with; -1 for nothing.
    package var mark = -1
    /// Its place in a trace.
    package var trace: TraceParent?
    /// When it ended.
    package var ended = MonotonicTime(nanoseconds: 0)
    /// The number of its loop.
    package var loop = 0
    /// Why it was turned away.
    package var shed: ShedReason?
    /// The beginning of what a malformed request began with, up to its first line's end.
    package var startLine: [UInt8] = []
    /// Whether there is nothing to tell but a request in clear text and its whole answer: what is rare need not be looked for.
    package var isPlain = false
    /// What TLS had agreed on; nil in clear text.
    package var security: SecureConnection?
    /// The server that answered it, or was the last to be asked; nil where none was.
    package var server: String?
    /// How often it was sent to a server.
    package var attempts = 0
    /// Whether it became a tunnel.
    package var isTunnel = false
}
