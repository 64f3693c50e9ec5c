import HTTPWire
import Metrics
import Proxy
import Store
import Synchronization

// The numbers that others keep, asked for at each scrape.
extension GatewayMetrics {
    /// Adds what a source has to say.
    func expose(_ source: some MetricSource) throws(MetricError) { try source.expose(in: registry) }

    /// Adds the counters and gauges of a server.
    func expose(_ counters: ProxyCounters) throws(MetricError) {
        try exposeConnections(counters)
        try counter("samegate_bad_requests_total", "Requests that broke the protocol or a limit.") {
            counters.badRequests.load(ordering: .relaxed)
        }
        try kinds(
            "samegate_framing_errors_total", "Requests that broke the protocol or a limit, by how.", "kind",
            counters.framingErrors, \.name)
        try kinds(
            "samegate_timeouts_total", "Deadlines and least rates that clients failed.", "kind",
            counters.timeouts, \.rawValue)
        try counter("samegate_slow_bodies_total", "Requests ended because their body came too slowly.") {
            counters.slowBodies.load(ordering: .relaxed)
        }
        try counter("samegate_forgotten_requests_total", "Requests that the gateway failed to answer itself.")
        {
            counters.forgotten.load(ordering: .relaxed)
        }
        try gauge("samegate_requests_under_way", "Requests under way now.") { counters.requestsUnderWay }
        try gauge("samegate_buffered_bytes", "Memory that clients' bytes take now.") {
            counters.bufferedBytes
        }
    }

    /// Adds how many connections there may be.
    func expose(_ budget: DescriptorBudget) throws(MetricError) {
        try gauge(
            "samegate_connections_limit",
            "Connections that may be open: limits.connections, or fewer where descriptors are short."
        ) { budget.connections }
    }

    private func exposeConnections(_ counters: ProxyCounters) throws(MetricError) {
        try gauge("samegate_connections", "Connections open now.") {
            counters.connections.load(ordering: .relaxed)
        }
        try counter("samegate_connections_accepted_total", "Connections accepted.") {
            counters.accepted.load(ordering: .relaxed)
        }
        try labelled(
            "samegate_connections_refused_total", "Connections refused, by whose limit was reached.", "limit",
            [
                ("gateway", { counters.refused.load(ordering: .relaxed) }),
                ("listener", { counters.refusedByListener.load(ordering: .relaxed) }),
                ("client", { counters.refusedByClient.load(ordering: .relaxed) }),
            ])
        try counter(
            "samegate_proxy_headers_refused_total",
            "Connections refused for want of a PROXY header, or of the right to send one."
        ) { counters.proxyHeadersRefused.load(ordering: .relaxed) }
        try counter(
            "samegate_connections_retired_total",
            "Connections cut because their configuration was older than limits.generations allows."
        ) { counters.retired.load(ordering: .relaxed) }
        try exposeTunnels(counters)
        try counter(
            "samegate_accept_pauses_total", "Pauses in accepting for want of descriptors or memory."
        ) { counters.acceptPauses.load(ordering: .relaxed) }
        try labelled(
            "samegate_tls_handshakes_total", "TLS handshakes with clients, by how they ended.", "result",
            [
                (
                    "full",
                    {
                        counters.handshakes.load(ordering: .relaxed)
                            - counters.handshakesResumed.load(ordering: .relaxed)
                    }
                ),
                ("resumed", { counters.handshakesResumed.load(ordering: .relaxed) }),
                ("failed", { counters.handshakesFailed.load(ordering: .relaxed) }),
            ])
    }

    private func exposeTunnels(_ counters: ProxyCounters) throws(MetricError) {
        try gauge("samegate_tunnels", "Tunnels open now.") { counters.tunnels.load(ordering: .relaxed) }
        try counter("samegate_tunnels_opened_total", "Connections that have become tunnels.") {
            counters.tunnelsOpened.load(ordering: .relaxed)
        }
        try counter(
            "samegate_tunnels_refused_total", "Tunnels refused for a handshake that was not in order."
        ) { counters.tunnelsRefused.load(ordering: .relaxed) }
    }

    /// Adds requests turned away, by the server or for want of room in the scoring queue.
    func exposeShedding(_ counters: ProxyCounters, _ routes: GatewayCounters) throws(MetricError) {
        var readers: [(name: String, read: @Sendable () -> Int)] = []
        for reason in ShedReason.allCases { readers.append((reason.rawValue, { counters.shed[reason] })) }
        readers.append(("scoring", { routes.overloadedRefused.load(ordering: .relaxed) }))
        try labelled(
            "samegate_requests_shed_total", "Requests turned away to keep others going, by what was short.",
            "reason",
            readers)
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
        try exposeRefusals(counters)
        try exposeStore(store)
        try exposeLogs(journal)
        try gauge("samegate_scoring_queue_rows", "Rows that wait for a scoring worker now.") {
            scoring.queuedRows
        }
        try gauge(
            "samegate_scoring_queue_limit_rows",
            "Rows that may wait for a scoring worker, those of clients left out that have more than others: the queue may hold more."
        ) {
            scoring.queueRowsMax
        }
        try gauge("samegate_scoring_workers", "Threads that score.") { scoring.workers }
    }

    private func exposeRefusals(_ counters: GatewayCounters) throws(MetricError) {
        try counter(
            "samegate_unauthenticated_total", "Requests with wrong credentials, or none where required."
        ) { counters.unauthenticated.load(ordering: .relaxed) }
        try counter("samegate_rate_limited_total", "Requests refused because a rate had no room.") {
            counters.rateLimited.load(ordering: .relaxed)
        }
        try counter("samegate_undecodable_total", "Queries that could not be decoded.") {
            counters.undecodable.load(ordering: .relaxed)
        }
        try counter("samegate_overloaded_total", "Queries that found the scoring queue full.") {
            counters.overloaded.load(ordering: .relaxed)
        }
        try counter(
            "samegate_scoring_deadline_missed_total", "Queries that waited for a worker past their deadline."
        ) { counters.scoringLate.load(ordering: .relaxed) }
        try counter(
            "samegate_scoring_crowded_total",
            "Queries for which there was no room or time to score them, and not their client's only ones: refused under an enforced policy."
        ) { counters.scoringCrowded.load(ordering: .relaxed) }
        try counter(
            "samegate_scoring_displaced_total",
            "Queries that left the full scoring queue for a model with fewer rows in it."
        ) { counters.scoringDisplaced.load(ordering: .relaxed) }
        try counter(
            "samegate_scoring_settled_total", "Rows that reconstruction, statistics and frame decided."
        ) {
            counters.settledEarly.load(ordering: .relaxed)
        }
        try counter(
            "samegate_scoring_cache_hits_total", "Rows whose examination was kept from an earlier query."
        ) {
            counters.cacheHits.load(ordering: .relaxed)
        }
        try counter(
            "samegate_scoring_cache_misses_total", "Rows that were looked for in vain among those kept."
        ) {
            counters.cacheMisses.load(ordering: .relaxed)
        }
        try counter("samegate_unreadable_answers_total", "Answers without readable probabilities.") {
            counters.unreadableAnswers.load(ordering: .relaxed)
        }
        try counter("samegate_proofs_refused_total", "Proofs of work that were refused.") {
            counters.proofsRefused.load(ordering: .relaxed)
        }
        try counter(
            "samegate_unchallengeable_total", "Queries refused for want of room to withhold their answer."
        ) { counters.unchallengeable.load(ordering: .relaxed) }
    }

    private func exposeStore(_ store: any StateStore) throws(MetricError) {
        try gauge("samegate_withheld_answers", "Answers that wait for their proof now.") {
            store.statistics.answers
        }
        try gauge("samegate_withheld_bytes", "Bytes of the answers that wait for their proof.") {
            store.statistics.answerBytes
        }
        try gauge("samegate_claims", "Proofs remembered as used now.") { store.statistics.claims }
        try counter("samegate_replays_total", "Proofs that had been used before.") {
            Int(clamping: store.statistics.replays)
        }
        try counter("samegate_withheld_expired_total", "Withheld answers that nobody fetched in time.") {
            Int(clamping: store.statistics.answersExpired)
        }
        try labelled(
            "samegate_store_full_total", "What the store had no room for.", "what",
            [
                ("claim", { Int(clamping: store.statistics.claimsTurnedAway) }),
                ("answer", { Int(clamping: store.statistics.answersTurnedAway) }),
            ])
    }

    private func exposeLogs(_ journal: DecisionJournal) throws(MetricError) {
        let label = MetricLabel("log", journal.counts.map(\.log))
        try registry.counter(
            "samegate_log_lines_total", help: "Lines given to the disk.", labels: [label]
        ) { UInt64(clamping: journal.counts[$0].counts.written) }
        try registry.counter(
            "samegate_log_lines_dropped_total", help: "Lines that the disk or a full buffer has cost.",
            labels: [label]
        ) { UInt64(clamping: journal.counts[$0].counts.dropped) }
        try registry.counter(
            "samegate_log_write_errors_total", help: "Attempts to open, write or rotate a log that failed.",
            labels: [label]
        ) { UInt64(clamping: journal.counts[$0].counts.writeErrors) }
        try registry.counter(
            "samegate_log_rotations_total", help: "Log files set aside.", labels: [label]
        ) { UInt64(clamping: journal.counts[$0].counts.rotations) }
    }

    /// Adds what rates remember.
    func expose(_ rates: RateTable) throws(MetricError) {
        try gauge("samegate_rate_keys", "Clients, networks and routes whose rates are remembered now.") {
            rates.rateStatistics.keys
        }
        try counter(
            "samegate_rate_keys_turned_away_total", "Clients, networks and routes that found no room."
        ) { Int(clamping: rates.rateStatistics.turnedAway) }
    }

    // MARK: Shorthand

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

    /// A counter with one label and a reader for each of its values.
    private func labelled(
        _ name: String, _ help: String, _ label: String,
        _ values: [(name: String, read: @Sendable () -> Int)]
    ) throws(MetricError) {
        try registry.counter(name, help: help, labels: [MetricLabel(label, values.map(\.name))]) {
            UInt64(clamping: values[$0].read())
        }
    }

    private func kinds<Kind: CaseIterable & Equatable & Sendable>(
        _ name: String, _ help: String, _ label: String, _ counts: KindCounts<Kind>,
        _ text: (Kind) -> String
    ) throws(MetricError) where Kind.AllCases: Sendable {
        let all = Array(Kind.allCases)
        try registry.counter(name, help: help, labels: [MetricLabel(label, all.map(text))]) {
            UInt64(clamping: counts[all[$0]])
        }
    }
}
