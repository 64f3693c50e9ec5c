import Synchronization
import Transport

/// One loop's connections to one server: the unused ones, and the requests that wait for one.
///
/// `@unchecked Sendable` because: confined to its loop, but for the count that others read.
final class UpstreamPool: @unchecked Sendable {
    /// What a request for a connection gives.
    enum Acquired {
        case connection(UpstreamConnection)
        case waiting(UpstreamWaiter)
        case failed(UpstreamError)
    }

    let server: UpstreamServer
    let loop: EventLoop
    let bounds: UpstreamBounds
    /// Least recently used first.
    private var idle: [UpstreamConnection] = [] {
        didSet { idleCount.store(idle.count, ordering: .relaxed) }
    }
    /// How many are unused, for any thread to read.
    let idleCount = Atomic<Int>(0)
    private var waiters: [UpstreamWaiter] = []
    /// Where the server's name leads, once it has changed.
    private var current: [SocketAddress]?
    private var connecting = 0
    private var isStarving = false

    init(server: UpstreamServer, loop: EventLoop) {
        self.server = server
        self.loop = loop
        bounds = server.bounds
    }

    // MARK: For clients

    /// A connection now, later by `upstreamReady`, or an error. `verifying` asks the kernel whether an unused
    /// connection is still good, which is worth a system call when the request cannot be sent twice.
    func acquire(for client: any UpstreamClient, fresh: Bool = false, verifying: Bool) -> Acquired {
        while !fresh, let connection = takeIdle(for: client) {
            if verifying, connection.isStale {
                connection.close()
                continue
            }
            connection.start(client)
            return .connection(connection)
        }
        guard !server.isClosed else { return .failed(error(.shuttingDown, isRetrySafe: true)) }
        guard server.enterQueue() else { return .failed(failure(.queueFull, isRetrySafe: true)) }
        return .waiting(enqueue(client, fresh: fresh))
    }

    /// The last used of those that may serve the client.
    private func takeIdle(for client: any UpstreamClient) -> UpstreamConnection? {
        guard bounds.proxyProtocol != nil else { return idle.popLast() }
        let origin = client.origin
        return idle.lastIndex { $0.origin == origin }.map { idle.remove(at: $0) }
    }

    /// The client wants no connection any more.
    func cancel(_ waiter: UpstreamWaiter) {
        guard waiter.take() != nil else { return }
        drop(waiter)
    }

    private func enqueue(_ client: any UpstreamClient, fresh: Bool) -> UpstreamWaiter {
        let waiter = UpstreamWaiter(client: client, needsFresh: fresh, since: loop.now)
        let timer = LoopTimer { [unowned self, unowned waiter] in expired(waiter) }
        waiter.timer = timer
        waiters.append(waiter)
        let wasStarving = isStarving
        if server.isBalanced { server.inFlight.wrappingAdd(1, ordering: .relaxed) }
        loop.arm(timer, at: loop.now.advanced(byNanoseconds: bounds.queue))
        openIfUseful()
        // The others have given what they were asked for by those before it.
        if wasStarving, isStarving { server.askForIdle(self) }
        return waiter
    }

    private func drop(_ waiter: UpstreamWaiter) {
        guard let index = waiters.firstIndex(where: { $0 === waiter }) else { return }
        waiters.remove(at: index)
        if let timer = waiter.timer { loop.remove(timer) }
        server.leaveQueue()
        if server.isBalanced { server.inFlight.wrappingSubtract(1, ordering: .relaxed) }
        updateStarving()
    }

    /// The wait for a connection to become free is over; one that is being made for the request has its own time.
    private func expired(_ waiter: UpstreamWaiter) {
        let isBeingServed = (waiters.firstIndex { $0 === waiter } ?? .max) < connecting
        let latest = waiter.since.advanced(byNanoseconds: bounds.connect)
        if isBeingServed, latest > loop.now, let timer = waiter.timer { return loop.arm(timer, at: latest) }
        drop(waiter)
        // The connection that is late is counted when it fails itself.
        let reason =
            isBeingServed
            ? error(.connectTimeout, isRetrySafe: true) : failure(.queueTimeout, isRetrySafe: true)
        waiter.take()?.upstreamFailed(reason, reused: false)
    }

    func error(_ cause: UpstreamError.Cause, isRetrySafe: Bool = false) -> UpstreamError {
        UpstreamError(cause, upstream: server.settings.name, isRetrySafe: isRetrySafe)
    }

    /// An error that is counted as the server's.
    func failure(_ cause: UpstreamError.Cause, isRetrySafe: Bool = false) -> UpstreamError {
        let error = error(cause, isRetrySafe: isRetrySafe)
        server.noteFailure(error, at: loop.now)
        return error
    }

    // MARK: Opening

    private func openIfUseful() {
        openWhatMayBe()
        let wasStarving = isStarving
        updateStarving()
        // A permit that came back before that was known was told to nobody.
        guard isStarving, !wasStarving else { return }
        openWhatMayBe()
        updateStarving()
    }

    private func openWhatMayBe() {
        while connecting < waiters.count {
            if !server.takePermit() {
                // Requests that need a fresh connection may be waiting beside unused old ones.
                guard let old = idle.first else { break }
                old.close()
                continue
            }
            connecting += 1
            connect(for: bounds.proxyProtocol == nil ? nil : nextOrigin())
        }
    }

    private func updateStarving() {
        let starves = connecting < waiters.count
        guard starves != isStarving else { return }
        isStarving = starves
        if starves { server.starve(self) } else { server.starveNoMore() }
    }

    /// Whose connection is to be made next.
    private func nextOrigin() -> ConnectionOrigin? {
        let waiter = waiters.first { !$0.isServed } ?? waiters.first
        waiter?.isServed = true
        return waiter?.origin
    }

    private func connect(for origin: ConnectionOrigin?) {
        if let known = server.knownAddresses(on: loop) { return resolved(known, origin) }
        server.resolveAddresses(on: loop) { @Sendable [self] in resolved($0, origin) }
    }

    private func resolved(_ answer: Resolver.Answer, _ origin: ConnectionOrigin?) {
        switch answer {
        case .success(let addresses):
            let deadline = loop.now.advanced(byNanoseconds: bounds.connect)
            attempt(addresses[...], for: origin, deadline: deadline, last: .connectFailed(0))
        case .failure(let reason): attemptsEnded(.unresolved(reason.description), for: origin)
        }
    }

    /// Tries the addresses one after the other. Each gets its part of the time: one that swallows what is sent to it must
    /// not cost the others their turn.
    func attempt(
        _ addresses: ArraySlice<SocketAddress>, for origin: ConnectionOrigin?, deadline: MonotonicTime,
        last: UpstreamError.Cause
    ) {
        guard let address = addresses.first, !server.isClosed, loop.now < deadline else {
            return attemptsEnded(last, for: origin)
        }
        let rest = addresses.dropFirst()
        let part = (deadline.nanoseconds - loop.now.nanoseconds) / UInt64(addresses.count)
        do throws(TransportError) {
            let descriptor = try Descriptor.connecting(to: address)
            let connection = UpstreamConnection(pool: self, owning: descriptor.release(), to: address)
            connection.remainingAddresses = rest
            connection.origin = origin
            try connection.register()
            connection.awaitConnect(
                until: rest.isEmpty ? deadline : loop.now.advanced(byNanoseconds: part), atMost: deadline)
        } catch {
            guard case .system(_, let code) = error else { return attemptsEnded(last, for: origin) }
            if error.isExhaustion { return attemptsEnded(.exhausted(code), for: origin) }
            server.noteFailure(of: address, on: loop)
            attempt(rest, for: origin, deadline: deadline, last: .connectFailed(code))
        }
    }

    /// No address is left: one of the requests that wait learns why.
    func attemptsEnded(_ cause: UpstreamError.Cause, for origin: ConnectionOrigin?) {
        connecting -= 1
        server.returnPermit(from: self)
        let failure = failure(cause, isRetrySafe: true)
        if let waiter = waiters.first(where: { $0.origin == origin }) {
            drop(waiter)
            waiter.take()?.upstreamFailed(failure, reused: false)
        }
        openIfUseful()
    }

    // MARK: For connections

    func connected(_ connection: UpstreamConnection) {
        connecting -= 1
        server.counters.opened.wrappingAdd(1, ordering: .relaxed)
        if !serve(with: connection, isFresh: true) { keep(connection) }
        // It may have been somebody's who waits no more, while others do.
        if bounds.proxyProtocol != nil { openIfUseful() }
        updateStarving()
    }

    /// A connection has done its work and is good for more.
    func release(_ connection: UpstreamConnection) {
        if server.isClosed { return connection.close() }
        if isWornOut(connection) { return connection.close() }
        if serve(with: connection, isFresh: false) { return }
        // What is one client's is of no use to the others, who may be waiting for its permit.
        if bounds.proxyProtocol != nil, !waiters.isEmpty { return connection.close() }
        // Another loop's requests may need the permit more than this loop its spare connection.
        if server.isStarving, !isStarving { return connection.close() }
        keep(connection)
    }

    private func keep(_ connection: UpstreamConnection) {
        if server.isClosed { return connection.close() }
        if bounds.idleMax < .max, server.idleCount >= bounds.idleMax { return connection.close() }
        idle.append(connection)
        connection.rest(until: min(loop.now.advanced(byNanoseconds: bounds.idle), connection.expiry))
    }

    /// Whether it has had its requests or its time, or the server's name leads elsewhere by now.
    private func isWornOut(_ connection: UpstreamConnection) -> Bool {
        if connection.requestCount >= bounds.requestsMax || connection.expiry <= loop.now { return true }
        guard let current else { return false }
        return !current.contains(connection.address)
    }

    private func serve(with connection: UpstreamConnection, isFresh: Bool) -> Bool {
        guard !waiters.isEmpty,
            let waiter = waiters.first(where: {
                (isFresh || !$0.needsFresh) && $0.origin == connection.origin
            })
        else {
            return false
        }
        drop(waiter)
        guard let client = waiter.take() else { return false }
        connection.start(client)
        client.upstreamReady(connection)
        return true
    }

    /// A connection that had been connected is closed.
    func closed(_ connection: UpstreamConnection) {
        if connection.isIdle { idle.removeAll { $0 === connection } }
        server.returnPermit(from: self)
        if !waiters.isEmpty { openIfUseful() }
    }

    // MARK: For the server

    func serveWaiters() {
        if !waiters.isEmpty { openIfUseful() }
    }

    func shedIdle() {
        guard server.isStarving, !isStarving, let oldest = idle.first else { return }
        oldest.close()
    }

    /// Closes unused connections to other addresses than these; those at work are closed when they have done.
    func retire(keeping addresses: [SocketAddress]) {
        for connection in idle where !addresses.contains(connection.address) { connection.close() }
        current = addresses
    }

    func close() {
        for connection in idle { connection.close() }
        for waiter in waiters {
            drop(waiter)
            waiter.take()?.upstreamFailed(error(.shuttingDown, isRetrySafe: true), reused: false)
        }
        loop.detach(server)
        server.forget(self)
    }
}
