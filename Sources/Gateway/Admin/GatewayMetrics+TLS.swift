import Metrics
import Secure

extension GatewayMetrics {
    /// Longer names of certificates are cut: DNS has none (RFC 1035 §2.3.4). **Units** characters.
    private static let nameCharactersMax = 255

    /// Adds what handshakes have come to, for each listener and each upstream that has TLS; nothing where none has.
    func expose(_ security: GatewaySecurity) throws(MetricError) {
        try expose(security.listenerTallies, "listener", of: "with clients")
        try expose(security.upstreamTallies, "upstream", of: "with upstreams")
        let ends = security.listenerEnds
        guard !ends.isEmpty else { return }
        try registry.gauge(
            "samegate_tls_certificate_not_after_seconds",
            help: "When a listener's certificate ends, in seconds since 1970.",
            rows: MetricRows(
                ["listener", "name"],
                ends.map { [$0.listener, String($0.end.name.prefix(Self.nameCharactersMax))] })
        ) { Double(ends[$0].end.notAfter) }
    }

    private func expose(
        _ tallies: [(name: String, counters: TLSCounters)], _ side: String, of whom: String
    ) throws(MetricError) {
        guard !tallies.isEmpty else { return }
        let names = tallies.map(\.name)
        let counters = tallies.map(\.counters)
        let kinds = TLSVersion.allCases.flatMap { version in [false, true].map { (version, $0) } }
        try registry.counter(
            "samegate_tls_\(side)_handshakes_total",
            help:
                "TLS handshakes \(whom) that were completed, by version and whether they took up a session.",
            rows: MetricRows(
                [side, "version", "session"],
                names.flatMap { name in
                    kinds.map { [name, $0.0.rawValue, $0.1 ? "resumed" : "new"] }
                })
        ) { index in
            let (version, isResumed) = kinds[index % kinds.count]
            return UInt64(
                clamping: counters[index / kinds.count].handshakes(version, resumed: isResumed))
        }
        let reasons = TLSFailureReason.allCases
        try registry.counter(
            "samegate_tls_\(side)_failures_total",
            help: "TLS handshakes \(whom) that came to nothing, by reason.",
            rows: MetricRows(
                [side, "reason"], names.flatMap { name in reasons.map { [name, $0.rawValue] } })
        ) { index in
            UInt64(clamping: counters[index / reasons.count].failures(reasons[index % reasons.count]))
        }
        try registry.gauge(
            "samegate_tls_\(side)_connections", help: "Secured connections \(whom) open now.",
            rows: MetricRows([side], names.map { [$0] })
        ) { Double(counters[$0].connections) }
    }
}
