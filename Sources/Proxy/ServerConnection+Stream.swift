import HTTPWire
import Transport

/// The streamed way: both bodies pass through, at most a read's worth of each waiting.
extension ServerConnection: UpstreamClient {
    func stream(
        _ request: RequestHead, to upstream: Upstream, shaper: (any AnswerShaper)?, _ serial: UInt64
    ) {
        guard isAwaiting(serial), exchange.target == nil, mayHaveBody() else { return }
        exchange.shaper = shaper
        exchange.streamed = request
        exchange.target = upstream
        acquire(upstream, fresh: false)
    }

    private func acquire(_ upstream: Upstream, fresh: Bool) {
        let request = exchange.request
        let mayRepeat = request?.method.isIdempotent == true && request?.framing == BodyFraming.none
        switch upstream.pool(on: loop).acquire(for: self, fresh: fresh, verifying: !mayRepeat) {
        case .connection(let connection): upstreamReady(connection)
        case .waiting(let waiter): exchange.waiter = waiter
        case .failed(let error): upstreamFailed(error, reused: false)
        }
    }

    // MARK: The request

    func upstreamReady(_ upstream: UpstreamConnection) {
        exchange.waiter = nil
        guard phase == .exchanging, let target = exchange.target, let request = exchange.streamed else {
            return upstream.cancel()
        }
        exchange.upstream = upstream
        upstream.beginRequest(request.method)
        let rewriter = rewriter(for: target)
        upstream.withOutput { rewriter.append(request, framing: request.framing, to: &$0) }
        exchange.sink = .stream
        if exchange.isRequestComplete { return upstream.endRequest() }
        wantBody()
        exchange.upstream?.sendNow()
    }

    func streamBody(_ bytes: UnsafeRawBufferPointer) {
        guard let upstream = exchange.upstream else { return }
        if case .chunked = exchange.request?.framing {
            upstream.withOutput { WireWriter.appendChunkStart(bytes.count, to: &$0) }
            upstream.write(bytes)
            upstream.withOutput { WireWriter.appendChunkEnd(to: &$0) }
        } else {
            upstream.write(bytes)
        }
        guard upstream.outputCount >= limits.pressureBytes else { return }
        upstream.sendNow()
        if isUpstreamFull { exchange.wasPressed = true }
    }

    func streamRequestEnd() {
        guard let upstream = exchange.upstream else { return }
        if case .chunked = exchange.request?.framing {
            var trailers = parser.trailers
            trailers.removeForbiddenInTrailers()
            upstream.withOutput { WireWriter.appendLastChunk(trailers: trailers, to: &$0) }
        }
        upstream.endRequest()
    }

    func upstreamWritable() {
        if exchange.wantsBody { loop.resumeLater(self) }
    }

    // MARK: The answer

    var allowsUpstreamReading: Bool { outputCount < limits.pressureBytes }

    /// 100 is the proxy's own to say; the others are for the client (RFC 9110 §15.2), unless it is too old.
    func upstreamInterim(_ head: ResponseHead) {
        guard head.status != 100, exchange.request?.version == .http11, !exchange.isHeadSent else { return }
        withOutput { AnswerWriter.appendInterim(head, to: &$0) }
    }

    func upstreamHead(_ upstream: UpstreamConnection) {
        var head = upstream.parser.head
        if let shaper = exchange.shaper { head = shaped(head, by: shaper) }
        exchange.upstreamLatency = loop.now.duration(since: exchange.started)
        exchange.isHeadSent = true
        exchange.cancelHook = nil
        exchange.status = head.status
        exchange.answerFraming = answerFraming(for: head.framing)
        decidePersistence(exchange.answerFraming == .untilClose)
        let writer = answerWriter
        let framing = exchange.answerFraming
        withOutput { writer.append(head, framing: framing, isBodiless: head.framing == .none, to: &$0) }
    }

    /// HTTP/1.0 knows no chunks: there the end of the connection is the end of the answer.
    private func answerFraming(for framing: BodyFraming) -> BodyFraming {
        switch framing {
        case .none, .length, .tunnel: framing
        case .chunked, .untilClose: exchange.request?.version == .http11 ? .chunked : .untilClose
        }
    }

    func upstreamBody(_ bytes: UnsafeRawBufferPointer) {
        if let shaping = exchange.shaping { return shapeBody(bytes, by: shaping) }
        sendPiece(bytes)
    }

    func upstreamPaused() {
        if let shaping = exchange.shaping { shaping.pause { sendPiece($0) } }
        if outputCount > 0 || writeError != nil { sendOutput() }
    }

    func upstreamEnd(_ upstream: UpstreamConnection) {
        var trailers = HeaderList()
        if exchange.answerFraming == .chunked {
            trailers = upstream.parser.trailers
            trailers.removeForbiddenInTrailers()
        }
        if let shaping = exchange.shaping { endShaping(shaping, &trailers) }
        if exchange.answerFraming == .chunked {
            withOutput { WireWriter.appendLastChunk(trailers: trailers, to: &$0) }
        }
        exchange.upstream = nil
        exchange.isAnswerComplete = true
        settle()
    }

    // MARK: Failure

    func upstreamFailed(_ error: UpstreamError, reused: Bool) {
        exchange.upstream = nil
        exchange.waiter = nil
        guard phase == .exchanging else { return }
        if let target = exchange.target, mayRetry(error, reused: reused) {
            exchange.hasRetried = true
            target.counters.retried.wrappingAdd(1, ordering: .relaxed)
            return acquire(target, fresh: true)
        }
        exchange.upstreamError = error
        fail(
            ProblemDocument(status: error.status, detail: "the upstream gave no answer"), .upstreamFailed,
            retryAfter: error.status == 503 ? 1 : nil)
    }

    /// A streamed body is gone once it has been sent, so only requests without one are repeated.
    private func mayRetry(_ error: UpstreamError, reused: Bool) -> Bool {
        guard error.cause == .closedBeforeAnswer, reused, !exchange.hasRetried,
            let request = exchange.request, request.framing == .none
        else { return false }
        switch exchange.target?.settings.retry {
        case .never, nil: return false
        case .idempotent: return request.method.isIdempotent || error.isRetrySafe
        case .anyMethod: return true
        }
    }
}
