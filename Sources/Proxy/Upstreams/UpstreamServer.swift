import HTTPWire
import Synchronization
import Transport

/// One server of an upstream with its bounded pools of connections, shared by all loops.
///
/// A connection stays with the loop that opened it; the bound on their number spans the loops. A loop that has
/// none to spare asks the others to let go of an unused one.
final class UpstreamServer: Sendable {
    /// Its place among the upstream's servers.
    let index: Int
    /// As configured, for the upstream it belongs to.
    let settings: UpstreamSettings
    /// As configured, for itself.
    let server: UpstreamServerSettings
    /// What it has done.
    let counters = UpstreamCounters()
    let limits: ProxyLimits
    let resolver: Resolver
    /// Where its name leads.
    let addresses = Mutex(AddressBook())
    /// Who is told of what happens to it.
    let reporter: UpstreamReporter
    /// Its address where no name has to be resolved.
    let numericAddress: SocketAddress?
    /// TLS towards it; nil for clear text.
    let security: (any SessionMaker)?
    /// `host` or `host:port`, for `Host` and for logs.
    let authority: String
    /// Whether it stands in for work that others could do: what only matters then is not counted otherwise.
    let isBalanced: Bool
    /// What is known of its health.
    let standing: ServerStanding
    private let panel: EjectionPanel?
    /// What of the settings connections look at.
    let bounds: UpstreamBounds
    /// Requests that wait for it or that it works on; 0 when it is not balanced.
    let inFlight = Atomic<Int>(0)

    private struct Shared {
        var connections = 0
        var queued = 0
        var pools: [UpstreamPool] = []
        var isClosed = false
    }
    private let shared = Mutex(Shared())
    private let starving = Atomic<Int>(0)

    /// A server nobody is connected to yet. `limits` bounds the heads of its answers.
    init(
        index: Int, settings: UpstreamSettings, limits: ProxyLimits, resolver: Resolver,
        security: (any SessionMaker)?, standing: ServerStanding, panel: EjectionPanel?,
        reporter: UpstreamReporter
    ) {
        self.standing = standing
        self.panel = panel
        self.resolver = resolver
        self.reporter = reporter
        self.index = index
        self.settings = settings
        self.limits = limits
        self.security = security
        server = settings.servers[index]
        isBalanced = settings.servers.count > 1
        let endpoint = server.endpoint
        let isUsual = endpoint.port == (security == nil ? 80 : 443)
        authority =
            isUsual
            ? String(endpoint.description.dropLast(String(endpoint.port).count + 1)) : endpoint.description
        numericAddress = endpoint.address
        bounds = UpstreamBounds(settings)
    }

    /// Closes unused connections, and the others when they have done; requests that wait are answered 503.
    func close() {
        let pools = shared.withLock { shared in
            shared.isClosed = true
            return shared.pools
        }
        for pool in pools { pool.loop.execute { @Sendable in pool.close() } }
    }

    /// Connections open or being opened, over all loops.
    var connectionCount: Int { shared.withLock(\.connections) }
    /// Requests that wait for a connection, over all loops.
    var queueCount: Int { shared.withLock(\.queued) }
    /// Connections that nobody uses, over all loops.
    var idleCount: Int {
        shared.withLock { shared in shared.pools.reduce(0) { $0 + $1.idleCount.load(ordering: .relaxed) } }
    }

    // MARK: How requests fare

    /// An attempt has failed. **Runs on** a loop, at its time `now`.
    func noteFailure(_ error: UpstreamError, at now: MonotonicTime) {
        counters.count(error.kind)
        if error.kind != .queue { suspect(at: now) }
    }

    /// It has answered with this status; only told of a balanced server.
    func noteAnswer(status: Int, at now: MonotonicTime) {
        guard (502...504).contains(status) else { return standing.noteSuccess() }
        counters.countGatewayError()
        suspect(at: now)
    }

    private func suspect(at now: MonotonicTime) {
        guard let (time, failures) = panel?.noteFailure(of: standing, at: now) else { return }
        counters.ejections.wrappingAdd(1, ordering: .relaxed)
        report(.ejected(for: time, failures: failures))
    }

    // MARK: For pools

    /// The pool of `loop`. **Runs on** the loop.
    func pool(on loop: EventLoop) -> UpstreamPool {
        if let kept = loop.attachment(for: self) {
            // Only a pool is ever attached for a server, and a checked cast costs more than the search.
            return unsafeDowncast(kept, to: UpstreamPool.self)
        }
        let pool = UpstreamPool(server: self, loop: loop)
        // One that is asked for after the end is for one request, which it refuses.
        let isKept = shared.withLock { shared in
            if !shared.isClosed { shared.pools.append(pool) }
            return !shared.isClosed
        }
        if isKept { loop.attach(pool, for: self) }
        return pool
    }

    func forget(_ pool: UpstreamPool) { shared.withLock { $0.pools.removeAll { $0 === pool } } }

    var isClosed: Bool { shared.withLock(\.isClosed) }

    /// Whether one more connection may be opened; it is counted then.
    func takePermit() -> Bool {
        shared.withLock { shared in
            guard shared.connections < settings.connectionsMax, !shared.isClosed else { return false }
            shared.connections += 1
            return true
        }
    }

    /// Counts a connection less; loops whose requests wait may try again.
    func returnPermit(from pool: UpstreamPool) {
        let pools = shared.withLock { shared in
            shared.connections -= 1
            return starving.load(ordering: .relaxed) > 0 ? shared.pools : []
        }
        for other in pools where other !== pool { other.loop.execute { @Sendable in other.serveWaiters() } }
    }

    /// Whether one more request may wait; it is counted then. One that a new connection may be made for always may.
    func enterQueue() -> Bool {
        shared.withLock { shared in
            let hasRoom = shared.queued < settings.queueMax || shared.connections < settings.connectionsMax
            guard hasRoom, !shared.isClosed else { return false }
            shared.queued += 1
            return true
        }
    }

    func leaveQueue() { shared.withLock { $0.queued -= 1 } }

    /// True while some loop has requests waiting and no way to open a connection.
    var isStarving: Bool { starving.load(ordering: .relaxed) > 0 }

    /// Some loop has requests waiting and no way to open a connection.
    func starve(_ pool: UpstreamPool) {
        starving.wrappingAdd(1, ordering: .relaxed)
        askForIdle(pool)
    }

    /// Asks the other loops for an unused connection.
    func askForIdle(_ pool: UpstreamPool) {
        let pools = shared.withLock(\.pools)
        for other in pools where other !== pool { other.loop.execute { @Sendable in other.shedIdle() } }
    }

    func starveNoMore() { starving.wrappingSubtract(1, ordering: .relaxed) }

    /// Lets go of connections to addresses that the name does not lead to any more.
    func retireConnections(keeping addresses: [SocketAddress]) {
        for pool in shared.withLock(\.pools) {
            pool.loop.execute { @Sendable in pool.retire(keeping: addresses) }
        }
    }
}
