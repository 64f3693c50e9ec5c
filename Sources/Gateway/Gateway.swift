import Digest
import Dispatch
import Foundation
import Logging
import Policy
import Proxy
import Service
import Settings
import Store
import Synchronization
import Transport

/// The daemon: a compiled configuration, listening, which another may replace while connections are open.
///
/// The composition root: everything that runs is made here and handed down; nothing below looks anything up.
package final class Gateway: Sendable {
    private struct Life {
        var generation: Generation
        var isDraining = false
    }

    private let life: Mutex<Life>
    private let server: ProxyServer
    private let admin: ProxyServer
    private let adminDesk: AdminHandler
    let state: GatewayState
    private let upstreamLog: UpstreamLog
    private let handOver = Mutex<HandOver?>(nil)
    /// Reloads run one after the other.
    private let control = DispatchQueue(label: "samegate.control")
    /// Held while a configuration comes into effect, and while the end begins: what ends is what is at work, all of it.
    private let turning = DispatchSemaphore(value: 1)
    // because: the timer is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let sweeping: any DispatchSourceTimer

    /// How often the store lets go of what has ended.
    private static let sweepInterval = DispatchTimeInterval.seconds(1)

    /// Takes the inherited sockets, binds the other listeners, calls `afterBinding`, asks the predecessor for what it keeps, and starts the loops and workers;
    /// connections are accepted from `start` on. `descriptorsMax` is how many descriptors the process may have open.
    ///
    /// **Throws** what `afterBinding` does, `AssemblyError` when an address cannot be bound, `DigestError` when the cryptographic library or the
    /// system's randomness cannot be used.
    package init(
        _ assembly: GatewayAssembly, log: Logger, clock: any LoopClock = SystemClock(),
        inherited: InheritedSockets = InheritedSockets(), predecessor: StateStream? = nil,
        descriptorsMax: Int = .max, afterBinding: () throws -> Void = {}
    ) throws {
        try Libcrypto.verify()
        let settings = assembly.settings
        let unix = UnixClock(clock: clock)
        let sockets = try GenerationSockets(assembly, after: nil, inherited: inherited)
        var isMade = false
        defer { if !isMade { sockets.abandon(after: nil) } }
        try afterBinding()
        try Self.demandLogs(settings.logs)
        let loops = try LoopGroup(
            count: settings.daemon.loops.resolved(ProcessorAllowance(root: "/").loops), clock: clock)
        let store = MemoryStore(limits: MemoryStore.Limits(settings.withheld)) { unix.now() }
        let rates = RateTable(keysMax: settings.limits.rateKeys, holdFor: GatewayState.holdFor(settings)) {
            unix.now()
        }
        sweeping = Self.sweeper(of: store, rates)
        let proxyCounters = ProxyCounters()
        state = GatewayState(
            loops: loops, clock: clock, unix: unix, log: log, store: store, rates: rates,
            counters: GatewayCounters(), proxyCounters: proxyCounters,
            descriptorsMax: descriptorsMax)
        upstreamLog = UpstreamLog(log, clock: clock)
        let inheritance = predecessor.flatMap { Inheritance(from: $0, into: store, log: log) }
        let first = try Generation(assembly, state, sockets: sockets, after: nil, inheriting: inheritance)
        life = Mutex(Life(generation: first))
        server = ProxyServer(
            listeners: first.listeners.map(\.listener), loops: loops, settings: first.proxySettings,
            handler: first.handler, counters: proxyCounters)
        adminDesk = AdminHandler(first)
        state.reloads.succeed(assembly.configuration, at: clock.wallSeconds(), isFirst: true)
        admin = ProxyServer(
            listeners: first.adminListeners.map(\.listener), loops: loops, settings: first.adminSettings,
            handler: adminDesk)
        isMade = true
    }

    deinit { sweeping.cancel() }

    /// **Throws** when a log that is new cannot be written.
    private static func demandLogs(
        _ settings: LogsSettings, after earlier: LogsSettings? = nil
    ) throws(AssemblyError) {
        let problems = DecisionJournal.problems(settings, after: earlier)
        guard problems.isEmpty else { throw AssemblyError(problems: problems) }
    }

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

    // MARK: What is at work

    /// What new exchanges are served by.
    var generation: Generation { life.withLock { $0.generation } }
    var services: GatewayServices { generation.services }
    var upstreams: [Upstream] { generation.upstreams }

    /// What protected routes have done.
    package var counters: GatewayCounters { state.counters }

    /// Decision and access lines that a full buffer or a refusing disk has cost so far.
    package var logLosses: Int { services.journal.losses }

    /// What the store of withheld answers and spent proofs holds.
    package var storeStatistics: StoreStatistics { state.store.statistics }

    /// Where it listens, in the order of the settings.
    package var addresses: [String] { server.addresses.map(\.description) }

    /// Where the side door listens by TCP; nil when it does not.
    package var adminAddress: String? {
        admin.listeners.first { $0.path == nil }?.localAddress.description
    }

    /// The path of the Unix socket that the side door listens at; nil without one.
    package var adminPath: String? { admin.listeners.lazy.compactMap(\.path).first }

    /// The side door, for tests of what it says while the gateway drains.
    var adminHandler: AdminHandler { adminDesk }

    /// The sockets it accepts from, for a successor.
    package var listeners: [(name: String, listener: Listener)] {
        let generation = generation
        let data = generation.assembly.settings.listeners
        return generation.listeners.map { bound in
            (data.first { "\($0.address)" == bound.name }?.socket ?? "data", bound.listener)
        } + generation.adminListeners.map { ("admin", $0.listener) }
    }

    /// Calls `completion` once every loop has answered.
    package func ping(_ completion: @escaping @Sendable () -> Void) { state.loops.ping(completion) }

    // MARK: Life

    /// Begins to accept. **Throws** `TransportError` when a loop cannot watch a listener.
    package func start() throws {
        tellDescriptors(of: generation)
        watch(generation)
        do {
            try admin.start()
            try server.start()
        } catch {
            for bound in generation.adminListeners { bound.listener.removeFile() }
            throw error
        }
    }

    /// Has the upstreams' health checked and their names resolved again; those that are watched already stay so. The
    /// loops share that work, which comes between the events of requests.
    private func watch(_ generation: Generation) {
        let loops = state.loops.loops
        for (index, upstream) in generation.upstreams.enumerated() {
            upstream.start(on: loops[index % loops.count]) { @Sendable [upstreamLog] in upstreamLog.note($0) }
        }
    }

    /// What the side door's requests for change go to; without it they are refused.
    package func attach(_ controls: AdminControls) { adminDesk.attach(controls) }

    /// Opens the logs by their names again, for a program that rotates them from outside.
    package func reopenLogs() { services.journal.reopen() }

    /// Serves by another configuration from here on, without closing a connection; what has not changed goes on, and what is
    /// under way finishes as it began. Returns what has changed, in words for the operator.
    ///
    /// **Throws** everything that stands in the way, and changes nothing then. **Runs on** any thread but a loop's; calls
    /// are served one after the other, and one may take as long as loading models takes.
    package func reload(
        _ settings: GatewaySettings, configuration: String = ""
    ) throws(AssemblyError) -> [String] {
        let result = control.sync { @Sendable () -> Result<[String], AssemblyError> in
            Result { () throws(AssemblyError) in try self.change(to: settings, configuration) }
        }
        return try result.get()
    }

    private func change(
        to settings: GatewaySettings, _ configuration: String
    ) throws(AssemblyError) -> [String] {
        try demandLife()
        let old = generation
        let assembly = try GatewayAssembly(settings, configuration: configuration, reusing: old.assembly)
        try Self.demandLogs(settings.logs, after: old.assembly.settings.logs)
        // An end does not wait for models to be read; it comes before the rest or after it.
        turning.wait()
        defer { turning.signal() }
        try demandLife()
        let sockets = try GenerationSockets(assembly, after: old)
        let next: Generation
        do {
            next = try Generation(assembly, state, sockets: sockets, after: old)
            try admin.apply(
                listeners: next.adminListeners.map(\.listener), settings: next.adminSettings,
                handler: adminDesk)
            do {
                try server.apply(
                    listeners: next.listeners.map(\.listener), settings: next.proxySettings,
                    handler: next.handler, generationsMax: settings.limits.generations)
            } catch {
                try? admin.apply(
                    listeners: old.adminListeners.map(\.listener), settings: old.adminSettings,
                    handler: adminDesk)
                throw error
            }
        } catch {
            sockets.abandon(after: old)
            throw AssemblyError("", "the new configuration cannot be put to work: \(error)")
        }
        // Nothing can fail from here on.
        assembly.security.commit()
        state.store.change(MemoryStore.Limits(settings.withheld))
        state.rates.change(keysMax: settings.limits.rateKeys, holdFor: GatewayState.holdFor(settings))
        adminDesk.show(next)
        state.reloads.succeed(configuration, at: state.clock.wallSeconds(), isFirst: false)
        life.withLock { $0.generation = next }
        tellDescriptors(of: next)
        watch(next)
        settleFiles(of: next, after: old)
        return next.changes(since: old)
    }

    private func demandLife() throws(AssemblyError) {
        guard !life.withLock(\.isDraining) else { throw AssemblyError("", "the gateway is ending") }
    }

    /// Unix sockets that nobody listens at any more go, and the others have the mode of the configuration in effect.
    private func settleFiles(of next: Generation, after old: Generation) {
        for bound in old.adminListeners where !next.adminListeners.contains(where: { $0.name == bound.name })
        {
            bound.listener.removeFile()
        }
        guard let mode = next.assembly.settings.admin?.socketMode else { return }
        for bound in next.adminListeners { bound.listener.setFileMode(mode) }
    }

    /// Gives the successor at the other end of `stream` what is kept in memory for clients: until it serves, proofs are
    /// answered 503. **Runs on** any thread.
    package func handOver(to stream: StateStream) {
        let begun = HandOver(services, state.store, to: stream)
        handOver.withLock { $0 = begun }
    }

    /// There is no successor after all: proofs are taken here again.
    package func keepState() {
        let wasBegun = handOver.withLock { handOver in
            defer { handOver = nil }
            return handOver != nil
        }
        if wasBegun { state.store.takeBack() }
    }

    /// Says on the side door that it is not ready, stops accepting after `shutdown.lame_duck`, lets what is under way end within the configured deadline, and writes the logs out.
    /// `completion` runs on some queue when everything has ended.
    ///
    /// `isHandedOver` when another process accepts from the same sockets: everybody finds that one from now on.
    package func drain(isHandedOver: Bool = false, _ completion: @escaping @Sendable () -> Void) {
        sweeping.cancel()
        adminDesk.beginDraining()
        let last = beginEnd()
        let settings = last.assembly.settings.shutdown
        guard settings.lameDuck > .zero, !isHandedOver else {
            // The successor answers for the service's health from here on.
            if isHandedOver { admin.drain(deadline: settings.drain, isHandedOver: true) {} }
            return drain(last, isHandedOver, completion)
        }
        let wait = DispatchTimeInterval.milliseconds(Int(settings.lameDuck / .milliseconds(1)))
        DispatchQueue.global().asyncAfter(deadline: .now() + wait) { @Sendable in
            self.drain(last, false, completion)
        }
    }

    /// From here on no reload comes into effect; returns the last that has.
    private func beginEnd() -> Generation {
        turning.wait()
        defer { turning.signal() }
        return life.withLock { life in
            life.isDraining = true
            return life.generation
        }
    }

    private func drain(
        _ last: Generation, _ isHandedOver: Bool, _ completion: @escaping @Sendable () -> Void
    ) {
        let settings = last.assembly.settings.shutdown
        server.drain(
            deadline: settings.drain, idleGrace: min(settings.idleGrace, settings.drain),
            isHandedOver: isHandedOver
        ) { @Sendable [self] in
            for upstream in last.upstreams { upstream.close() }
            for bound in last.adminListeners where !isHandedOver { bound.listener.removeFile() }
            admin.drain(deadline: .seconds(1)) { @Sendable in self.end(last, completion) }
        }
    }

    private func end(_ last: Generation, _ completion: @escaping @Sendable () -> Void) {
        state.loops.shutdown { @Sendable [self] in
            last.services.scoring.stop()
            self.handOver.withLock { $0 }?.flush()
            last.services.journal.close()
            // Those that reloads have replaced, where an exchange wrote them until now.
            state.logs.close(within: DecisionJournal.closeLimit)
            completion()
        }
    }
}

extension AssemblyError {
    /// One problem.
    init(_ path: String, _ message: String) {
        self.init(problems: [AssemblyProblem(path: path, message: message)])
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

extension ScoringSettings {
    /// Whether a pool of these settings would be the same.
    func makesSamePool(as other: ScoringSettings) -> Bool {
        workers == other.workers && queue == other.queue && batch == other.batch
            && batchWait == other.batchWait
    }
}
