import HTTPWire
import Transport

/// One client connection: reads requests one after the other, and sees that each gets its answer before the next.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
final class ServerConnection: StreamChannel, @unchecked Sendable {
    enum Phase {
        /// Between requests, or inside a head.
        case reading
        /// A head is complete and its answer is not.
        case exchanging
        /// All is said; what the client still sends is read and dropped, so that it gets to read the answer.
        case lingering
        /// Another protocol is spoken, through the tunnel.
        case tunnel
    }

    let shard: ServerShard
    /// What its present exchange, or else its next, is served by.
    private(set) var generation: ServerGeneration
    let peer: SocketAddress
    /// What it was accepted from.
    let source: Listener
    /// What holds for the present request, or else for the next: the listener's, or what its route says instead.
    var limitSet: LimitSet
    /// Whether it is the route's.
    var isLimitedByRoute = false
    let begun: MonotonicTime
    /// Memory counted as taken by its bytes.
    var accounted = 0
    /// Its index in the shard's list.
    var place = 0
    var phase = Phase.reading
    var parser: RequestParser
    /// Bytes read but not done with.
    var held: [UInt8] = []
    /// What is held is a request whose turn comes when the client has taken more of what is queued for it.
    var awaitsRoom = false
    var isParsing = false
    private(set) var isReading = false
    /// Counts exchanges, so that an answer to an earlier one is told apart.
    private(set) var serial: UInt64
    var exchange: ExchangeState
    var closesAfterAnswer = false
    var saidFarewell = false
    private(set) var isTrusted = false
    private(set) lazy var peerText = Array(peer.host.utf8)
    private var sender: ForwardedSender?
    var tunnel: Tunnel?
    /// As what it was counted among its client's connections.
    private(set) var tallied: AddressPrefix?
    private(set) var timer: LoopTimer?
    var headDeadline = MonotonicTime.never
    var requestDeadline = MonotonicTime.never
    var bodyDeadline = MonotonicTime.never
    /// When the present window of the body's rate ends.
    var rateDeadline = MonotonicTime.never
    var writeDeadline = MonotonicTime.never
    /// What the client had taken when it was set.
    var takenBefore: UInt64 = 0
    /// When the present window of the rate at which the client takes an answer ends.
    var answerRateDeadline = MonotonicTime.never
    /// What had been taken when it began.
    var takenBeforeWindow: UInt64 = 0
    var lingerDeadline = MonotonicTime.never

    init(
        shard: ServerShard, owning raw: Int32, peer: SocketAddress, source: Listener,
        continuing past: MovedConnection? = nil
    ) {
        self.shard = shard
        generation = shard.generation
        self.peer = peer
        self.source = source
        limitSet = shard.generation.settings.limitSet(of: source.name)
        begun = past?.begun ?? shard.loop.now
        serial = past?.serial ?? 0
        tallied = past?.tallied
        parser = RequestParser(limits: limitSet.values.request)
        exchange = ExchangeState(requestID: RequestID(prefix: 0, counter: 0))
        super.init(loop: shard.loop, owning: raw)
        timer = LoopTimer { [unowned self] in deadlinePassed() }
    }

    /// Whose request it is: the peer, or who a trusted one says it is.
    var client: SocketAddress {
        guard isTrusted, exchange.hasRequest else { return peer }
        if let known = exchange.client { return known }
        let found = generation.settings.trust.client(behind: peer, parser.head.fields)
        exchange.client = found
        return found
    }

    var limits: ProxyLimits { limitSet.values }

    /// Whether its next answer is the last that it may have.
    var isSpent: Bool {
        let limits = limits
        if serial >= UInt64(limits.keepAliveRequestsMax) { return true }
        return limits.keepAliveAgeMax > .zero && loop.now.duration(since: begun) >= limits.keepAliveAgeMax
    }

    // MARK: Life

    func begin(_ room: ServerShard.Room) {
        isTrusted = generation.settings.trust.contains(peer)
        if !isSecure { headDeadline = loop.now.advanced(by: limits.headTimeout) }
        if !room.server || !room.listener {
            countRefusal(room)
            turnAway(ProblemDocument(status: 503, detail: "too many connections"), .connections)
        } else if !enterTally() {
            shard.counters.refusedByClient.wrappingAdd(1, ordering: .relaxed)
            turnAway(
                ProblemDocument(status: 429, detail: "too many connections from this address"),
                .clientConnections)
        } else {
            updateDeadline()
        }
    }

    /// Goes on between two requests, on the loop that it has been moved to.
    func resume() {
        isTrusted = generation.settings.trust.contains(peer)
        headDeadline = loop.now.advanced(by: limits.keepAliveTimeout)
        updateDeadline()
    }

    /// Answers before anything is read.
    private func turnAway(_ problem: ProblemDocument, _ reason: ShedReason) {
        shard.counters.shed.count(reason)
        // Before the handshake there is no way to say so, and clear text on a TLS port helps nobody.
        if isSecure { return abort() }
        refuse(problem, nil)
        exchange.shed = reason
        try? exchange.pending?.fields.add("Retry-After", "1")
        settle()
    }

    /// Whether the client may have one more connection.
    private func enterTally() -> Bool {
        guard limits.connectionsPerClientMax < limits.connectionsMax, !isTrusted else { return true }
        let client = AddressPrefix(client: peer)
        guard shard.tally.enter(client, limit: limits.connectionsPerClientMax) else { return false }
        tallied = client
        return true
    }

    /// Begins the next exchange.
    func nextSerial() { serial += 1 }

    /// Takes up the shard's generation where no request is begun, and ends where that has no such listener.
    func changeGeneration() {
        guard generation.number != shard.generation.number, phase == .reading, parser.isBetweenMessages else {
            return
        }
        generation = shard.generation
        limitSet = generation.settings.limitSet(of: source.name)
        parser = RequestParser(limits: limits.request)
        isTrusted = generation.settings.trust.contains(peer)
        sender = nil
        if !shard.serves(source) { drain(keepingIdle: false) }
    }

    /// What is said upstream of who sends its requests.
    var forwardedSender: ForwardedSender {
        if let sender { return sender }
        let made = ForwardedSender(address: peerText, isSecure: isSecure, settings: generation.settings)
        sender = made
        return made
    }

    /// Finishes what is under way, then closes. A connection between requests is closed unless it may bring one
    /// more, at once where its last answer has been sent; a request that has arrived and was not read yet is answered in any
    /// case. An answer whose head has gone out without a word of closing is followed by the grace: its client may be sending
    /// already.
    func drain(keepingIdle: Bool) {
        let isIdle = phase == .reading && held.isEmpty && parser.isBetweenMessages && !isHandshaking
        if isIdle, !keepingIdle, !isStale {
            if outputCount == 0 { return close() }
            linger()
            updateDeadline()
        } else if phase != .exchanging || !exchange.isHeadSent {
            closesAfterAnswer = true
        }
    }

    override func channelClosed() {
        if let timer { loop.remove(timer) }
        if let tallied { shard.tally.leave(tallied) }
        forgetBuffers()
        if phase == .exchanging { cut(.shuttingDown) }
        tunnel?.end(.cut(.shuttingDown))
        shard.remove(self)
    }

    private var cancelsOnClose: Bool { generation.settings.cancelsOnClientClose(at: source.name) }

    /// The client is not there any more, or not to be served any longer.
    func clientGone(_ reason: CancelReason = .clientGone) {
        if phase == .exchanging { cut(reason) }
        abort()
    }

    // MARK: Events

    override func receivedEvent(_ readiness: Readiness) {
        note(readiness)
        if let tunnel { return tunnel.pump() }
        if outputCount > 0, canWrite { sendOutput() }
        guard isOpen else { return }
        readInput()
        guard isOpen else { return }
        if readiness.contains(.failed) { return clientGone() }
        if sawPeerClose, phase == .exchanging, cancelsOnClose { clientGone() }
    }

    override func channelSecured() { handshakeCompleted() }

    override func channelResumed() {
        if let tunnel { return tunnel.pump() }
        if outputCount < limits.pressureBytes { awaitsRoom = false }
        if !held.isEmpty || exchange.wantsBody { parseHeldAndSettle() }
        if isOpen { readInput() }
    }

    /// Whether a read could be of use now.
    var wantsRead: Bool {
        switch phase {
        case .reading: outputCount < limits.pressureBytes && !awaitsRoom
        case .exchanging: exchange.wantsBody && !isUpstreamFull
        case .lingering: true
        case .tunnel: false
        }
    }

    var isUpstreamFull: Bool {
        guard exchange.sink == .stream, let upstream = exchange.upstream else { return false }
        return upstream.outputCount >= limits.pressureBytes
    }

    private func readInput() {
        isReading = true
        defer { isReading = false }
        var reads = 0
        while isOpen, canRead, wantsRead {
            reads += 1
            guard reads <= EventLoop.readsMax else { return loop.resumeLater(self) }
            switch receive(into: loop.scratch) {
            case .bytes(let count):
                if phase != .lingering {
                    feed(UnsafeRawBufferPointer(rebasing: loop.scratch[..<count]))
                }
            case .endOfFile: return endOfInput()
            case .wouldBlock: return
            case .failed: return isHandshaking ? handshakeFailed() : clientGone()
            }
        }
    }

    /// After the answer to a complete request a close is only a close; within one it means the client has gone.
    private func endOfInput() {
        switch phase {
        case .reading where isHandshaking: handshakeFailed()
        case .reading, .lingering: if outputCount == 0 { close() } else { linger() }
        case .exchanging:
            if !exchange.isRequestComplete || cancelsOnClose { clientGone() }
        case .tunnel: break
        }
    }

    // MARK: Deadlines

    func updateDeadline() {
        guard isOpen, let timer else { return }
        loop.arm(timer, at: nextDeadline)
    }

    private var nextDeadline: MonotonicTime {
        let writeDeadline = min(writeDeadline, answerRateDeadline)
        return switch phase {
        // A client that is still taking an answer has its time for that.
        case .reading: outputCount > 0 ? writeDeadline : min(headDeadline, writeDeadline)
        case .exchanging:
            min(
                requestDeadline,
                min(
                    writeDeadline,
                    isAwaitingBody ? min(bodyDeadline, rateDeadline) : exchange.continueDeadline))
        case .lingering: min(lingerDeadline, writeDeadline)
        case .tunnel: .never
        }
    }

    /// Whether it is the client's turn to send.
    private var isAwaitingBody: Bool { exchange.wantsBody && !isUpstreamFull }

    private func deadlinePassed() {
        guard !takesTooLittle else { return clientGone(.slowReader) }
        switch phase {
        case .reading where outputCount == 0 && headDeadline <= loop.now: headTimedOut()
        case .exchanging: exchangeTimedOut()
        case .lingering where lingerDeadline <= loop.now: close()
        // A window of the rate has ended well.
        case .reading, .lingering: updateDeadline()
        case .tunnel: break
        }
    }

    private func headTimedOut() {
        if isHandshaking { return handshakeFailed() }
        // Nothing has been asked, so there is nothing to answer.
        if held.isEmpty { return close() }
        shard.counters.timeouts.count(.head)
        let begun = Self.startLine(of: held)
        refuse(ProblemDocument(status: 408, detail: "the request head took too long"), nil)
        exchange.startLine = begun
        settle()
    }

    private func exchangeTimedOut() {
        guard requestDeadline > loop.now else { return requestTimedOut() }
        if exchange.continueDeadline <= loop.now { return endAwaitingContinue() }
        let isSilent = bodyDeadline <= loop.now
        guard isAwaitingBody, isSilent || isTooSlow else { return updateDeadline() }
        shard.counters.timeouts.count(isSilent ? .bodyIdle : .bodyRate)
        shard.counters.slowBodies.wrappingAdd(1, ordering: .relaxed)
        fail(ProblemDocument(status: 408, detail: "the request body took too long"), .timeout)
    }

    /// Whether the window that has ended brought too little; a window that has not is no reason. Begins the next.
    private var isTooSlow: Bool {
        guard rateDeadline <= loop.now else { return false }
        let received = exchange.requestBodyBytes - exchange.bytesBeforeWindow
        if !exchange.wasPressed, received < limits.bodyWindowBytesMin { return true }
        beginRateWindow()
        return false
    }

    /// The client's sending is measured from here.
    func beginRateWindow() {
        guard limits.bodyBytesPerSecondMin > 0 else { return }
        exchange.bytesBeforeWindow = exchange.requestBodyBytes
        exchange.wasPressed = false
        rateDeadline = loop.now.advanced(by: limits.bodyRateWindow)
    }

    private func requestTimedOut() {
        shard.counters.timeouts.count(.request)
        exchange.upstream?.noteSilence(of: exchange.started)
        exchange.rare?.forward?.noteSilence()
        if let name = exchange.target?.settings.name {
            exchange.upstreamError = UpstreamError(.requestTimeout, upstream: name)
        }
        fail(ProblemDocument(status: 504, detail: "the request took too long"), .timeout)
    }
}
