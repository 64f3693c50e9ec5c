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
    private let loops: LoopGroup
    let services: GatewayServices
    let upstreams: [Upstream]
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
        var listeners: [Listener] = []
        for listener in settings.listeners {
            let text = listener.address.description
            guard let address = try Endpoint(parsing: text).address else {
                throw TransportError.addressInvalid(text)
            }
            listeners.append(try Listener(binding: address))
        }
        let authority = try ChallengeAuthority(secret: assembly.key)
        loops = try LoopGroup(count: cores, clock: clock)
        let store = MemoryStore(limits: MemoryStore.Limits(settings.withheld)) { unix.now() }
        sweeping = Self.sweeper(of: store)
        services = GatewayServices(
            limits: assembly.limits,
            scoring: ScoringPool(
                workers: settings.scoring.workers.count(processors: cores),
                queueRowsMax: settings.scoring.queue),
            store: store, authority: authority, perturber: Perturber(secret: assembly.key),
            challengeLifetime: settings.withheld.lifetime,
            journal: DecisionJournal(settings.logs, log: log), clock: clock, unix: unix, log: log)
        upstreams = Array(assembly.upstreams.values)
        drainDeadline = settings.shutdown.drain
        let handler = GatewayHandler(routes: RouteTable(assembly.routes), services: services)
        server = ProxyServer(
            listeners: listeners, loops: loops,
            settings: ProxySettings(settings.forwarded, limits: assembly.limits),
            handler: handler)
    }

    deinit { sweeping.cancel() }

    /// An idle gateway would otherwise keep expired answers until the next challenge.
    private static func sweeper(of store: MemoryStore) -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.schedule(deadline: .now() + sweepInterval, repeating: sweepInterval, leeway: .milliseconds(100))
        timer.setEventHandler { @Sendable [weak store] in store?.sweep() }
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
    package func start() throws { try server.start() }

    /// Stops accepting, lets what is under way end within the configured deadline, and writes the logs out.
    /// `completion` runs on some queue when everything has ended.
    package func drain(_ completion: @escaping @Sendable () -> Void) {
        sweeping.cancel()
        server.drain(deadline: drainDeadline) { @Sendable [self] in
            for upstream in upstreams { upstream.close() }
            loops.shutdown { @Sendable in
                self.services.scoring.stop()
                self.services.journal.close()
                completion()
            }
        }
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
