import Transport

/// One loop's connections to one upstream: the unused ones, and the requests that wait for one.
///
/// `@unchecked Sendable` because: confined to its loop.
final class UpstreamPool: @unchecked Sendable {
    /// What a request for a connection gives.
    enum Acquired {
        case connection(UpstreamConnection)
        case waiting(UpstreamWaiter)
        case failed(UpstreamError)
    }

    let upstream: Upstream
    let loop: EventLoop
    /// Least recently used first.
    private var idle: [UpstreamConnection] = []
    private var waiters: [UpstreamWaiter] = []
    private var connecting = 0
    private var isStarving = false

    init(upstream: Upstream, loop: EventLoop) {
        self.upstream = upstream
        self.loop = loop
    }

    var settings: UpstreamSettings { upstream.settings }

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
        guard !upstream.isClosed else { return .failed(error(.shuttingDown, isRetrySafe: true)) }
        guard upstream.enterQueue() else { return .failed(error(.queueFull, isRetrySafe: true)) }
        return .waiting(enqueue(client, fresh: fresh))
    }

    /// The last used of those that may serve the client.
    private func takeIdle(for client: any UpstreamClient) -> UpstreamConnection? {
        guard settings.proxyProtocol != nil else { return idle.popLast() }
        let origin = client.origin
        return idle.lastIndex { $0.origin == origin }.map { idle.remove(at: $0) }
    }

    /// The client wants no connection any more.
    func cancel(_ waiter: UpstreamWaiter) {
        guard waiter.take() != nil else { return }
        drop(waiter)
    }

    private func enqueue(_ client: any UpstreamClient, fresh: Bool) -> UpstreamWaiter {
        let waiter = UpstreamWaiter(client: client, needsFresh: fresh)
        let timer = LoopTimer { [unowned self, unowned waiter] in expired(waiter) }
        waiter.timer = timer
        waiters.append(waiter)
        loop.arm(timer, at: loop.now.advanced(by: settings.connectTimeout))
        openIfUseful()
        return waiter
    }

    private func drop(_ waiter: UpstreamWaiter) {
        guard let index = waiters.firstIndex(where: { $0 === waiter }) else { return }
        waiters.remove(at: index)
        if let timer = waiter.timer { loop.remove(timer) }
        upstream.leaveQueue()
        updateStarving()
    }

    private func expired(_ waiter: UpstreamWaiter) {
        let cause: UpstreamError.Cause = connecting > 0 ? .connectTimeout : .queueTimeout
        drop(waiter)
        waiter.take()?.upstreamFailed(error(cause, isRetrySafe: true), reused: false)
    }

    func error(_ cause: UpstreamError.Cause, isRetrySafe: Bool = false) -> UpstreamError {
        UpstreamError(cause, upstream: settings.name, isRetrySafe: isRetrySafe)
    }

    // MARK: Opening

    private func openIfUseful() {
        while connecting < waiters.count {
            if !upstream.takePermit() {
                // Requests that need a fresh connection may be waiting beside unused old ones.
                guard let old = idle.first else { break }
                old.close()
                continue
            }
            connecting += 1
            connect(for: settings.proxyProtocol == nil ? nil : nextOrigin())
        }
        updateStarving()
    }

    private func updateStarving() {
        let starves = connecting < waiters.count
        guard starves != isStarving else { return }
        isStarving = starves
        if starves { upstream.starve(self) } else { upstream.starveNoMore() }
    }

    /// Whose connection is to be made next.
    private func nextOrigin() -> ConnectionOrigin? {
        let waiter = waiters.first { !$0.isServed } ?? waiters.first
        waiter?.isServed = true
        return waiter?.origin
    }

    private func connect(for origin: ConnectionOrigin?) {
        if let known = upstream.resolver.known(settings.endpoint, now: loop.now) {
            return resolved(known, origin)
        }
        upstream.resolver.resolve(settings.endpoint, on: loop) { @Sendable [self] in resolved($0, origin) }
    }

    private func resolved(_ answer: Resolver.Answer, _ origin: ConnectionOrigin?) {
        switch answer {
        case .success(let addresses):
            let deadline = loop.now.advanced(by: settings.connectTimeout)
            attempt(addresses[...], for: origin, deadline: deadline, last: .connectFailed(0))
        case .failure(let reason): attemptsEnded(.unresolved(reason.description), for: origin)
        }
    }

    /// Tries the addresses one after the other.
    func attempt(
        _ addresses: ArraySlice<SocketAddress>, for origin: ConnectionOrigin?, deadline: MonotonicTime,
        last: UpstreamError.Cause
    ) {
        guard let address = addresses.first, !upstream.isClosed else {
            return attemptsEnded(last, for: origin)
        }
        let rest = addresses.dropFirst()
        do throws(TransportError) {
            let descriptor = try Descriptor.connecting(to: address)
            let connection = UpstreamConnection(pool: self, owning: descriptor.release())
            connection.remainingAddresses = rest
            connection.origin = origin
            try connection.register()
            connection.awaitConnect(until: deadline)
        } catch {
            guard case .system(_, let code) = error else { return attemptsEnded(last, for: origin) }
            attempt(rest, for: origin, deadline: deadline, last: .connectFailed(code))
        }
    }

    /// No address is left: one of the requests that wait learns why.
    func attemptsEnded(_ cause: UpstreamError.Cause, for origin: ConnectionOrigin?) {
        connecting -= 1
        upstream.returnPermit(from: self)
        if let waiter = waiters.first(where: { $0.origin == origin }) {
            drop(waiter)
            waiter.take()?.upstreamFailed(error(cause, isRetrySafe: true), reused: false)
        }
        openIfUseful()
    }

    // MARK: For connections

    func connected(_ connection: UpstreamConnection) {
        connecting -= 1
        upstream.counters.opened.wrappingAdd(1, ordering: .relaxed)
        if !serve(with: connection, isFresh: true) { keep(connection) }
        // It may have been somebody's who waits no more, while others do.
        if settings.proxyProtocol != nil { openIfUseful() }
        updateStarving()
    }

    /// A connection has done its work and is good for more.
    func release(_ connection: UpstreamConnection) {
        if upstream.isClosed { return connection.close() }
        if serve(with: connection, isFresh: false) { return }
        // What is one client's is of no use to the others, who may be waiting for its permit.
        if settings.proxyProtocol != nil, !waiters.isEmpty { return connection.close() }
        // Another loop's requests may need the permit more than this loop its spare connection.
        if upstream.isStarving, !isStarving { return connection.close() }
        keep(connection)
    }

    private func keep(_ connection: UpstreamConnection) {
        if upstream.isClosed { return connection.close() }
        idle.append(connection)
        connection.rest(until: loop.now.advanced(by: settings.idleTimeout))
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
        upstream.returnPermit(from: self)
        if !waiters.isEmpty { openIfUseful() }
    }

    // MARK: For the upstream

    func serveWaiters() {
        if !waiters.isEmpty { openIfUseful() }
    }

    func shedIdle() {
        guard upstream.isStarving, !isStarving, let oldest = idle.first else { return }
        oldest.close()
    }

    func close() {
        for connection in idle { connection.close() }
        for waiter in waiters {
            drop(waiter)
            waiter.take()?.upstreamFailed(error(.shuttingDown, isRetrySafe: true), reused: false)
        }
        loop.detach(upstream)
        upstream.forget(self)
    }
}
