import HTTPWire
import Transport

extension ServerConnection {
    /// Takes bytes that have just been read.
    func feed(_ bytes: UnsafeRawBufferPointer) {
        if held.isEmpty {
            if phase == .reading { headDeadline = loop.now.advanced(by: limits.headTimeout) }
            isParsing = true
            let consumed = parse(bytes)
            isParsing = false
            if consumed < bytes.count, isOpen, phase != .lingering {
                held.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[consumed...]))
            }
            settle()
        } else {
            held.append(contentsOf: bytes)
            parseHeldAndSettle()
        }
    }

    func parseHeldAndSettle() {
        parseHeld()
        settle()
    }

    /// Parses what is held. The bytes are moved out meanwhile: what they bring about may look at the connection.
    func parseHeld() {
        guard !isParsing, isOpen, phase != .lingering else { return }
        isParsing = true
        var bytes: [UInt8] = []
        swap(&bytes, &held)
        let consumed = bytes.withUnsafeBytes { parse($0) }
        isParsing = false
        guard consumed < bytes.count, isOpen else { return }
        bytes.removeFirst(consumed)
        held = bytes
    }

    /// Whether the parser may go on. An exchange stops it until the exchange is over.
    private var wantsParse: Bool {
        guard isOpen else { return false }
        switch phase {
        case .reading: return outputCount < limits.pressureBytes
        case .exchanging: return exchange.wantsBody && !isUpstreamFull
        case .lingering, .tunnel: return false
        }
    }

    /// Returns how many bytes are done with.
    private func parse(_ bytes: UnsafeRawBufferPointer) -> Int {
        let all = bytes.assumingMemoryBound(to: UInt8.self)
        var offset = 0
        while wantsParse {
            let rest = UnsafeBufferPointer(rebasing: all[offset...])
            let step = parser.next(Span(_unsafeElements: rest))
            offset += step.consumed
            switch step.event {
            case .needMoreBytes, .interimHead: return offset
            case .head: headCompleted(at: rest.count - step.consumed)
            case .body(let range):
                receiveBody(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: rest[range])))
            case .end: requestCompleted()
            case .failure(let error):
                framingFailed(error, after: UnsafeRawBufferPointer(rest))
                return all.count
            }
        }
        return offset
    }

    // MARK: The request

    private func headCompleted(at bytesBehind: Int) {
        var head = parser.head
        begin(head, shard.requestID(for: head.fields))
        if head.framing == .none { _ = takeEnd() }
        shard.counters.requests.wrappingAdd(1, ordering: .relaxed)
        if head.method == .connect || head.method == .trace {
            return refuseHead(ProblemDocument(status: 501, detail: "the method is not supported"), nil)
        }
        if shedsRequest() { return }
        if case .length(let count) = head.framing, count > UInt64(bodyBytesCeiling) {
            shard.counters.framingErrors.count(.bodyTooLarge)
            return refuseHead(ProblemDocument(.bodyTooLarge), .bodyTooLarge)
        }
        if head.wasForwarded || head.method == .options, let response = endOfWay(&head) {
            exchange.pending = response
            exchange.sink = .discard
            return
        }
        let exchange = Exchange(
            request: head, requestID: exchange.requestID, connection: self, serial: serial)
        generation.handler.handle(exchange)
    }

    /// A request without a body is complete with its head; the parser says so without another byte.
    private func takeEnd() -> Bool {
        let step = parser.next(Span(_unsafeElements: UnsafeBufferPointer(start: nil, count: 0)))
        exchange.isRequestComplete = step.event == .end
        return exchange.isRequestComplete
    }

    private func begin(_ head: RequestHead?, _ id: RequestID) {
        nextSerial()
        shard.overload.cells.addRequests(1)
        phase = .exchanging
        exchange = ExchangeState(request: head, requestID: id, started: loop.now)
        requestDeadline = loop.now.advanced(by: limits.requestTimeout)
        bodyDeadline = loop.now.advanced(by: limits.bodyIdleTimeout)
        rateDeadline = .never
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) {
        exchange.requestBodyBytes += bytes.count
        bodyDeadline = loop.now.advanced(by: limits.bodyIdleTimeout)
        switch exchange.sink {
        case .hold, .discard: break
        case .stream: streamBody(bytes)
        case .collect(let bytesMax, _):
            guard exchange.collected.count + bytes.count <= bytesMax else {
                return framingFailed(.bodyTooLarge, after: UnsafeRawBufferPointer(start: nil, count: 0))
            }
            exchange.collected.append(contentsOf: bytes)
        }
    }

    private func requestCompleted() {
        exchange.isRequestComplete = true
        switch exchange.sink {
        case .hold, .discard: break
        case .stream: streamRequestEnd()
        case .collect(_, let completion):
            exchange.sink = .discard
            var body: [UInt8] = []
            swap(&body, &exchange.collected)
            exchange.handedBytes = body.capacity
            completion(body)
        }
    }

    // MARK: Refusing

    /// `bytes` are what the failing message began with, where it failed in its head.
    private func framingFailed(_ error: FramingError, after bytes: UnsafeRawBufferPointer) {
        shard.counters.badRequests.wrappingAdd(1, ordering: .relaxed)
        shard.counters.framingErrors.count(error)
        if phase == .exchanging {
            exchange.framingError = error
            fail(ProblemDocument(error), .badBody)
        } else {
            refuse(ProblemDocument(error), error)
            exchange.startLine = Self.startLine(of: bytes)
        }
    }

    /// Answers a request that never reaches the handler, and closes.
    func refuse(_ problem: ProblemDocument, _ error: FramingError?) {
        begin(nil, shard.newRequestID())
        exchange.framingError = error
        refuseHead(problem, error)
    }

    /// The first line of what a client has sent, cut where a log would be none the wiser.
    static func startLine(of bytes: some Collection<UInt8>) -> [UInt8] {
        let begun = bytes.drop { $0 == 0x0D || $0 == 0x0A }
        return Array(begun.prefix(1024).prefix { $0 != 0x0D && $0 != 0x0A })
    }

    private func refuseHead(_ problem: ProblemDocument, _ error: FramingError?) {
        exchange.framingError = error
        var response = Response(problem, exchange.requestID)
        response.closesConnection = true
        exchange.pending = response
        exchange.sink = .hold
    }
}
