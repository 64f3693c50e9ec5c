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
        let hasID = parser.head.carriesRequestID
        begin(hasRequest: true, hasID ? shard.requestID(for: parser.head.fields) : shard.newRequestID())
        if parser.head.framing == .none { _ = takeEnd() }
        shard.overload.cells.countRequest()
        switch parser.head.method {
        case .connect, .trace:
            return refuseHead(ProblemDocument(status: 501, detail: "the method is not supported"), nil)
        default: break
        }
        if shedsRequest() { return }
        if case .length(let count) = parser.head.framing, count > UInt64(bodyBytesCeiling) {
            shard.counters.framingErrors.count(.bodyTooLarge)
            return refuseHead(ProblemDocument(.bodyTooLarge), .bodyTooLarge)
        }
        hand(parser.head.countsHops ? parser.head : nil)
    }

    /// Gives the request to the handler; `counted` is its head where hops are counted in it.
    private func hand(_ counted: RequestHead?) {
        var counted = counted
        if var head = counted {
            if let response = endOfWay(&head) {
                exchange.pending = response
                exchange.sink = .discard
                return
            }
            counted = head
        }
        var exchange = shard.spareExchange.take() ?? Exchange()
        exchange.begin(requestID: self.exchange.requestID, connection: self, serial: serial)
        if let counted { exchange.request = counted }
        generation.handler.handle(exchange)
        guard exchange.isSettled, isKnownUniquelyReferenced(&exchange) else {
            // Whoever means to look at the request later gets a copy of it: the next one will take its place.
            return exchange.keepRequest()
        }
        exchange.rest()
        shard.spareExchange = exchange
    }

    /// A request without a body is complete with its head; the parser says so without another byte.
    private func takeEnd() -> Bool {
        let step = parser.next(Span(_unsafeElements: UnsafeBufferPointer(start: nil, count: 0)))
        exchange.isRequestComplete = step.event == .end
        return exchange.isRequestComplete
    }

    private func begin(hasRequest: Bool, _ id: RequestID) {
        nextSerial()
        shard.overload.cells.addRequests(1)
        phase = .exchanging
        exchange.begin(hasRequest: hasRequest, requestID: id, started: loop.now)
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
        case .collect:
            let rare = exchange.more
            guard rare.collected.count + bytes.count <= rare.collector?.bytesMax ?? 0 else {
                return framingFailed(.bodyTooLarge, after: UnsafeRawBufferPointer(start: nil, count: 0))
            }
            rare.collected.append(contentsOf: bytes)
        }
    }

    private func requestCompleted() {
        exchange.isRequestComplete = true
        switch exchange.sink {
        case .hold, .discard: break
        case .stream: streamRequestEnd()
        case .collect:
            exchange.sink = .discard
            let rare = exchange.more
            let collector = rare.collector
            rare.collector = nil
            var body: [UInt8] = []
            swap(&body, &rare.collected)
            exchange.handedBytes = body.capacity
            collector?.completion(body)
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
        begin(hasRequest: false, shard.newRequestID())
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
