import HTTPWire
import Transport

extension ServerConnection {
    /// Brings the connection as far as it gets without another event: sends the answer that is ready, ends the
    /// exchange, takes up the next request.
    func settle() {
        guard !isParsing else { return }
        while isOpen {
            sendPending()
            guard phase == .exchanging, exchange.isAnswerComplete else { break }
            endExchange(.answered)
            guard phase == .reading, !held.isEmpty else { break }
            awaitsRoom = outputCount >= limits.pressureBytes
            if awaitsRoom { break }
            parseHeld()
        }
        guard isOpen else { return }
        if let upstream = exchange.upstream, upstream.outputCount > 0 { upstream.sendNow() }
        sendOutput()
        if loop.isSaturated, isOpen, phase == .reading { shard.relieve(by: self) }
        guard isOpen, canRead, wantsRead, !isReading else { return }
        loop.resumeLater(self)
    }

    private func sendPending() {
        guard phase == .exchanging, exchange.hasPending, !exchange.isHeadSent, let response = exchange.pending
        else { return }
        exchange.pending = nil
        send(response)
    }

    // MARK: Answers of the gateway's own

    private func send(_ response: Response) {
        let isHead = exchange.hasRequest && parser.head.method.isHead
        let mayHaveBody = response.status >= 200 && response.status != 204 && response.status != 304
        decidePersistence(response.closesConnection)
        exchange.isHeadSent = true
        exchange.isAnswerComplete = true
        exchange.status = response.status
        let writer = answerWriter
        let framing = mayHaveBody ? BodyFraming.length(UInt64(response.body.count)) : .none
        compose { writer.append(response, framing: framing, to: &$0) }
        guard mayHaveBody, !isHead else { return }
        exchange.answerBodyBytes = response.body.count
        response.body.withUnsafeBytes { write($0) }
    }

    /// A body that has not been read to its end leaves the next request's place unknown.
    func decidePersistence(_ mustClose: Bool) {
        let mayLive = exchange.hasRequest && parser.head.keepsAlive && exchange.isRequestComplete
        // What a client has sent before it closed its half is answered still, where such clients are served.
        let isEnded = sawPeerClose && held.isEmpty && !canRead
        if mustClose || !mayLive || isSpent || shard.isDraining || isEnded { closesAfterAnswer = true }
    }

    var answerWriter: AnswerWriter {
        AnswerWriter(
            requestID: exchange.requestID, dateLine: shard.dateLine, closes: closesAfterAnswer,
            sayKeepAlive: exchange.hasRequest && parser.head.version == .http10)
    }

    // MARK: The end of an exchange

    private func endExchange(_ end: ExchangeOutcome.End) {
        tellOutcome(exchange.wasForgotten ? .forgotten : end)
        releaseExchange()
        if closesAfterAnswer { return linger() }
        phase = .reading
        changeGeneration()
        if isOpen, phase == .reading { awaitHead() }
    }

    /// The client's time for its next request runs from now; a long head's memory is not kept for it.
    func awaitHead() {
        let idle = shard.isDraining ? shard.idleGrace : limits.keepAliveTimeout
        let isBegun = !held.isEmpty || !parser.isBetweenMessages
        headDeadline = loop.now.advanced(by: isBegun ? limits.headTimeout : idle)
        parser.releaseMemory(beyond: Self.keptHeadBytes)
    }

    func releaseExchange() {
        if isLimitedByRoute {
            limitSet = generation.settings.limitSet(of: source.name)
            isLimitedByRoute = false
        }
        exchange = ExchangeState(requestID: exchange.requestID)
    }

    func tellOutcome(_ end: ExchangeOutcome.End) {
        shard.overload.cells.addRequests(-1)
        let handler = generation.handler
        let outcome = outcome(end)
        parser.lendHead { handler.finished(outcome, of: $0) }
    }

    private func outcome(_ end: ExchangeOutcome.End) -> ExchangeOutcome {
        var outcome = ExchangeOutcome(
            hasRequest: exchange.hasRequest, requestID: exchange.requestID, peer: peer,
            client: client, clientText: isTrusted ? Array(client.host.utf8) : peerText,
            status: exchange.status,
            requestBodyBytes: exchange.requestBodyBytes, answerBodyBytes: exchange.answerBodyBytes,
            duration: loop.now.nanoseconds(since: exchange.started),
            upstreamLatency: exchange.upstreamLatency, upstreamError: exchange.upstreamError,
            framingError: exchange.framingError, answerCoding: exchange.answerCoding, end: end,
            note: exchange.note)
        outcome.mark = exchange.mark
        outcome.trace = exchange.trace
        outcome.ended = loop.now
        outcome.loop = loop.index
        outcome.shed = exchange.shed
        outcome.startLine = exchange.startLine
        if let server = exchange.attempts.server {
            outcome.server = server.authority
            outcome.attempts = exchange.attempts.count
        }
        if isSecure { outcome.security = secureConnection }
        outcome.isPlain =
            end == .answered && exchange.hasRequest && exchange.rare == nil && exchange.shed == nil
            && !isSecure
            && !exchange.asksForTunnel
        outcome.isTunnel = exchange.asksForTunnel && exchange.status == 101
        return outcome
    }

    /// Ends the exchange without a whole answer; the connection is to be closed by the caller.
    func cut(_ reason: CancelReason) {
        let hook = exchange.cancelHook
        exchange.cancelHook = nil
        stopUpstream()
        phase = .lingering
        tellOutcome(.cut(reason))
        releaseExchange()
        hook?(reason)
    }

    /// Takes back an upstream's answer that has come to nothing, where no byte of it has left.
    func withdrawAnswer() {
        guard exchange.isHeadSent, !exchange.isAnswerComplete, retractOutput(behind: exchange.answerStart)
        else { return }
        exchange.isHeadSent = false
        exchange.answerFraming = .none
        exchange.answerBodyBytes = 0
        exchange.status = 0
        exchange.shaping = nil
        exchange.answerCoding = nil
    }

    /// Answers with a problem instead of what was under way, or cuts an answer that has begun.
    func fail(_ problem: ProblemDocument, _ reason: CancelReason, retryAfter: Int? = nil) {
        guard phase == .exchanging, !exchange.hasPending else { return }
        withdrawAnswer()
        if exchange.isHeadSent {
            let showsItsEnd = exchange.answerFraming != .untilClose
            cut(reason)
            // By its framing the client sees that this answer is not whole, and it is to have what came before it. Where the
            // end of the connection is the end of the answer, nothing but a reset tells it.
            guard showsItsEnd else { return abort() }
            linger()
            return settle()
        }
        let hook = exchange.cancelHook
        exchange.cancelHook = nil
        stopUpstream()
        var response = Response(problem, exchange.requestID)
        response.closesConnection = reason != .upstreamFailed
        if let retryAfter { try? response.fields.add("Retry-After", String(retryAfter)) }
        exchange.pending = response
        exchange.sink = reason == .badBody ? .hold : .discard
        hook?(reason)
        settleWithWhatIsAtHand()
    }

    /// Reads the rest of the request as far as it has arrived, so that the connection may live on, then answers.
    func settleWithWhatIsAtHand() {
        guard !isParsing else { return }
        if exchange.wantsBody { parseHeld() }
        settle()
    }

    private func stopUpstream() {
        if let waiter = exchange.waiter { exchange.attempts.server?.pool(on: loop).cancel(waiter) }
        exchange.waiter = nil
        let upstream = exchange.upstream
        exchange.upstream = nil
        upstream?.cancel()
        cancelForward()
    }

    /// Ends what a handler has forwarded.
    func cancelForward() {
        guard let forward = exchange.rare?.forward else { return }
        exchange.forward = nil
        exchange.attempts = forward.attempts
        forward.cancel()
    }
}
