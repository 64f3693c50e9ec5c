import Foundation

extension DecisionSummary {
    /// The summary as tables for a terminal.
    package func text(findings: LogReader.Findings, clients clientsMax: Int = 10) -> String {
        var parts = [head(findings), verdictTable]
        if decisions > 0 { parts += [latencyTable, clientTable(clientsMax)] }
        if let replay { parts.append(text(replay)) }
        return parts.joined(separator: "\n\n") + "\n"
    }

    private func head(_ findings: LogReader.Findings) -> String {
        var lines = [
            "\(decisions) decisions" + (filtered > 0 ? ", \(filtered) left aside by the filter" : "")
        ]
        if let span {
            let seconds = Double((span.upperBound - span.lowerBound).wholeMilliseconds) / 1_000
            lines.append(
                "from \(span.lowerBound.rfc3339) to \(span.upperBound.rfc3339) (\(short(seconds)) s)")
        }
        if findings.malformed > 0 {
            lines.append("\(findings.malformed) of \(findings.lines) lines are no decisions and were skipped")
        }
        if findings.dropped > 0 {
            lines.append("\(findings.dropped) decisions were made that the log had no room for")
        }
        lines += findings.damagedFiles.map { "damaged, read as far as it goes: \($0)" }
        lines += findings.unreadableFiles.map { "not read: \($0)" }
        return lines.joined(separator: "\n")
    }

    private var verdictTable: String {
        let names = verdicts.keys.map(\.rawValue).sorted()
        var rows = [["route", "decisions", "enforced"] + names]
        for (name, route) in routes.sorted(by: { $0.key < $1.key }) {
            let counts = names.map { "\(route.verdicts[DecisionRecord.Verdict(rawValue: $0)] ?? 0)" }
            rows.append([name, "\(route.decisions)", "\(route.enforced)"] + counts)
        }
        let shares = names.map { name in
            let count = Double(verdicts[DecisionRecord.Verdict(rawValue: name)] ?? 0)
            return short(100 * count / Double(max(1, decisions))) + " %"
        }
        if decisions > 0 { rows.append(["share", "", ""] + shares) }
        return table(rows)
    }

    private var latencyTable: String {
        var rows = [["route", "", "p50", "p95", "p99"]]
        for (name, route) in routes.sorted(by: { $0.key < $1.key }) {
            let sketches = [
                ("score", route.scores), ("scoring ms", route.scorings), ("upstream ms", route.upstreams),
                ("total ms", route.totals),
            ]
            for (what, sketch) in sketches where sketch.count > 0 {
                rows.append([name, what] + [0.5, 0.95, 0.99].map { sketch.quantile($0).map(short) ?? "" })
            }
        }
        return table(rows)
    }

    private func clientTable(_ number: Int) -> String {
        let rows = clients.top(number).map { [$0.name, (clients.error > 0 ? "≥ " : "") + "\($0.count)"] }
        return table([["client", "decisions"]] + rows)
    }

    private func text(_ replay: Replay) -> String {
        let bands = replay.bands.map { "above p\(short($0.above)): \($0.verdict.rawValue)" }
        var rows = [["verdict", "was", "would be"]]
        let names = Set(verdicts.keys).union(replay.verdicts.keys).map(\.rawValue).sorted()
        for name in names {
            let verdict = DecisionRecord.Verdict(rawValue: name)
            rows.append([name, "\(verdicts[verdict] ?? 0)", "\(replay.verdicts[verdict] ?? 0)"])
        }
        let note =
            "\(replay.changed) would change"
            + (replay.unknown > 0 ? ", \(replay.unknown) have no percentile" : "")
        return "with " + bands.joined(separator: ", ") + "\n" + table(rows) + "\n" + note
    }
}

/// Rows in columns as wide as their widest cell; all but the first column of numbers to the right.
private func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
        rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    let lines = rows.map { row in
        let cells = row.enumerated().map { column, cell in
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            return column == 0 ? cell + padding : padding + cell
        }
        return cells.joined(separator: "  ").replacing(#/ +$/#, with: "")
    }
    return lines.joined(separator: "\n")
}

/// A number in four significant digits.
private func short(_ value: Double) -> String {
    String(format: "%.4g", value)
}

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
        line.list("routes", routes.sorted { $0.key < $1.key }) { line, route in
            line.field("route", route.key)
            line.field("decisions", route.value.decisions)
            line.field("enforced", route.value.enforced)
            line.counts("verdicts", route.value.verdicts)
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
                line.counts("verdicts", replay.verdicts)
                line.field("changed", replay.changed)
                line.field("unknown", replay.unknown)
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

    fileprivate mutating func quantiles(_ key: StaticString, _ sketch: QuantileSketch) {
        object(key) { line in
            line.field("p50", sketch.quantile(0.5))
            line.field("p95", sketch.quantile(0.95))
            line.field("p99", sketch.quantile(0.99))
        }
    }
}
