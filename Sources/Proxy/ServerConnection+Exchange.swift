import HTTPWire
import Transport

/// What a handler asks for through its exchange. `serial` tells a present exchange from one that is over.
///
/// Each call is ignored when it comes too late.
extension ServerConnection {
    func isAwaiting(_ serial: UInt64) -> Bool {
        isOpen && self.serial == serial && phase == .exchanging && !exchange.isHeadSent
            && !exchange.hasPending
    }

    func setCancelHook(_ hook: @escaping (CancelReason) -> Void, _ serial: UInt64) {
        if isAwaiting(serial) { exchange.cancelHook = hook }
    }

    func attach(_ note: any Sendable, _ serial: UInt64) {
        if isAwaiting(serial) { exchange.note = note }
    }

    func mark(_ mark: Int, _ serial: UInt64) {
        if isAwaiting(serial) { exchange.mark = mark }
    }

    func attach(trace: TraceParent, _ serial: UInt64) {
        if isAwaiting(serial) { exchange.trace = trace }
    }

    func respond(_ response: Response, _ serial: UInt64) {
        guard isAwaiting(serial) else { return }
        exchange.cancelHook = nil
        // What was forwarded is nobody's any more: it would go on taking memory that nobody counts.
        cancelForward()
        exchange.pending = response
        exchange.sink = .discard
        settleWithWhatIsAtHand()
    }

    func exchangeForgotten(_ serial: UInt64) {
        guard isAwaiting(serial) else { return }
        shard.counters.forgotten.wrappingAdd(1, ordering: .relaxed)
        exchange.wasForgotten = true
        respond(Response(ProblemDocument(status: 500), exchange.requestID), serial)
    }

    func collectBody(bytesMax: Int, _ serial: UInt64, _ completion: @escaping ([UInt8]) -> Void) {
        guard isAwaiting(serial) else { return }
        if exchange.isRequestComplete { return completion([]) }
        guard mayHaveBody() else { return }
        if exchange.hasRequest, case .length(let count) = parser.head.framing {
            guard count <= UInt64(max(0, bytesMax)) else {
                exchange.framingError = .bodyTooLarge
                return fail(ProblemDocument(.bodyTooLarge), .badBody)
            }
            // No more than this is set aside on the client's word alone.
            exchange.more.collected.reserveCapacity(min(Int(count), 256 << 10))
        }
        exchange.more.collector = (bytesMax, completion)
        exchange.sink = .collect
        wantBody()
    }

    /// The body is wanted now: the client may be waiting for a word.
    func wantBody() {
        if exchange.hasRequest, parser.head.expectsContinue, !exchange.isRequestComplete,
            exchange.requestBodyBytes == 0, held.isEmpty
        {
            withOutput { $0.append("HTTP/1.1 100 Continue\r\n\r\n") }
        }
        bodyDeadline = loop.now.advanced(by: limits.bodyIdleTimeout)
        beginRateWindow()
        if !isParsing { parseHeldAndSettle() }
    }

    func forward(
        _ request: ForwardRequest, _ serial: UInt64,
        _ completion: @escaping (Result<CollectedResponse, UpstreamError>) -> Void
    ) {
        guard isAwaiting(serial), exchange.forward == nil else { return }
        var request = request
        request.origin = origin(towards: request.upstream)
        let rewriter = rewriter()
        // All of it stays until the answer is there, however long that takes.
        let heldBytes = max(exchange.handedBytes, request.body.capacity)
        guard accountHanded(heldBytes) else { return }
        let interim = { [unowned self] (head: ResponseHead) in
            guard isAwaiting(serial) else { return }
            upstreamInterim(head)
            sendOutput()
        }
        let task = ForwardTask(request: request, rewriter: rewriter, loop: loop, interim: interim) {
            [unowned self] result in
            guard isAwaiting(serial) else { return }
            if let forward = exchange.forward { exchange.attempts = forward.attempts }
            exchange.forward = nil
            note(result)
            if case .success(let answer) = result {
                guard accountHanded(heldBytes + answer.body.capacity) else { return }
            }
            completion(result)
        }
        task.grew = { [unowned self] bytes in
            isAwaiting(serial) && accountHanded(heldBytes + bytes)
        }
        exchange.forward = task
        task.start()
    }

    private func note(_ result: Result<CollectedResponse, UpstreamError>) {
        switch result {
        case .success(let answer): exchange.upstreamLatency = answer.firstByteLatency.nanoseconds
        case .failure(let error): exchange.upstreamError = error
        }
    }

    func rewriter(_ options: UpstreamOptions = []) -> RequestRewriter {
        RequestRewriter(
            sender: forwardedSender, requestID: exchange.requestID, isTrusted: isTrusted, options: options,
            trace: exchange.trace,
            certificate: generation.settings.sendsClientCertificate ? secureConnection?.peer : nil)
    }
}
