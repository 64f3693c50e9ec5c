import Metrics
import Observe
import Proxy

/// What Prometheus is told of a gateway. Labels are from closed sets: routes and upstreams of the settings, verdicts, phases.
///
/// `GatewayMetrics+Exposure.swift` adds the numbers that others keep.
final class GatewayMetrics: Sendable {
    let registry: MetricRegistry
    /// Nil where no route is protected: a label has at least one value.
    private let rows: CounterFamily?
    private let phases: HistogramFamily?
    private let requests: CounterFamily
    private let durations: HistogramFamily
    private let upstreamLatencies: HistogramFamily
    private let bodyBytes: CounterFamily
    private let turns: HistogramFamily
    /// Of protected routes, by name.
    private let places: [String: Int]
    /// The number of requests that no route took.
    private let unrouted: Int

    private static let verdicts = DecisionRecord.Verdict.all.map(\.rawValue)
    private static let modes = ["enforce", "observe"]
    private static let phaseNames = ["parse", "queue", "score", "upstream", "decide", "total"]
    private static let statusClasses = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

    /// The metrics of a gateway with these routes, in their order, and those of them that are protected: all zero, or going on
    /// from those of the generation before. **Throws** when a name cannot be exposed.
    init(
        routes: [String], protectedRoutes: [String], loops: Int, continuing earlier: GatewayMetrics? = nil
    ) throws(MetricError) {
        // The first shard is for whoever is no loop.
        registry = MetricRegistry(shards: loops + 1, continuing: earlier?.registry)
        unrouted = routes.count
        places = Dictionary(zip(protectedRoutes, 0...)) { first, _ in first }
        (rows, phases) = try Self.protectedFamilies(protectedRoutes, registry)
        // Names of routes have no blanks, so none of them is this one.
        let route = MetricLabel("route", routes + ["no route"])
        requests = try registry.counter(
            "samegate_requests_total",
            help: "Requests by the route that took them and the class of their status.",
            labels: [route, MetricLabel("status", Self.statusClasses)])
        durations = try registry.histogram(
            "samegate_request_duration_seconds",
            help: "Time from the end of a request's head to the end of its answer.", labels: [route],
            keepsExemplars: true)
        upstreamLatencies = try registry.histogram(
            "samegate_upstream_first_byte_seconds",
            help: "Time from the end of a request's head to the first byte of the upstream's answer.",
            labels: [route], keepsExemplars: true)
        bodyBytes = try registry.counter(
            "samegate_body_bytes_total", help: "Bytes of bodies received from clients and sent to them.",
            labels: [MetricLabel("direction", ["received", "sent"])])
        turns = try registry.histogram(
            "samegate_scoring_batch_rows",
            help: "Rows that a scoring worker examined at once, of one query or several.",
            buckets: HistogramBuckets(powersOfTwoTo: 12))
    }

    /// What is counted of protected routes, when there are any.
    private static func protectedFamilies(
        _ routes: [String], _ registry: MetricRegistry
    ) throws(MetricError) -> (CounterFamily?, HistogramFamily?) {
        guard !routes.isEmpty else { return (nil, nil) }
        let route = MetricLabel("route", routes)
        let rows = try registry.counter(
            "samegate_rows_total", help: "Rows of protected requests by what was decided.",
            labels: [route, MetricLabel("verdict", verdicts), MetricLabel("mode", modes)])
        let phases = try registry.histogram(
            "samegate_phase_duration_seconds",
            help:
                "Time of a protected request in parsing its body, in the scoring queue, in the networks, at the upstream, in deciding, and in all.",
            labels: [route, MetricLabel("phase", phaseNames)], keepsExemplars: true)
        return (rows, phases)
    }

    /// Everything as text.
    func exposition(_ format: ExpositionFormat) -> String { registry.exposition(format) }

    /// Rows decided so since the start, on all routes.
    func rows(_ verdict: DecisionRecord.Verdict) -> Int {
        guard let rows else { return 0 }
        return places.keys.reduce(0) { sum, route in
            Self.modes.reduce(sum) { $0 + Int(clamping: rows[route, verdict.rawValue, $1]?.value ?? 0) }
        }
    }

    // MARK: Recording

    /// Counts a row's decision, and its request's times with the first row.
    func record(_ decision: DecisionRecord, trace: TraceMark? = nil) {
        guard let rows, let phases, let place = places[decision.route] else { return }
        if let verdict = Self.verdicts.firstIndex(of: decision.verdict.rawValue) {
            let mode = decision.isEnforced ? 0 : 1
            let index = (place * Self.verdicts.count + verdict) * Self.modes.count + mode
            rows.counter(at: index).add(UInt64(decision.queries))
        }
        guard (decision.row ?? 0) == 0 else { return }
        let latencies = decision.latencies
        // In the order of `phaseNames`.
        let spans = [
            latencies.parse, latencies.queue, latencies.score, latencies.upstream, latencies.decide,
            latencies.total,
        ]
        for case (let phase, let milliseconds?) in spans.enumerated() {
            let histogram = phases.histogram(at: place * Self.phaseNames.count + phase)
            histogram.record(nanoseconds: UInt64(max(0, milliseconds) * 1e6), trace: trace)
        }
    }

    /// Counts a turn of a scoring worker.
    func recordTurn(rows: Int) { turns.histogram(at: 0).record(size: rows) }

    /// Counts an exchange. **Runs on** its loop, whose cells it takes.
    func record(_ outcome: ExchangeOutcome) {
        let route = outcome.mark < 0 ? unrouted : min(outcome.mark, unrouted)
        let status = min(max(outcome.status / 100, 0), 5)
        let loop = outcome.loop
        requests.add(1, at: route * Self.statusClasses.count + status, loop: loop)
        let trace = TraceMark(outcome)
        durations.record(nanoseconds: outcome.duration, at: route, loop: loop, trace: trace)
        if let latency = outcome.upstreamLatency {
            upstreamLatencies.record(nanoseconds: latency, at: route, loop: loop, trace: trace)
        }
        if outcome.requestBodyBytes > 0 {
            bodyBytes.add(UInt64(outcome.requestBodyBytes), at: 0, loop: loop)
        }
        if outcome.answerBodyBytes > 0 {
            bodyBytes.add(UInt64(outcome.answerBodyBytes), at: 1, loop: loop)
        }
    }
}

extension TraceMark {
    /// The trace of an exchange; nil when it has none, or is not recorded.
    init?(_ outcome: borrowing ExchangeOutcome) {
        guard let trace = outcome.trace, trace.isSampled else { return nil }
        self.init(
            high: trace.high, low: trace.low,
            second: outcome.ended.nanoseconds / 1_000_000_000)
    }
}
