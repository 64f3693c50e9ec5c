import Digest
import Dispatch
import Foundation
import Logging
import Observe
import Policy
import Proxy
import Settings
import Store
import Synchronization
import Transport

/// The daemon: a compiled configuration, listening.
///
/// The composition root: everything that runs is made here and handed down; nothing below looks anything up.
package final class Gateway: Sendable {
    /// What protected routes have done.
    package var counters: GatewayCounters { services.counters }
    private let server: ProxyServer
    private let admin: AdminServer?
    private let loops: LoopGroup
    let services: GatewayServices
    let upstreams: [Upstream]
    /// TLS, whose files may be read again at any time.
    package let security: GatewaySecurity
    private let drainDeadline: Duration
    // because: the timer is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let sweeping: any DispatchSourceTimer

    /// How often the store lets go of what has ended.
    private static let sweepInterval = DispatchTimeInterval.seconds(1)

    /// Binds the listeners and starts the loops and workers; connections are accepted from `start` on.
    ///
    /// **Throws** `TransportError` when an address cannot be bound, `DigestError` when the cryptographic library or the
    /// system's randomness cannot be used.
    package init(_ assembly: GatewayAssembly, log: Logger, clock: any LoopClock = SystemClock()) throws {
        try Libcrypto.verify()
        let settings = assembly.settings
        let unix = UnixClock(clock: clock)
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let security = assembly.security
        let listeners = try settings.listeners.enumerated().map { index, listener in
            try Self.listener(at: listener.address, security: security.listener(at: index))
        }
        let metrics = try GatewayMetrics(
            routes: assembly.routes.map(\.name),
            protectedRoutes: assembly.routes.filter { $0.protection != nil }.map(\.name), loops: cores)
        let authority = try ChallengeAuthority(secret: assembly.key)
        loops = try LoopGroup(count: cores, clock: clock)
        let store = MemoryStore(limits: MemoryStore.Limits(settings.withheld)) { unix.now() }
        // A hold outlives its request, which ends by its own deadline.
        let rates = RateTable(
            keysMax: settings.limits.rateKeys,
            holdFor: max(.seconds(300), settings.limits.requestTimeout * 2)
        ) { unix.now() }
        sweeping = Self.sweeper(of: store, rates)
        services = GatewayServices(
            limits: assembly.limits, authentication: assembly.authentication,
            tracer: Tracer(settings.tracing),
            scoring: ScoringPool(
                workers: settings.scoring.workers.count(processors: cores),
                queueRowsMax: settings.scoring.queue),
            store: store, rates: rates, authority: authority, perturber: Perturber(secret: assembly.key),
            challengeLifetime: settings.withheld.lifetime,
            journal: DecisionJournal(settings.logs, log: log), metrics: metrics, clock: clock, unix: unix,
            log: log)
        upstreams = assembly.upstreams.values.sorted { $0.settings.name < $1.settings.name }
        drainDeadline = settings.shutdown.drain
        self.security = security
        let handler = GatewayHandler(routes: RouteTable(assembly.routes), services: services)
        server = ProxyServer(
            listeners: listeners, loops: loops,
            settings: ProxySettings(
                settings.forwarded, limits: assembly.limits, listeners: assembly.listenerLimits),
            handler: handler)
        admin = try AdminServer(
            settings.admin, loops: loops, metrics: metrics, configuration: assembly.configuration)
        try metrics.expose(server.counters)
        try metrics.expose(upstreams)
        try metrics.expose(services.counters, services.scoring, store, services.journal)
        try metrics.exposeShedding(server.counters, services.counters)
        try metrics.expose(rates)
        try metrics.expose(LoopMetrics(loops: loops.loops))
        try metrics.expose(ProcessMetrics(configuration: assembly.configuration))
    }

    fileprivate static func listener(
        at address: Settings.SocketAddress, security: (any SessionMaker)? = nil
    ) throws -> Listener {
        guard let parsed = try Endpoint(parsing: address.description).address else {
            throw TransportError.addressInvalid(address.description)
        }
        return try Listener(binding: parsed, security: security)
    }

    deinit { sweeping.cancel() }

    /// An idle gateway would otherwise keep expired answers until the next challenge, and rates until the table is full.
    private static func sweeper(of store: MemoryStore, _ rates: RateTable) -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.schedule(deadline: .now() + sweepInterval, repeating: sweepInterval, leeway: .milliseconds(100))
        timer.setEventHandler { @Sendable [weak store, weak rates] in
            store?.sweep()
            rates?.sweep()
        }
        timer.activate()
        return timer
    }

    /// Decision and access lines that a full buffer or a refusing disk has cost so far.
    package var logLosses: Int { services.journal.losses }

    /// What the store of withheld answers and spent proofs holds.
    package var storeStatistics: StoreStatistics { services.store.statistics }

    /// Where it listens, in the order of the settings.
    package var addresses: [String] { server.addresses.map(\.description) }

    /// Begins to accept. **Throws** `TransportError` when a loop cannot watch a listener.
    package func start() throws {
        try admin?.server.start()
        try server.start()
    }

    /// The side door, for tests of what it says while the gateway drains.
    var adminHandler: AdminHandler? { admin?.handler }

    /// Where the side door listens; nil when there is none.
    package var adminAddress: String? { admin?.server.addresses.first?.description }

    /// Stops accepting, lets what is under way end within the configured deadline, and writes the logs out.
    /// `completion` runs on some queue when everything has ended.
    package func drain(_ completion: @escaping @Sendable () -> Void) {
        sweeping.cancel()
        admin?.handler.beginDraining()
        server.drain(deadline: drainDeadline) { @Sendable [self] in
            for upstream in upstreams { upstream.close() }
            guard let admin else { return end(completion) }
            admin.server.drain(deadline: .seconds(1)) { @Sendable in self.end(completion) }
        }
    }

    private func end(_ completion: @escaping @Sendable () -> Void) {
        loops.shutdown { @Sendable in
            self.services.scoring.stop()
            self.services.journal.close()
            completion()
        }
    }
}

/// The side door's server with its handler.
private struct AdminServer {
    let server: ProxyServer
    let handler: AdminHandler

    /// Nil without settings. **Throws** when the address cannot be bound.
    init?(_ settings: AdminSettings?, loops: LoopGroup, metrics: GatewayMetrics, configuration: String) throws
    {
        guard let settings else { return nil }
        handler = AdminHandler(metrics: metrics, configuration: configuration)
        server = ProxyServer(
            listeners: [try Gateway.listener(at: settings.address)], loops: loops, handler: handler)
    }
}

extension MemoryStore.Limits {
    /// Bounds from the settings. Claims outlive their answers until the challenge expires, so there is room for many more
    /// of them than of answers.
    init(_ settings: WithheldSettings) {
        self.init(
            claimsMax: settings.answers * 8, answersMax: settings.answers, answerBytesMax: settings.bytes)
    }
}

extension ScoringSettings.Workers {
    /// The number of threads on a machine of so many processors.
    func count(processors: Int) -> Int {
        switch self {
        case .automatic: processors
        case .exactly(let count): count
        }
    }
}
