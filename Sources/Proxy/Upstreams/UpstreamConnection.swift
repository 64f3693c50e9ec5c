import HTTPWire
import Transport

/// One connection to an upstream: connecting, unused, or at work for one client.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
final class UpstreamConnection: StreamChannel, @unchecked Sendable {
    enum State { case connecting, idle, active, tunnel, closed }

    let pool: UpstreamPool
    /// Where it leads.
    let address: SocketAddress
    /// When it gets no further request.
    let expiry: MonotonicTime
    /// Requests it has carried.
    private(set) var requestCount = 0
    private(set) var state = State.connecting
    var isIdle: Bool { state == .idle }
    /// Whose it is, where the upstream is told by a PROXY header.
    var origin: ConnectionOrigin?
    var remainingAddresses: ArraySlice<SocketAddress> = []
    private(set) var parser: ResponseParser
    private var client: (any UpstreamClient)?
    /// Interim answers to one request; each is passed on.
    private static let interimMax = 64
    private var tunnel: Tunnel?
    /// Bytes of an incomplete head or chunk line.
    private var held: [UInt8] = []
    private var timer: LoopTimer?
    private var connectDeadline = MonotonicTime.never
    /// Whether it has served somebody before the present client.
    private(set) var isReused = false
    private var requestIsComplete = false
    private var sentAtStart: UInt64 = 0
    private var receivedAtStart: UInt64 = 0
    /// What had been received before the answer, interim ones included.
    private var receivedBeforeAnswer: UInt64 = 0
    /// What it had taken when it was last given time to take more.
    private var takenBefore: UInt64 = 0
    /// Whether the answer waits for the client to take what has come of it, so that silence is no fault.
    private var isPaused = false
    /// When the client's request came.
    private var startTime = MonotonicTime.never
    /// The loop's batch of events in which the client's request came.
    private var startBatch: UInt64 = 0
    private var interimCount = 0
    private var isDelivering = false

    init(pool: UpstreamPool, owning raw: Int32, to address: SocketAddress) {
        self.pool = pool
        self.address = address
        expiry = pool.loop.now.advanced(byNanoseconds: pool.bounds.lifetime)
        parser = ResponseParser(limits: pool.server.limits.answer)
        super.init(loop: pool.loop, owning: raw)
        timer = LoopTimer { [unowned self] in deadlinePassed() }
    }

    // MARK: Life

    /// Waits for the connection until `deadline`; further addresses have their turn until `latest`.
    func awaitConnect(until deadline: MonotonicTime, atMost latest: MonotonicTime) {
        connectDeadline = latest
        arm(deadline)
    }

    func rest(until deadline: MonotonicTime) {
        leaveWork()
        state = .idle
        arm(deadline)
    }

    func start(_ client: any UpstreamClient) {
        self.client = client
        if state != .active, pool.server.isBalanced {
            pool.server.inFlight.wrappingAdd(1, ordering: .relaxed)
        }
        state = .active
        isReused = requestCount > 0
        requestCount &+= 1
        requestIsComplete = false
        sentAtStart = bytesSent
        receivedAtStart = bytesReceived
        receivedBeforeAnswer = bytesReceived
        isPaused = false
        startBatch = loop.batch
        startTime = loop.now
        interimCount = 0
        if isReused { pool.server.counters.reused.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Others may be given work in its stead.
    private func leaveWork() {
        guard state == .active || state == .tunnel, pool.server.isBalanced else { return }
        pool.server.inFlight.wrappingSubtract(1, ordering: .relaxed)
    }

    /// The memory of bytes on their way, in both directions.
    var bufferCapacity: Int {
        outputCapacity + held.capacity + max(0, parser.heldBytes - ServerConnection.keptHeadBytes)
    }

    /// Lends the answer's head without a copy.
    func lendHead(_ body: (ResponseHead) -> Void) { parser.lendHead(body) }

    /// The client's request has this method; to be called before anything is written.
    func beginRequest(_ method: Method) { parser.begin(method: method) }

    /// The client's request is complete.
    func endRequest() {
        requestIsComplete = true
        sendNow()
    }

    /// Sends what is queued, and sees to the deadline.
    func sendNow() {
        flush()
        updateDeadline()
    }

    /// Reads on after the client's other side has taken what it had.
    func resumeReading() {
        guard state == .active else { return }
        if canRead { loop.resumeLater(self) } else if isPaused { updateDeadline() }
    }

    /// The client has no use for the answer any more; the connection has none either.
    func cancel() {
        client = nil
        abort()
    }

    /// The time of a request that began at `begun` is over. Where the server has had most of it, and has not said a byte, that
    /// is the server's failure: it would go on getting its share of the requests otherwise.
    func noteSilence(of begun: MonotonicTime) {
        guard state == .active, requestIsComplete, outputCount == 0, !isAnswering else { return }
        let had = pool.loop.now.duration(since: startTime)
        guard had * 2 >= pool.loop.now.duration(since: begun) else { return }
        pool.server.noteFailure(pool.error(.firstByteTimeout), at: pool.loop.now)
    }

    /// The answer that has begun goes to nobody, as its status has others asked; the connection ends with it.
    func declineAnswer() {
        if pool.server.isBalanced { pool.server.noteAnswer(status: parser.head.status, at: loop.now) }
        cancel()
    }

    override func channelClosed() {
        if let timer { loop.remove(timer) }
        leaveWork()
        if state != .connecting { pool.closed(self) }
        state = .closed
        if let tunnel {
            self.tunnel = nil
            return tunnel.end(.cut(.upstreamFailed))
        }
        guard let client else { return }
        self.client = nil
        client.upstreamFailed(pool.error(.shuttingDown), reused: isReused)
    }

    // MARK: Events

    override func receivedEvent(_ readiness: Readiness) {
        note(readiness)
        switch state {
        case .connecting: connectEnded()
        // Whatever an unused connection has to say, it is of no use any more.
        case .idle: if canRead, !isQuiet() { close() }
        case .active: work()
        case .tunnel: tunnel?.pump()
        case .closed: break
        }
    }

    override func channelResumed() {
        if state == .active { read() } else { tunnel?.pump() }
    }

    private func connectEnded() {
        if !isSecure {
            guard canWrite else { return }
            let code = connectError()
            guard code == 0 else { return connectFailed(.connectFailed(code)) }
            if let origin, let version = pool.bounds.proxyProtocol {
                withOutput { origin.append(version, to: &$0) }
                // A new socket takes so few bytes; one that does not is of no use.
                guard flush() else { return connectFailed(.connectFailed(writeError ?? 0)) }
            }
            if let security = pool.server.security {
                guard let session = security.makeSession(over: raw) else {
                    return connectFailed(.handshakeFailed(.unusable))
                }
                secure(with: session)
            }
        }
        switch advanceHandshake() {
        case .bytes: break
        case .wouldBlock: return
        case .endOfFile, .failed: return connectFailed(.handshakeFailed(securityFailure ?? .truncated))
        }
        // Nobody has asked it for anything.
        guard confirmQuiet() else {
            return connectFailed(sawPeerClose ? .closedBeforeAnswer : .malformedAnswer(.unexpectedBytes))
        }
        if let timer { loop.disarm(timer) }
        state = .idle
        pool.connected(self)
    }

    private func connectFailed(_ cause: UpstreamError.Cause) {
        pool.server.noteFailure(of: address, on: loop)
        let rest = remainingAddresses
        let deadline = connectDeadline
        close()
        if loop.now < deadline {
            pool.attempt(rest, for: origin, deadline: deadline, last: cause)
        } else {
            pool.attemptsEnded(cause, for: origin)
        }
    }

    private func work() {
        if outputCount > 0, canWrite {
            sendNow()
            if outputCount == 0 { client?.upstreamWritable() }
        }
        read()
    }

    // MARK: Reading

    private func read() {
        var reads = 0
        while state == .active, canRead, client?.allowsUpstreamReading == true {
            reads += 1
            guard reads <= EventLoop.readsMax else {
                loop.resumeLater(self)
                break
            }
            switch receive(into: loop.scratch) {
            // An event of the batch that brought the request is older than it: nobody has asked for what it tells of.
            case .bytes where startBatch == loop.batch:
                fail(isReused ? .closedBeforeAnswer : .malformedAnswer(.unexpectedBytes))
            case .bytes(let count): feed(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
            case .endOfFile: endOfInput()
            case .wouldBlock: break
            case .failed: fail(closedCause)
            }
        }
        if state == .active {
            client?.upstreamPaused()
            updateDeadline()
        } else {
            tunnel?.pump()
        }
    }

    private func feed(_ bytes: UnsafeRawBufferPointer) {
        if held.isEmpty {
            let consumed = parse(bytes)
            guard consumed < bytes.count else { return }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
            if state == .active {
                held.append(contentsOf: rest)
            } else {
                tunnel?.takeEarly(fromUpstream: rest)
            }
        } else {
            held.append(contentsOf: bytes)
            var all: [UInt8] = []
            swap(&all, &held)
            let consumed = all.withUnsafeBytes { parse($0) }
            guard consumed < all.count else { return }
            all.removeFirst(consumed)
            if state == .active {
                held = all
            } else {
                all.withUnsafeBytes { tunnel?.takeEarly(fromUpstream: $0) }
            }
        }
    }

    /// Returns how many bytes are done with.
    private func parse(_ bytes: UnsafeRawBufferPointer) -> Int {
        let all = bytes.assumingMemoryBound(to: UInt8.self)
        var offset = 0
        while state == .active, let client {
            let rest = UnsafeBufferPointer(rebasing: all[offset...])
            let step = parser.next(Span(_unsafeElements: rest))
            switch step.event {
            case .needMoreBytes: return offset + step.consumed
            case .interimHead:
                receivedBeforeAnswer = bytesReceived - UInt64(rest.count - step.consumed)
                interimCount += 1
                guard interimCount <= Self.interimMax else {
                    fail(.malformedAnswer(.tooManyInterimAnswers))
                    return all.count
                }
                client.upstreamInterim(parser.head)
            case .head: headCompleted(client)
            case .body(let range):
                let body = UnsafeBufferPointer(rebasing: rest[range])
                client.upstreamBody(UnsafeRawBufferPointer(body))
            case .end:
                finish(leftOver: all.count - offset - step.consumed)
                return all.count
            case .failure(let error):
                fail(.malformedAnswer(error))
                return all.count
            }
            offset += step.consumed
        }
        return offset
    }

    private func headCompleted(_ client: any UpstreamClient) {
        guard parser.head.framing == .tunnel else { return client.upstreamHead(self) }
        guard let tunnel = client.upstreamSwitched(self) else { return fail(.unexpectedUpgrade) }
        self.tunnel = tunnel
        self.client = nil
        state = .tunnel
        arm(.never)
    }

    private func endOfInput() {
        switch parser.endOfInput(unconsumed: held.count) {
        case .completesMessage: finish(leftOver: 0)
        case .clean, .failure: fail(closedCause)
        }
    }

    private func finish(leftOver: Int) {
        guard let client else { return }
        let isReusable =
            requestIsComplete && outputCount == 0 && leftOver == 0 && parser.head.keepsAlive && !sawPeerClose
            && writeError == nil && confirmQuiet()
        self.client = nil
        if pool.server.isBalanced { pool.server.noteAnswer(status: parser.head.status, at: loop.now) }
        client.upstreamEnd(self)
        guard isOpen else { return }
        guard isReusable else { return close() }
        parser.releaseMemory(beyond: ServerConnection.keptHeadBytes)
        pool.release(self)
    }

    // MARK: Failing

    private var closedCause: UpstreamError.Cause {
        bytesReceived == receivedAtStart ? .closedBeforeAnswer : .closedInAnswer
    }

    private func fail(_ cause: UpstreamError.Cause) {
        let error = pool.error(cause, isRetrySafe: bytesSent == sentAtStart)
        let failed = client
        client = nil
        if isReused, cause == .closedBeforeAnswer {
            // The server was done with the connection, not with requests.
            pool.server.counters.count(error.kind)
        } else {
            pool.server.noteFailure(error, at: loop.now)
        }
        abort()
        failed?.upstreamFailed(error, reused: isReused)
    }

    // MARK: Deadlines

    /// Sending: the upstream must take bytes. Sent: the first byte must come, then the next. While the client's
    /// side is the one that is slow, that side's own deadline counts.
    private func updateDeadline() {
        guard state == .active, let client else { return }
        let bounds = pool.bounds
        isPaused = isAnswering && outputCount == 0 && !client.allowsUpstreamReading
        if outputCount > 0 {
            takenBefore = bytesTaken
            arm(loop.now.advanced(byNanoseconds: bounds.answerIdle))
        } else if isAnswering {
            arm(isPaused ? .never : loop.now.advanced(byNanoseconds: bounds.answerIdle))
        } else {
            arm(requestIsComplete ? loop.now.advanced(byNanoseconds: bounds.firstByte) : .never)
        }
    }

    /// Whether its answer, other than interim ones, has begun.
    private var isAnswering: Bool { bytesReceived > receivedBeforeAnswer }

    private func arm(_ deadline: MonotonicTime) {
        if let timer { loop.arm(timer, at: deadline) }
    }

    private func deadlinePassed() {
        switch state {
        case .connecting: connectFailed(.connectTimeout)
        case .idle: close()
        case .active where outputCount > 0 && bytesTaken > takenBefore: updateDeadline()
        case .active: fail(isAnswering || outputCount > 0 ? .idleTimeout : .firstByteTimeout)
        case .tunnel, .closed: break
        }
    }
}
