/// The metrics of the data plane with their names, labels and units in one place. Every label's values are closed: routes
/// and upstreams are the configuration's, the rest is listed here.
///
/// The loops and phases hold on to the handles of their route (`RouteMetrics`); the hot path is an array look-up and an atomic
/// addition.
package struct GatewayMetrics: Sendable {
    /// Statuses by their first digit, and exchanges that ended without an answer.
    package static let statusClasses = ["1xx", "2xx", "3xx", "4xx", "5xx", "none"]
    /// What became of a row, in the order of `Severity` with what was not scored last.
    package static let verdicts = ["pass", "perturb", "proof-of-work", "reject", "unscored"]
    /// Parts of an exchange's time.
    package static let phases = ["parse", "queue", "score", "upstream", "total"]
    /// Why the gateway itself refused a request.
    package static let refusals = [
        "malformed", "too-large", "timeout", "unauthenticated", "forbidden", "limited", "limit-unknown",
        "undecodable",
        "overloaded", "proof", "upstream",
    ]

    /// `samegate_connections_open`.
    package let connectionsOpen: Gauge
    /// `samegate_traces_begun_total`: requests without a usable `traceparent`.
    package let tracesBegun: Counter
    private let routes: [String]
    private let requests: CounterFamily
    private let rows: CounterFamily
    private let refused: CounterFamily
    private let durations: HistogramFamily
    private let upstreamFailures: CounterFamily

    /// Registers them all; once a registry.
    ///
    /// Throws: `MetricError` when there are more routes than the registry's bound has room for.
    package init(registry: MetricRegistry, routes: [String], upstreams: [String]) throws(MetricError) {
        let route = MetricLabel("route", routes)
        self.routes = routes
        connectionsOpen = try registry.gauge(
            "samegate_connections_open", help: "Client connections now open."
        ).gauge(at: 0)
        tracesBegun = try registry.counter(
            "samegate_traces_begun_total", help: "Requests that came without a usable traceparent."
        ).counter(at: 0)
        requests = try registry.counter(
            "samegate_requests_total", help: "Requests by route and class of the status answered.",
            labels: [route, MetricLabel("status_class", Self.statusClasses)])
        rows = try registry.counter(
            "samegate_rows_total", help: "Rows of queries by route and verdict.",
            labels: [route, MetricLabel("verdict", Self.verdicts)])
        refused = try registry.counter(
            "samegate_refusals_total", help: "Requests that the gateway itself refused, by route and reason.",
            labels: [route, MetricLabel("reason", Self.refusals)])
        durations = try registry.histogram(
            "samegate_request_duration_seconds", help: "Time of exchanges by route and phase.",
            labels: [route, MetricLabel("phase", Self.phases)])
        upstreamFailures = try registry.counter(
            "samegate_upstream_failures_total", help: "Exchanges that an upstream failed.",
            labels: [MetricLabel("upstream", upstreams.isEmpty ? ["none"] : upstreams)])
    }

    /// The handles of one route; nil for a name that was not registered.
    package func route(_ name: String) -> RouteMetrics? {
        guard let index = routes.firstIndex(of: name) else { return nil }
        func counters(_ family: CounterFamily, _ count: Int) -> [Counter] {
            (0..<count).map { family.counter(at: index * count + $0) }
        }
        return RouteMetrics(
            requests: counters(requests, Self.statusClasses.count), rows: counters(rows, Self.verdicts.count),
            refused: counters(refused, Self.refusals.count),
            durations: Self.phases.indices.map { durations.histogram(at: index * Self.phases.count + $0) })
    }

    /// The failures of one upstream; nil for a name that was not registered.
    package func failures(upstream: String) -> Counter? { upstreamFailures[upstream] }
}

/// The handles of one route, for the hot path.
package struct RouteMetrics: Sendable {
    /// Parts of an exchange's time, in the order of `GatewayMetrics.phases`.
    package enum Phase: Int, Sendable {
        /// From a request's first byte to its last, or as much of it as is read whole.
        case parse
        /// Waiting for a scoring worker.
        case queue
        /// Scoring.
        case score
        /// From sending to the upstream to its last byte.
        case upstream
        /// From a request's first byte to the answer's last.
        case total
    }

    /// What became of a row, in the order of `GatewayMetrics.verdicts`.
    package enum RowVerdict: Int, Sendable {
        /// Passed untouched.
        case pass
        /// Answered with noise.
        case perturb
        /// Withheld until work is proved.
        case proofOfWork
        /// Refused.
        case reject
        /// Not scored.
        case unscored
    }

    /// Why the gateway itself refused a request, in the order of `GatewayMetrics.refusals`.
    package enum Refusal: Int, Sendable {
        /// Not HTTP as it should be.
        case malformed
        /// Head or body beyond its bound.
        case tooLarge
        /// Too slow.
        case timeout
        /// No credentials where some are needed, or wrong ones.
        case unauthenticated
        /// A known client at the wrong door.
        case forbidden
        /// A rate limit.
        case limited
        /// A rate limit whose quota is unknown.
        case limitUnknown
        /// A body that is not the protocol's.
        case undecodable
        /// No room to score.
        case overloaded
        /// A proof that does not hold.
        case proof
        /// The upstream failed.
        case upstream
    }

    let requests: [Counter]
    let rows: [Counter]
    let refused: [Counter]
    let durations: [Histogram]

    /// Counts one exchange; nil where it ended without an answer.
    package func answered(status: Int?, shard: Int) {
        let index = status.map { (100...599).contains($0) ? $0 / 100 - 1 : 5 } ?? 5
        requests[index].add(shard: shard)
    }

    /// Counts rows of one verdict.
    package func count(_ verdict: RowVerdict, rows count: Int = 1, shard: Int) {
        rows[verdict.rawValue].add(UInt64(max(0, count)), shard: shard)
    }

    /// Counts one refusal.
    package func count(_ refusal: Refusal, shard: Int) { refused[refusal.rawValue].add(shard: shard) }

    /// Records the time of one phase.
    package func record(_ phase: Phase, _ duration: Duration, shard: Int) {
        durations[phase.rawValue].record(duration, shard: shard)
    }
}
