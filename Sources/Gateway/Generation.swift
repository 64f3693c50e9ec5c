import Digest
import Foundation
import Logging
import Policy
import Proxy
import Settings
import Store
import Transport

/// One configuration at work: what it was assembled from, and what serves by it. Immutable.
///
/// The loops serve new exchanges by the newest generation. An exchange keeps the one it began with, through its handler;
/// a generation that nobody keeps any more lets go of its upstreams, models, workers and logs, but for those that the
/// next one has taken over.
final class Generation: Sendable {
    /// From 1; the first is what the gateway started with.
    let number: Int
    let assembly: GatewayAssembly
    let services: GatewayServices
    let handler: GatewayHandler
    /// The data listeners in the order of the settings.
    let listeners: [BoundListener]
    /// The side door's; empty without one.
    let adminListeners: [BoundListener]
    private let scoring: Lease<ScoringPool>
    /// What the files held that the configuration names, by the key that names them.
    let contents: [String: SHA256Digest]
    /// How the descriptors that the process may have open are shared out.
    let descriptors: DescriptorBudget

    /// Makes what serves by an assembly, and takes over from `earlier` what has not changed. Nothing is in effect yet.
    ///
    /// **Throws** `DigestError` or `MetricError`.
    init(
        _ assembly: GatewayAssembly, _ state: GatewayState, sockets: GenerationSockets,
        after earlier: Generation?, inheriting inheritance: Inheritance? = nil
    ) throws {
        self.assembly = assembly
        let settings = assembly.settings
        contents = Self.contents(settings.files)
        descriptors = Self.descriptors(assembly, state)
        number = (earlier?.number ?? 0) + 1
        listeners = sockets.listeners
        adminListeners = sockets.adminListeners
        scoring = Self.pool(settings.scoring, state.clock, after: earlier)
        let metrics = try GatewayMetrics(
            routes: assembly.routes.map(\.name),
            protectedRoutes: assembly.routes.filter { $0.protection != nil }.map(\.name),
            loops: state.loops.loops.count, continuing: earlier?.services.metrics)
        let authorities = try Self.authorities(assembly, after: earlier, inheritance)
        services = GatewayServices(
            limits: assembly.limits, authentication: assembly.authentication,
            tracer: Tracer(settings.tracing),
            codings: CodingServices(settings.limits, after: earlier?.services.codings),
            scoring: scoring.part,
            scoringDeadline: settings.scoring.deadline == .zero ? nil : settings.scoring.deadline,
            scoringShare: settings.scoring.shareBy,
            store: state.store, rates: state.rates,
            authority: authorities.present, retired: authorities.retired,
            perturber: Perturber(secret: assembly.key), challengeLifetime: settings.withheld.lifetime,
            journal: DecisionJournal(
                settings.logs, log: state.log, loops: state.loops.loops.count, open: state.logs,
                reusing: earlier?.services.journal),
            counters: state.counters, metrics: metrics, clock: state.clock, unix: state.unix, log: state.log,
            leases: [scoring] + assembly.leases.values.map { $0 as any Sendable }, reloads: state.reloads)
        handler = GatewayHandler(routes: RouteTable(assembly.routes), services: services)
        try expose(state, metrics)
    }

    /// Digests of certificates, keys and the like: what is written to is left out, and models, whose digests are their own
    /// affair.
    private static func contents(_ files: [String: String]) -> [String: SHA256Digest] {
        let others = ["logs.", "models.", "daemon."]
        let watched = files.filter { file in !others.contains { file.key.hasPrefix($0) } }
        return watched.compactMapValues { path -> SHA256Digest? in
            guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int,
                size <= 16 << 20
            else { return nil }
            return FileManager.default.contents(atPath: path).map { SHA256.digest(of: Array($0)) }
        }
    }

    /// By name.
    var upstreams: [Upstream] { assembly.upstreams.values.sorted { $0.settings.name < $1.settings.name } }

    /// How requests are read and passed on.
    var proxySettings: ProxySettings {
        var settings = ProxySettings(
            assembly.settings, limits: assembly.limits, listeners: assembly.listenerLimits)
        let routed = assembly.routes.flatMap { $0.limits.values }
        settings.limits.connectionsMax = descriptors.connections
        settings.refusalsMax = descriptors.refusals
        settings.routedBodyBytesMax = routed.map(\.values.requestBodyBytesMax).max() ?? 0
        return settings
    }

    /// How the side door's requests are read. It accepts whatever clients have taken.
    var adminSettings: ProxySettings {
        var settings = ProxySettings()
        settings.limits.connectionsMax = descriptors.sideDoor
        settings.refusalsMax = descriptors.sideDoor
        return settings
    }

    private func expose(_ state: GatewayState, _ metrics: GatewayMetrics) throws {
        try metrics.expose(state.proxyCounters)
        try metrics.expose(descriptors)
        try metrics.expose(upstreams)
        try metrics.expose(serversOf: upstreams, clock: state.clock)
        try metrics.expose(services.counters, services.scoring, services.store, services.journal)
        try metrics.expose(services.rates)
        try metrics.exposeShedding(state.proxyCounters, services.counters)
        try metrics.expose(LoopMetrics(loops: state.loops.loops))
        try metrics.expose(ProcessMetrics(configuration: assembly.configuration))
        try metrics.expose(services.codings)
        try metrics.expose(assembly.security)
        try metrics.expose(state.reloads)
    }

    private static func pool(
        _ settings: ScoringSettings, _ clock: any LoopClock, after earlier: Generation?
    ) -> Lease<ScoringPool> {
        if let earlier, earlier.assembly.settings.scoring.makesSamePool(as: settings) {
            return earlier.scoring
        }
        var turnRowsMax: Int?
        if case .exactly(let rows) = settings.batch { turnRowsMax = rows }
        let pool = ScoringPool(
            workers: settings.workers.resolved(ProcessorAllowance(root: "/").workers),
            queueRowsMax: settings.queue, turnRowsMax: turnRowsMax,
            turnWait: settings.batchWait, clock: clock)
        return Lease(pool) { $0.stop() }
    }

    /// Challenges go on being good under the key that they were issued under: their answers are withheld still.
    private static func authorities(
        _ assembly: GatewayAssembly, after earlier: Generation?, _ inheritance: Inheritance?
    ) throws -> (present: ChallengeAuthority, retired: ChallengeAuthority?) {
        guard let earlier else {
            let fresh = try ChallengeAuthority(secret: assembly.key)
            guard let inheritance else { return (fresh, nil) }
            if fresh.hasSameSecret(as: inheritance.authority) {
                return (inheritance.authority, inheritance.retired)
            }
            return (fresh, inheritance.authority)
        }
        if assembly.key.hasSameCodes(as: earlier.assembly.key) {
            return (earlier.services.authority, earlier.services.retired)
        }
        return (try ChallengeAuthority(secret: assembly.key), earlier.services.authority)
    }
}

/// A listener with the address or path that the settings gave it, by which a reload finds it again.
struct BoundListener: Sendable {
    let name: String
    let listener: Listener
}

/// What outlives generations.
struct GatewayState: Sendable {
    let loops: LoopGroup
    let clock: any LoopClock
    let unix: UnixClock
    let log: Logger
    let store: MemoryStore
    let rates: RateTable
    let counters: GatewayCounters
    let proxyCounters: ProxyCounters
    let reloads = ReloadCounters()
    let logs = OpenLogs()
    /// How many descriptors the process may have open.
    let descriptorsMax: Int

    /// How long a rate's hold may last: it outlives its request, which ends by its own deadline.
    static func holdFor(_ settings: GatewaySettings) -> Duration {
        max(.seconds(300), settings.limits.requestTimeout * 2)
    }
}
