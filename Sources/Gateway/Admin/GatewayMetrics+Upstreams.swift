import Metrics
import Proxy
import Synchronization
import Transport

extension GatewayMetrics {
    /// One server of an upstream, for the series that tell of it.
    private struct Place: Sendable {
        let upstream: Upstream
        let server: Int
        let clock: any LoopClock

        var snapshot: UpstreamServerSnapshot { upstream.snapshot(ofServer: server, at: clock.now()) }
        var labels: [String] { [upstream.settings.name, upstream.serverNames[server]] }
    }

    /// Adds what is known of each server of the upstreams: as many series as the settings have servers.
    func expose(serversOf upstreams: [Upstream], clock: any LoopClock) throws(MetricError) {
        let places = upstreams.flatMap { upstream in
            upstream.serverNames.indices.map { Place(upstream: upstream, server: $0, clock: clock) }
        }
        try exposeState(of: places)
        try exposeHistory(of: places)
        try exposeFailures(of: places)
        try registry.counter(
            "samegate_upstream_retries_refused_total",
            help: "Retries on other servers that the budget did not allow.",
            labels: [MetricLabel("upstream", upstreams.map(\.settings.name))]
        ) { UInt64(clamping: upstreams[$0].retriesRefused) }
    }

    private func exposeState(of places: [Place]) throws(MetricError) {
        let rows = MetricRows(["upstream", "server"], places.map(\.labels))
        let states = MetricRows(
            ["upstream", "server", "state"],
            places.flatMap { place in ["busy", "idle"].map { place.labels + [$0] } })
        try registry.gauge(
            "samegate_upstream_server_connections",
            help: "Connections to a server now, busy ones with those being made.",
            rows: states
        ) { index in
            let snapshot = places[index / 2].snapshot
            let idle = snapshot.idleConnections
            return Double(index.isMultiple(of: 2) ? max(0, snapshot.connections - idle) : idle)
        }
        try registry.gauge(
            "samegate_upstream_server_queue", help: "Requests that wait for a connection to a server now.",
            rows: rows
        ) { Double(places[$0].snapshot.queued) }
        try registry.gauge(
            "samegate_upstream_server_up",
            help: "0 while the checks of a server's health say that it is down, else 1.",
            rows: rows
        ) { places[$0].snapshot.isUp == false ? 0 : 1 }
        try registry.gauge(
            "samegate_upstream_server_ejected", help: "1 while a server is left out for its failures.",
            rows: rows
        ) { places[$0].snapshot.isEjected ? 1 : 0 }
    }

    private func exposeHistory(of places: [Place]) throws(MetricError) {
        let rows = MetricRows(["upstream", "server"], places.map(\.labels))
        func counter(
            _ name: String, _ help: String, _ read: @escaping @Sendable (UpstreamCounters) -> Int
        ) throws(MetricError) {
            try registry.counter("samegate_upstream_server_\(name)_total", help: help, rows: rows) {
                UInt64(clamping: read(places[$0].snapshot.counters))
            }
        }
        try counter("opened", "Connections opened to a server.") { $0.opened.load(ordering: .relaxed) }
        try counter("reused", "Requests sent on a connection that had carried another.") {
            $0.reused.load(ordering: .relaxed)
        }
        try counter("retries", "Requests sent to a server after they had failed, there or elsewhere.") {
            $0.retried.load(ordering: .relaxed)
        }
        try counter("ejections", "Times that a server was left out for its failures.") {
            $0.ejections.load(ordering: .relaxed)
        }
        try counter("checks_passed", "Checks of a server's health that it passed.") {
            $0.checksPassed.load(ordering: .relaxed)
        }
        try counter("checks_failed", "Checks of a server's health that failed.") {
            $0.checksFailed.load(ordering: .relaxed)
        }
    }

    private func exposeFailures(of places: [Place]) throws(MetricError) {
        let kinds = UpstreamFailureKind.allCases
        let rows = MetricRows(
            ["upstream", "server", "kind"],
            places.flatMap { place in kinds.map { place.labels + [$0.name] } })
        try registry.counter(
            "samegate_upstream_server_failures_total",
            help: "Attempts that failed at a server, by what went wrong.",
            rows: rows
        ) { index in
            let counters = places[index / kinds.count].snapshot.counters
            return UInt64(clamping: counters.failures(kinds[index % kinds.count]))
        }
    }
}
