import HTTPWire
import Transport

/// The streamed way: both bodies pass through, at most a read's worth of each waiting.
extension ServerConnection: UpstreamClient {
    func stream(
        _ changed: Exchange.Copy?, to upstream: Upstream, clientKey: UInt64?, options: StreamOptions,
        shaper: (any AnswerShaper)?, _ serial: UInt64
    ) {
        guard isAwaiting(serial), exchange.target == nil, mayHaveBody() else { return }
        exchange.shaper = shaper
        exchange.options = options
        if !options.isEmpty, !mayStream(changed?.head ?? parser.head) { return }
        exchange.changed = changed
        exchange.target = upstream
        exchange.clientKey = clientKey
        if let total = upstream.settings.totalTimeout {
            requestDeadline = min(requestDeadline, loop.now.advanced(by: total))
            updateDeadline()
        }
        let key = clientNumber(for: upstream)
        guard let server = exchange.attempts.begin(upstream, on: loop, key: key) else {
            return upstreamFailed(UpstreamError(.noServer, upstream: upstream.settings.name), reused: false)
        }
        acquire(server, fresh: false)
    }

    /// By which an upstream that hashes knows the client.
    private func clientNumber(for upstream: Upstream) -> UInt64 {
        upstream.isHashed ? exchange.clientKey ?? Rendezvous.key(client) : 0
    }

    private func acquire(_ server: UpstreamServer, fresh: Bool) {
        let mayRepeat = parser.head.framing.isNone && parser.head.method.isIdempotent
        switch server.pool(on: loop).acquire(for: self, fresh: fresh, verifying: !mayRepeat) {
        case .connection(let connection): upstreamReady(connection)
        // It may have failed already, and the request wait elsewhere.
        case .waiting(let waiter): if waiter.isAwaited { exchange.waiter = waiter }
        case .failed(let error): upstreamFailed(error, reused: false)
        }
    }

    // MARK: The request

    var origin: ConnectionOrigin? { exchange.target.flatMap { origin(towards: $0) } }

    func upstreamReady(_ upstream: UpstreamConnection) {
        exchange.waiter = nil
        guard phase == .exchanging, let target = exchange.target else { return upstream.cancel() }
        if exchange.rare != nil, let changed = exchange.changed {
            begin(changed.head, on: upstream)
        } else {
            parser.lendHead { begin($0, on: upstream) }
        }
        exchange.sink = .stream
        let isFirst = exchange.replay == nil
        if exchange.isRequestComplete, isFirst { return upstream.endRequest() }
        if isFirst {
            // Whatever the method: a kept connection that closes as the request comes costs no request.
            let isKept = target.settings.retry != .never
            exchange.replay = ReplayBody(bytesMax: isKept ? target.settings.retryBodyBytesMax : 0)
        }
        if !exchange.options.isEmpty, leavesContinue(parser.head) { return awaitContinue() }
        if isFirst { wantBody() } else { sendAgain() }
        exchange.upstream?.sendNow()
    }

    /// Writes the request's head.
    private func begin(_ request: RequestHead, on upstream: UpstreamConnection) {
        exchange.upstream = upstream
        upstream.beginRequest(request.method)
        let rewriter = rewriter(upstreamOptions(for: request))
        upstream.compose {
            rewriter.append(request, framing: request.framing, for: upstream.pool.server, to: &$0)
        }
    }

    private func upstreamOptions(for request: RequestHead) -> UpstreamOptions {
        var options: UpstreamOptions = request.acceptsTrailers ? .acceptsTrailers : []
        guard !exchange.options.isEmpty else { return options }
        if exchange.asksForTunnel { options.insert(.webSocket) }
        if leavesContinue(request) { options.insert(.expectsContinue) }
        return options
    }

    /// The body as far as it had come before the last attempt failed; the rest follows as it comes.
    private func sendAgain() {
        if let sent = exchange.replay?.bytes, !sent.isEmpty { sent.withUnsafeBytes { send($0) } }
        if exchange.isRequestComplete {
            streamRequestEnd()
        } else {
            bodyDeadline = loop.now.advanced(by: limits.bodyIdleTimeout)
            beginRateWindow()
            if !isParsing { parseHeldAndSettle() }
        }
    }

    func streamBody(_ bytes: UnsafeRawBufferPointer) {
        exchange.rare?.replay?.record(bytes)
        send(bytes)
        guard let upstream = exchange.upstream else { return }
        guard upstream.outputCount >= limits.pressureBytes else { return }
        upstream.sendNow()
        if isUpstreamFull { exchange.wasPressed = true }
    }

    private func send(_ bytes: UnsafeRawBufferPointer) {
        guard let upstream = exchange.upstream else { return }
        if case .chunked = parser.head.framing {
            upstream.withOutput { WireWriter.appendChunkStart(bytes.count, to: &$0) }
            upstream.write(bytes)
            upstream.withOutput { WireWriter.appendChunkEnd(to: &$0) }
        } else {
            upstream.write(bytes)
        }
    }

    func streamRequestEnd() {
        guard let upstream = exchange.upstream else { return }
        if case .chunked = parser.head.framing {
            var trailers = parser.trailers
            trailers.removeForbiddenInTrailers { FieldKind($0).mayTrail }
            trailers.remove(named: generation.settings.credentialField)
            upstream.withOutput { WireWriter.appendLastChunk(trailers: trailers, to: &$0) }
        }
        upstream.endRequest()
    }

    func upstreamWritable() {
        if exchange.wantsBody { loop.resumeLater(self) }
    }

    // MARK: The answer

    var allowsUpstreamReading: Bool { outputCount < limits.pressureBytes }

    /// 100 is for the client where the upstream was asked for it, or else the proxy's own to say; the others are for the client
    /// (RFC 9110 §15.2), unless it is too old.
    func upstreamInterim(_ head: ResponseHead) {
        if head.status == 100 {
            if exchange.continueDeadline != .never { endAwaitingContinue() }
            return
        }
        guard exchange.hasRequest, parser.head.version == .http11, !exchange.isHeadSent else { return }
        compose { AnswerWriter.appendInterim(head, to: &$0) }
    }

    func upstreamHead(_ upstream: UpstreamConnection) {
        if exchange.target?.retriesAnswers == true, triesElsewhere(upstream) { return }
        if exchange.rare != nil, let shaper = exchange.shaper {
            begin(shaped(upstream.parser.head, by: shaper))
        } else {
            upstream.lendHead { begin($0) }
        }
    }

    /// Writes the answer's head.
    private func begin(_ head: ResponseHead) {
        exchange.upstreamLatency = loop.now.nanoseconds(since: exchange.started)
        exchange.isHeadSent = true
        exchange.answerStart = bytesSent + UInt64(outputCount)
        exchange.cancelHook = nil
        exchange.continueDeadline = .never
        exchange.status = head.status
        exchange.answerFraming = answerFraming(for: head.framing)
        decidePersistence(exchange.answerFraming == .untilClose)
        var writer = answerWriter
        let framing = exchange.answerFraming
        writer.keepsTrailers = framing == .chunked && parser.head.acceptsTrailers
        compose { writer.append(head, framing: framing, isBodiless: head.framing.isNone, to: &$0) }
    }

    /// HTTP/1.0 knows no chunks: there the end of the connection is the end of the answer.
    private func answerFraming(for framing: BodyFraming) -> BodyFraming {
        switch framing {
        case .none, .length, .tunnel: framing
        case .chunked, .untilClose: parser.head.version == .http11 ? .chunked : .untilClose
        }
    }

    func upstreamBody(_ bytes: UnsafeRawBufferPointer) {
        if exchange.rare != nil, let shaping = exchange.shaping { return shapeBody(bytes, by: shaping) }
        sendPiece(bytes)
    }

    func upstreamPaused() {
        if exchange.rare != nil, let shaping = exchange.shaping { shaping.pause { sendPiece($0) } }
        if outputCount > 0 || writeError != nil { sendOutput() }
    }

    func upstreamEnd(_ upstream: UpstreamConnection) {
        if exchange.answerFraming.isChunked {
            endChunks(upstream)
        } else if exchange.rare != nil, let shaping = exchange.shaping {
            var none = HeaderList()
            endShaping(shaping, &none)
        }
        exchange.upstream = nil
        exchange.isAnswerComplete = true
        settle()
    }

    private func endChunks(_ upstream: UpstreamConnection) {
        var trailers = HeaderList()
        // A client that has not asked for them may take them for anything (RFC 9110 §6.5.1).
        if parser.head.acceptsTrailers { trailers = upstream.parser.trailers }
        trailers.removeForbiddenInTrailers { FieldKind($0).mayTrail }
        if let shaping = exchange.shaping { endShaping(shaping, &trailers) }
        withOutput { WireWriter.appendLastChunk(trailers: trailers, to: &$0) }
    }

    // MARK: Failure

    func upstreamFailed(_ error: UpstreamError, reused: Bool) {
        exchange.upstream = nil
        exchange.waiter = nil
        exchange.continueDeadline = .never
        guard phase == .exchanging else { return }
        withdrawAnswer()
        if let next = nextAttempt(after: error, reused: reused) { return take(next) }
        exchange.upstreamError = error
        fail(
            ProblemDocument(status: error.status, detail: "the upstream gave no answer"), .upstreamFailed,
            retryAfter: error.status == 503 ? 1 : nil)
    }

    /// A body that has been sent can be sent again only if all of it was kept.
    private func nextAttempt(after error: UpstreamError, reused: Bool) -> Attempts.Next? {
        guard !exchange.isHeadSent, exchange.hasRequest, let target = exchange.target else {
            return nil
        }
        let key = clientNumber(for: target)
        return exchange.attempts.next(
            target, after: error, reused: reused, facts, on: loop, key: key)
    }

    private var facts: Attempts.Request {
        Attempts.Request(
            isIdempotent: parser.head.method.isIdempotent, isReplayable: exchange.replay?.isWhole ?? true)
    }

    /// Whether the answer that begins is not taken, and another server is asked for one.
    private func triesElsewhere(_ upstream: UpstreamConnection) -> Bool {
        guard exchange.hasRequest, let target = exchange.target else { return false }
        let next = exchange.attempts.next(
            target, answered: upstream.parser.head.status, facts, on: loop,
            key: clientNumber(for: target))
        guard let next else { return false }
        exchange.upstream = nil
        exchange.continueDeadline = .never
        upstream.declineAnswer()
        take(next)
        return true
    }

    private func take(_ next: Attempts.Next) {
        // What comes of the body in the meantime stays where it is.
        exchange.sink = .hold
        switch next {
        case .again(let server): acquire(server, fresh: true)
        case .other(let server): acquire(server, fresh: false)
        }
    }
}
