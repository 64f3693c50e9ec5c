import HTTPWire
import Transport

/// What a client connection knows of the request it is answering.
struct ExchangeState {
    /// What becomes of the body.
    enum Sink {
        /// Nobody has asked for it: it stays where it is.
        case hold
        /// It is thrown away.
        case discard
        /// It is put together for a handler.
        case collect(bytesMax: Int, completion: ([UInt8]) -> Void)
        /// It goes to the upstream as it comes.
        case stream
    }

    /// As the client sent it; nil when the head was malformed.
    var request: RequestHead?
    /// What is streamed upstream: the request with what the handler has changed.
    var streamed: RequestHead?
    var requestID: RequestID
    var started: MonotonicTime
    var sink = Sink.hold
    var isRequestComplete = false
    /// An answer that is to be sent as soon as what is at hand has been read.
    var pending: Response?
    var isHeadSent = false
    var isAnswerComplete = false
    /// How the body of the answer is framed for the client.
    var answerFraming = BodyFraming.none
    var status = 0
    var requestBodyBytes = 0
    var answerBodyBytes = 0
    /// What had been received when the present window of the rate began.
    var bytesBeforeWindow = 0
    /// Whether the upstream's slowness kept the client from sending within the window.
    var wasPressed = false
    var collected: [UInt8] = []
    var upstreamLatency: Duration?
    var upstreamError: UpstreamError?
    var framingError: FramingError?
    var wasForgotten = false
    /// Why it was turned away.
    var shed: ShedReason?
    /// Memory of a body or an answer that a handler or an upstream's answer holds on its behalf.
    var handedBytes = 0
    /// What the handler has marked it with.
    var mark = -1
    /// The id of its trace, zero for none.
    var trace: (high: UInt64, low: UInt64) = (0, 0)
    /// What a malformed request began with.
    var startLine: [UInt8] = []
    /// What the handler wants to find again in the outcome.
    var note: (any Sendable)?
    var cancelHook: ((CancelReason) -> Void)?
    /// Where the request is streamed to, and how.
    var target: Upstream?
    /// Who may give the answer's body another form, and what does.
    var shaper: (any AnswerShaper)?
    var shaping: (any AnswerShaping)?
    /// The content coding that the answer's body got here.
    var answerCoding: String?
    var upstream: UpstreamConnection?
    var waiter: UpstreamWaiter?
    var forward: ForwardTask?
    var attempts = Attempts()
    /// The client's number, where the handler knows it.
    var clientKey: UInt64?
    /// What of the body has gone to an upstream; nil while nothing has.
    var replay: ReplayBody?
    var options: StreamOptions = []
    /// Whether the client asks for a switch that is allowed.
    var asksForTunnel = false
    /// Whether the client has been told to send its body.
    var hasContinued = false
    /// Until when the upstream is to say whether it wants the body; never when nobody waits for that.
    var continueDeadline = MonotonicTime.never

    /// The state before any byte of the body.
    init(request: RequestHead?, requestID: RequestID, started: MonotonicTime) {
        self.request = request
        self.requestID = requestID
        self.started = started
    }

    /// Whether the body is being read now.
    var wantsBody: Bool {
        guard !isRequestComplete else { return false }
        if case .hold = sink { return false }
        return true
    }
}
