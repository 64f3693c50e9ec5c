import HTTPWire
import Transport

/// What a client connection knows of the request it is answering.
///
/// Made anew for each request, so what a streamed GET has no use for lies in `rare`, which is not made for one. The request's head is not here: it stays in the
/// connection's parser until the next is read, which is not before the exchange is over.
struct ExchangeState {
    /// What becomes of the body.
    enum Sink {
        /// Nobody has asked for it: it stays where it is.
        case hold
        /// It is thrown away.
        case discard
        /// It is put together for a handler.
        case collect
        /// It goes to the upstream as it comes.
        case stream
    }

    /// Whether the parser's head is this request's; false when the head was malformed.
    private(set) var hasRequest = false
    private(set) var requestID: RequestID
    private(set) var started = MonotonicTime(nanoseconds: 0)
    var sink = Sink.hold
    var isRequestComplete = false
    var isHeadSent = false
    var isAnswerComplete = false
    /// How many bytes had been queued for the client before the head of an upstream's answer.
    var answerStart: UInt64 = 0
    /// How the body of the answer is framed for the client.
    var answerFraming = BodyFraming.none
    var status = 0
    var requestBodyBytes = 0
    var answerBodyBytes = 0
    /// What had been received when the present window of the rate began.
    var bytesBeforeWindow = 0
    /// Whether the upstream's slowness kept the client from sending within the window.
    var wasPressed = false
    /// From the end of the head to the first byte of the upstream's answer. **Units**: nanoseconds.
    var upstreamLatency: UInt64?
    var wasForgotten = false
    /// Why it was turned away.
    var shed: ShedReason?
    /// Memory of a body or an answer that a handler or an upstream's answer holds on its behalf.
    var handedBytes = 0
    /// What the handler has marked it with.
    var mark = -1
    /// Its place in a trace.
    var trace: TraceParent?
    /// Whose it is, once that has been read from a trusted proxy's fields.
    var client: SocketAddress?
    /// Where the request is streamed to.
    var target: Upstream?
    var upstream: UpstreamConnection?
    var attempts = Attempts()
    /// The client's number, where the handler knows it.
    var clientKey: UInt64?
    var options: StreamOptions = []
    /// Whether the client asks for a switch that is allowed.
    var asksForTunnel = false
    /// Whether the client has been told to send its body.
    var hasContinued = false
    /// Until when the upstream is to say whether it wants the body; never when nobody waits for that.
    var continueDeadline = MonotonicTime.never
    /// What only some requests have.
    private(set) var rare: Rare?

    /// The state between two exchanges; the id is the last one's.
    init(requestID: RequestID) { self.requestID = requestID }

    /// Begins an exchange, before any byte of the body.
    mutating func begin(hasRequest: Bool, requestID: RequestID, started: MonotonicTime) {
        assert(status == 0 && !isHeadSent && rare == nil, "the last exchange has left something")
        self.hasRequest = hasRequest
        self.requestID = requestID
        self.started = started
    }

    /// Whether the body is being read now.
    var wantsBody: Bool { !isRequestComplete && sink != .hold }

    /// What is rare, to be changed.
    var more: Rare {
        mutating get {
            if let rare { return rare }
            let made = Rare()
            rare = made
            return made
        }
    }
}

extension ExchangeState {
    /// What a streamed request without a body does not have.
    final class Rare {
        var pending: Response?
        var changed: Exchange.Copy?
        var collected: [UInt8] = []
        var collector: (bytesMax: Int, completion: ([UInt8]) -> Void)?
        var upstreamError: UpstreamError?
        var framingError: FramingError?
        var startLine: [UInt8] = []
        var note: (any Sendable)?
        var cancelHook: ((CancelReason) -> Void)?
        var shaper: (any AnswerShaper)?
        var shaping: (any AnswerShaping)?
        var answerCoding: String?
        var waiter: UpstreamWaiter?
        var forward: ForwardTask?
        var replay: ReplayBody?

        /// The memory that bytes take here.
        var bytes: Int {
            collected.capacity + (replay?.bytes.capacity ?? 0) + (forward?.bufferCapacity ?? 0)
        }
    }

    /// An answer that is to be sent as soon as what is at hand has been read.
    var pending: Response? {
        get { rare?.pending }
        set { if newValue != nil || rare != nil { more.pending = newValue } }
    }

    /// Whether there is one.
    var hasPending: Bool { rare != nil && rare?.pending != nil }

    /// What is streamed upstream where the handler has changed the request.
    var changed: Exchange.Copy? {
        get { rare?.changed }
        set { if newValue != nil || rare != nil { more.changed = newValue } }
    }

    var upstreamError: UpstreamError? {
        get { rare?.upstreamError }
        set { if newValue != nil || rare != nil { more.upstreamError = newValue } }
    }

    var framingError: FramingError? {
        get { rare?.framingError }
        set { if newValue != nil || rare != nil { more.framingError = newValue } }
    }

    /// What a malformed request began with.
    var startLine: [UInt8] {
        get { rare?.startLine ?? [] }
        set { if !newValue.isEmpty || rare != nil { more.startLine = newValue } }
    }

    /// What the handler wants to find again in the outcome.
    var note: (any Sendable)? {
        get { rare?.note }
        set { if newValue != nil || rare != nil { more.note = newValue } }
    }

    var cancelHook: ((CancelReason) -> Void)? {
        get { rare?.cancelHook }
        set { if newValue != nil || rare != nil { more.cancelHook = newValue } }
    }

    /// Who may give the answer's body another form.
    var shaper: (any AnswerShaper)? {
        get { rare?.shaper }
        set { if newValue != nil || rare != nil { more.shaper = newValue } }
    }

    /// What does.
    var shaping: (any AnswerShaping)? {
        get { rare?.shaping }
        set { if newValue != nil || rare != nil { more.shaping = newValue } }
    }

    /// The content coding that the answer's body got here.
    var answerCoding: String? {
        get { rare?.answerCoding }
        set { if newValue != nil || rare != nil { more.answerCoding = newValue } }
    }

    var waiter: UpstreamWaiter? {
        get { rare?.waiter }
        set { if newValue != nil || rare != nil { more.waiter = newValue } }
    }

    var forward: ForwardTask? {
        get { rare?.forward }
        set { if newValue != nil || rare != nil { more.forward = newValue } }
    }

    /// What of the body has gone to an upstream; nil while nothing has.
    var replay: ReplayBody? {
        get { rare?.replay }
        set { if newValue != nil || rare != nil { more.replay = newValue } }
    }
}
