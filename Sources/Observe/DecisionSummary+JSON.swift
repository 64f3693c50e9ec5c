extension DecisionSummary {
    /// The summary as one JSON object on one line.
    package func json(findings: LogReader.Findings, clients clientsMax: Int = 10) -> String {
        var line = JSONLine()
        line.field("decisions", decisions)
        line.field("filtered", filtered)
        line.field("lines", findings.lines)
        line.field("malformed", findings.malformed)
        line.field("dropped", findings.dropped)
        line.field("damaged_files", findings.damagedFiles)
        line.field("unreadable_files", findings.unreadableFiles)
        line.field("first", span?.lowerBound.rfc3339)
        line.field("last", span?.upperBound.rfc3339)
        line.counts("verdicts", verdicts)
        let requests = requests
        line.object("requests") { line in
            line.field("count", requests.total)
            line.counts("verdicts", requests.verdicts)
        }
        line.reasons("scored", scored)
        line.reasons("not_scored", unscored)
        line.list("routes", routes.sorted { $0.key < $1.key }) { line, route in
            line.field("route", route.key)
            line.field("decisions", route.value.decisions)
            line.field("enforced", route.value.enforced)
            line.counts("verdicts", route.value.verdicts)
            line.counts("request_verdicts", requests.routes[route.key] ?? [:])
            line.quantiles("score", route.value.scores)
            line.quantiles("scoring_ms", route.value.scorings)
            line.quantiles("upstream_ms", route.value.upstreams)
            line.quantiles("total_ms", route.value.totals)
        }
        line.list("clients", clients.top(clientsMax)) { line, client in
            line.field("client", client.name)
            line.field("decisions", client.count)
        }
        line.field("clients_short_by_at_most", clients.error)
        if let replay {
            line.object("replay") { line in
                line.tally(replay.rows)
                line.field("unknown", replay.unknown)
                line.object("requests") { $0.tally(requests.replay) }
            }
        }
        line.end()
        return String(decoding: line.bytes, as: UTF8.self)
    }
}

extension JSONLine {
    fileprivate mutating func counts(_ key: StaticString, _ counts: [DecisionRecord.Verdict: Int]) {
        list(key, counts.sorted { $0.key.rawValue < $1.key.rawValue }) { line, count in
            line.field("verdict", count.key.rawValue)
            line.field("count", count.value)
        }
    }

    /// Where bands decide, the verdicts as they were and would be; what they have no say in.
    fileprivate mutating func tally(_ tally: Replay.Tally) {
        counts("was", tally.was)
        counts("verdicts", tally.wouldBe)
        let fixed = tally.fixed.sorted {
            ($0.key.isScored ? 1 : 0, $0.key.verdict.rawValue) < (
                $1.key.isScored ? 1 : 0, $1.key.verdict.rawValue
            )
        }
        list("whatever_the_bands", fixed) { line, count in
            line.field("scored", count.key.isScored)
            line.field("verdict", count.key.verdict.rawValue)
            line.field("count", count.value)
        }
        field("changed", tally.changed)
    }

    fileprivate mutating func reasons(_ key: StaticString, _ tally: ReasonTally) {
        let (kinds, others) = tally.top(100)
        object(key) { line in
            line.field("decisions", tally.decisions)
            line.list("reasons", kinds) { line, kind in
                line.field("reason", kind.reason)
                line.field("verdict", kind.verdict)
                line.field("decisions", kind.decisions)
            }
            line.field("other_reasons", others)
        }
    }

    fileprivate mutating func quantiles(_ key: StaticString, _ sketch: QuantileSketch) {
        object(key) { line in
            line.field("p50", sketch.quantile(0.5))
            line.field("p95", sketch.quantile(0.95))
            line.field("p99", sketch.quantile(0.99))
        }
    }
}
