import HTTPWire
import Transport

/// What a client may not make the process do for it: hold memory for long, or be served while others wait in vain.
extension ServerConnection {
    // MARK: Connections

    func countRefusal(_ room: ServerShard.Room) {
        if room.server {
            shard.counters.refusedByListener.wrappingAdd(1, ordering: .relaxed)
        } else {
            shard.counters.refused.wrappingAdd(1, ordering: .relaxed)
        }
    }

    // MARK: Requests

    /// Whether the request whose head has just arrived is turned away; it is answered then.
    func shedsRequest() -> Bool {
        guard
            let reason = shard.overload.reason(shard.generation.overload, lagNanoseconds: loop.lagNanoseconds)
        else {
            return false
        }
        shard.counters.shed.count(reason)
        exchange.shed = reason
        exchange.pending = shedResponse
        exchange.sink = exchange.isRequestComplete ? .discard : .hold
        return true
    }

    /// A client that comes back over the same connection costs less than one that has to open another.
    private var shedResponse: Response {
        var response = Response(
            ProblemDocument(status: 503, detail: "too much is asked at the moment; try again shortly"),
            exchange.requestID)
        // A number fits a field.
        try? response.fields.add("Retry-After", "1")
        response.closesConnection = !exchange.isRequestComplete
        return response
    }

    // MARK: Memory

    /// So much of a head's memory a connection keeps between its requests, and does not count. **Units**: bytes.
    static let keptHeadBytes = 2_048

    /// The memory that its bytes take, in both directions.
    private var bufferBytes: Int {
        held.capacity + outputCapacity + max(0, parser.heldBytes - Self.keptHeadBytes)
            + exchange.handedBytes + (exchange.rare?.bytes ?? 0)
            + (exchange.upstream?.bufferCapacity ?? tunnel?.waitingCapacity ?? 0)
    }

    /// Counts the memory that its bytes take now. Where it has grown and there is no more to be had, the request is shed.
    func account() {
        let bytes = bufferBytes
        guard bytes != accounted else { return }
        let change = bytes - accounted
        accounted = bytes
        shard.overload.cells.addBytes(change)
        if change > 0, exchange.shed == nil, phase != .lingering,
            shard.overload.isFull(shard.generation.overload)
        {
            shedBuffers()
        }
    }

    /// Counts what a handler or an upstream's answer has been given room for. Returns false when the request was shed
    /// instead.
    func accountHanded(_ bytes: Int) -> Bool {
        exchange.handedBytes = bytes
        account()
        return isOpen && exchange.shed == nil
    }

    /// Counts what the handler has made of the request's body. Returns false when the request is over, or was shed.
    func hold(bytes: Int, _ serial: UInt64) -> Bool {
        isAwaiting(serial) && accountHanded(bytes)
    }

    /// Gives the memory back, with an answer where one is still possible.
    private func shedBuffers() {
        shard.counters.shed.count(.memory)
        held = []
        if phase == .reading {
            refuse(ProblemDocument(status: 503), nil)
            exchange.shed = .memory
            exchange.pending = shedResponse
            return settle()
        }
        exchange.shed = .memory
        exchange.more.collected = []
        exchange.handedBytes = 0
        // What is half sent cannot be taken back, and what is to be sent is too much already.
        guard !exchange.isHeadSent else { return clientGone() }
        exchange.pending = nil
        fail(
            ProblemDocument(status: 503, detail: "too much is asked at the moment; try again shortly"),
            .overloaded, retryAfter: 1)
    }

    /// Nothing of it takes memory any more.
    func forgetBuffers() {
        shard.overload.cells.addBytes(-accounted)
        accounted = 0
    }

    // MARK: Slow readers

    /// How fast the client takes what is sent is measured from here.
    func beginAnswerWindow() {
        guard limits.answerBytesPerSecondMin > 0 else { return }
        takenBeforeWindow = bytesTaken
        answerRateDeadline = loop.now.advanced(by: limits.answerRateWindow)
    }

    /// Whether the client has taken nothing, or too little, of what has been waiting for it; a window that has not ended is
    /// no reason. Begins the next.
    var takesTooLittle: Bool {
        if writeDeadline <= loop.now, takesNothing {
            shard.counters.timeouts.count(.answerIdle)
            return true
        }
        guard answerRateDeadline <= loop.now else { return false }
        if bytesTaken < takenBeforeWindow + UInt64(limits.answerWindowBytesMin) {
            shard.counters.timeouts.count(.answerRate)
            return true
        }
        beginAnswerWindow()
        return false
    }

    // MARK: Routes

    /// Holds the request to its route's limits instead of the listener's, to its end.
    func limit(to set: LimitSet, _ serial: UInt64) {
        guard isAwaiting(serial), limitSet !== set else { return }
        limitSet = set
        isLimitedByRoute = true
        parser.limitBody(to: UInt64(max(0, limits.requestBodyBytesMax)))
        requestDeadline = exchange.started.advanced(by: limits.requestTimeout)
    }

    /// The longest body that a request may have while its route is not known.
    var bodyBytesCeiling: Int { max(limits.requestBodyBytesMax, generation.settings.routedBodyBytesMax) }

    /// Whether the body that the head announces may be as long as that; otherwise the client is told.
    func mayHaveBody() -> Bool {
        guard exchange.hasRequest, case .length(let count) = parser.head.framing,
            count > UInt64(limits.requestBodyBytesMax)
        else { return true }
        exchange.framingError = .bodyTooLarge
        shard.counters.framingErrors.count(.bodyTooLarge)
        fail(ProblemDocument(.bodyTooLarge), .badBody)
        return false
    }
}
