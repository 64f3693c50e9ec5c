import Metrics
import Observe
import Proxy
import Store
import Synchronization

/// What Prometheus is told of a gateway. Labels are from closed sets: routes and upstreams of the settings, verdicts, phases.
final class GatewayMetrics: Sendable {
    let registry: MetricRegistry
    /// Nil where no route is protected: a label has at least one value.
    private let rows: CounterFamily?
    private let phases: HistogramFamily?
    private let requests: HistogramFamily

    private static let verdicts = [
        "pass", "perturb", "proof-of-work", "reject", "released", "unscored", "unanswered",
    ]
    private static let statusClasses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

    /// The metrics of a gateway with these protected routes: all zero, or going on from those of the generation before.
    /// **Throws** when a name cannot be exposed.
    init(
        protectedRoutes: [String], loops: Int, continuing earlier: GatewayMetrics? = nil
    ) throws(MetricError) {
        registry = MetricRegistry(shards: loops, continuing: earlier?.registry)
        (rows, phases) = try Self.protectedFamilies(protectedRoutes, registry)
        requests = try registry.histogram(
            "samegate_request_duration_seconds",
            help: "Time from the end of a request's head to the end of its answer, by class of status.",
            labels: [MetricLabel("status", Self.statusClasses)])
    }

    /// What is counted of protected routes, when there are any.
    private static func protectedFamilies(
        _ routes: [String], _ registry: MetricRegistry
    ) throws(MetricError) -> (CounterFamily?, HistogramFamily?) {
        guard !routes.isEmpty else { return (nil, nil) }
        let route = MetricLabel("route", routes)
        let rows = try registry.counter(
            "samegate_rows_total", help: "Rows of protected requests by what was decided.",
            labels: [
                route, MetricLabel("verdict", verdicts), MetricLabel("mode", ["enforce", "observe"]),
            ])
        let phases = try registry.histogram(
            "samegate_phase_duration_seconds",
            help:
                "Time of a protected request in the scoring queue, in the networks, at the upstream, and in all.",
            labels: [route, MetricLabel("phase", ["queue", "score", "upstream", "total"])])
        return (rows, phases)
    }

    /// Everything as text.
    func exposition(_ format: ExpositionFormat) -> String { registry.exposition(format) }

    /// Counts a row's decision, and its request's times with the first row.
    func record(_ decision: DecisionRecord) {
        let mode = decision.isEnforced ? "enforce" : "observe"
        rows?[decision.route, decision.verdict.rawValue, mode]?.add()
        guard decision.row == 0 else { return }
        let latencies = decision.latencies
        let spans = [
            ("queue", latencies.queue), ("score", latencies.score), ("upstream", latencies.upstream),
            ("total", latencies.total),
        ]
        for case (let phase, let milliseconds?) in spans {
            phases?[decision.route, phase]?.record(nanoseconds: UInt64(max(0, milliseconds) * 1e6))
        }
    }

    /// Counts an exchange.
    func record(_ outcome: ExchangeOutcome) {
        requests.histogram(at: min(max(outcome.status / 100, 0), 5)).record(outcome.duration)
    }

    // MARK: Numbers that others keep

    /// Adds the counters and gauges of a server.
    func expose(_ counters: ProxyCounters) throws(MetricError) {
        try counter("samegate_connections_accepted_total", "Connections accepted.") {
            counters.accepted.load(ordering: .relaxed)
        }
        try counter("samegate_connections_refused_total", "Connections refused at the limit.") {
            counters.refused.load(ordering: .relaxed)
        }
        try counter("samegate_bad_requests_total", "Requests that broke the protocol or a limit.") {
            counters.badRequests.load(ordering: .relaxed)
        }
        try gauge("samegate_connections", "Connections open now.") {
            counters.connections.load(ordering: .relaxed)
        }
    }

    /// Adds the counters and gauges of the upstreams.
    func expose(_ upstreams: [Upstream]) throws(MetricError) {
        let label = MetricLabel("upstream", upstreams.map(\.settings.name))
        try registry.gauge(
            "samegate_upstream_connections", help: "Connections to an upstream now.", labels: [label]
        ) { Double(upstreams[$0].connectionCount) }
        try registry.gauge(
            "samegate_upstream_queue", help: "Requests that wait for a connection now.", labels: [label]
        ) { Double(upstreams[$0].queueCount) }
        try registry.counter(
            "samegate_upstream_failures_total", help: "Requests that got no whole answer.", labels: [label]
        ) { UInt64(clamping: upstreams[$0].failedCount) }
        try registry.counter(
            "samegate_upstream_retries_total", help: "Requests sent again on a fresh connection.",
            labels: [label]
        ) { UInt64(clamping: upstreams[$0].retriedCount) }
    }

    /// Adds what protected routes keep.
    func expose(
        _ counters: GatewayCounters, _ scoring: ScoringPool, _ store: any StateStore,
        _ journal: DecisionJournal
    ) throws(MetricError) {
        try counter(
            "samegate_unauthenticated_total", "Requests with wrong credentials, or none where required."
        ) {
            counters.unauthenticated.load(ordering: .relaxed)
        }
        try counter("samegate_rate_limited_total", "Requests refused because a rate had no room.") {
            counters.rateLimited.load(ordering: .relaxed)
        }
        try counter("samegate_undecodable_total", "Queries that could not be decoded.") {
            counters.undecodable.load(ordering: .relaxed)
        }
        try counter("samegate_overloaded_total", "Queries that found the scoring queue full.") {
            counters.overloaded.load(ordering: .relaxed)
        }
        try counter("samegate_unreadable_answers_total", "Answers without readable probabilities.") {
            counters.unreadableAnswers.load(ordering: .relaxed)
        }
        try counter("samegate_proofs_refused_total", "Proofs of work that were refused.") {
            counters.proofsRefused.load(ordering: .relaxed)
        }
        try counter(
            "samegate_unchallengeable_total", "Queries refused for want of room to withhold their answer."
        ) {
            counters.unchallengeable.load(ordering: .relaxed)
        }
        try counter("samegate_log_lines_dropped_total", "Log lines that the disk or a full buffer has cost.")
        {
            journal.losses
        }
        try gauge("samegate_scoring_queue_rows", "Rows that wait for a scoring worker now.") {
            scoring.queuedRows
        }
        try gauge("samegate_withheld_answers", "Answers that wait for their proof now.") {
            store.statistics.answers
        }
        try gauge("samegate_withheld_bytes", "Bytes of the answers that wait for their proof.") {
            store.statistics.answerBytes
        }
    }

    /// Adds how reloads went.
    func expose(_ reloads: ReloadCounters) throws(MetricError) { try reloads.expose(in: registry) }

    /// Adds what rates remember.
    func expose(_ rates: RateTable) throws(MetricError) {
        try gauge("samegate_rate_keys", "Clients, networks and routes whose rates are remembered now.") {
            rates.rateStatistics.keys
        }
    }

    func counter(
        _ name: String, _ help: String, _ read: @escaping @Sendable () -> Int
    ) throws(MetricError) {
        try registry.counter(name, help: help) { _ in UInt64(clamping: read()) }
    }

    func gauge(
        _ name: String, _ help: String, _ read: @escaping @Sendable () -> Int
    ) throws(MetricError) {
        try registry.gauge(name, help: help) { _ in Double(read()) }
    }
}
