import HTTPWire
import Synchronization
import Transport

/// An upstream server with its bounded pool of connections, shared by all loops.
///
/// A connection stays with the loop that opened it; the bound on their number spans the loops. A loop that has
/// none to spare asks the others to let go of an unused one.
package final class Upstream: Sendable {
    /// As configured.
    package let settings: UpstreamSettings
    /// What it has done.
    package let counters = UpstreamCounters()
    let limits: ProxyLimits
    let resolver: Resolver
    /// TLS towards it; nil for clear text.
    let security: (any SessionMaker)?
    private struct Shared {
        var connections = 0
        var queued = 0
        var pools: [UpstreamPool] = []
        var isClosed = false
    }
    private let shared = Mutex(Shared())
    private let starving = Atomic<Int>(0)

    /// An upstream nobody is connected to yet. `limits` bounds the heads of its answers.
    package init(
        settings: UpstreamSettings, limits: ProxyLimits = ProxyLimits(), resolver: Resolver = Resolver(),
        security: (any SessionMaker)? = nil
    ) {
        self.security = security
        self.settings = settings
        self.limits = limits
        self.resolver = resolver
    }

    /// Closes unused connections, and the others when they have done; requests that wait are answered 503.
    package func close() {
        let pools = shared.withLock { shared in
            shared.isClosed = true
            return shared.pools
        }
        for pool in pools { pool.loop.execute { @Sendable in pool.close() } }
    }

    /// Connections open or being opened, over all loops.
    package var connectionCount: Int { shared.withLock(\.connections) }
    /// Requests that wait for a connection, over all loops.
    package var queueCount: Int { shared.withLock(\.queued) }

    // MARK: For pools

    /// The pool of `loop`. **Runs on** the loop.
    func pool(on loop: EventLoop) -> UpstreamPool {
        if let kept = loop.attachment(for: self) {
            // Only a pool is ever attached for an upstream, and a checked cast costs more than the search.
            return unsafeDowncast(kept, to: UpstreamPool.self)
        }
        let pool = UpstreamPool(upstream: self, loop: loop)
        loop.attach(pool, for: self)
        shared.withLock { $0.pools.append(pool) }
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

    /// Whether one more request may wait; it is counted then.
    func enterQueue() -> Bool {
        shared.withLock { shared in
            guard shared.queued < settings.queueMax, !shared.isClosed else { return false }
            shared.queued += 1
            return true
        }
    }

    func leaveQueue() { shared.withLock { $0.queued -= 1 } }

    /// True while some loop has requests waiting and no way to open a connection.
    var isStarving: Bool { starving.load(ordering: .relaxed) > 0 }

    /// Asks the other loops for an unused connection.
    func starve(_ pool: UpstreamPool) {
        starving.wrappingAdd(1, ordering: .relaxed)
        let pools = shared.withLock(\.pools)
        for other in pools where other !== pool { other.loop.execute { @Sendable in other.shedIdle() } }
    }

    func starveNoMore() { starving.wrappingSubtract(1, ordering: .relaxed) }
}

/// What an upstream has done since it was made. Any thread may read.
package final class UpstreamCounters: Sendable {
    /// Connections opened.
    package let opened = Atomic<Int>(0)
    /// Requests sent on a connection that had served another before.
    package let reused = Atomic<Int>(0)
    /// Requests sent again after a reused connection had closed.
    package let retried = Atomic<Int>(0)
    /// Requests that got no whole answer.
    package let failed = Atomic<Int>(0)

    init() {}
}
