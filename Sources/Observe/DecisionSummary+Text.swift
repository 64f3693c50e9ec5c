import Foundation

extension DecisionSummary {
    /// The summary as tables for a terminal.
    package func text(findings: LogReader.Findings, clients clientsMax: Int = 10) -> String {
        var parts = [head(findings), verdictTable]
        if decisions > 0 { parts += [requestTable, reasonTables, latencyTable, clientTable(clientsMax)] }
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
        if decisions > 0 { rows.append(["share", "", ""] + shares(of: verdicts, names)) }
        return table(rows)
    }

    private func shares(of verdicts: [DecisionRecord.Verdict: Int], _ names: [String]) -> [String] {
        let total = Double(max(1, verdicts.values.reduce(0, +)))
        return names.map { short(100 * Double(verdicts[.init(rawValue: $0)] ?? 0) / total) + " %" }
    }

    private var requestTable: String {
        let counts = requests
        let verdicts = counts.verdicts
        let names = verdicts.keys.map(\.rawValue).sorted()
        var rows = [["route", "requests"] + names]
        for (name, route) in counts.routes.sorted(by: { $0.key < $1.key }) {
            let cells = names.map { "\(route[.init(rawValue: $0)] ?? 0)" }
            rows.append([name, "\(route.values.reduce(0, +))"] + cells)
        }
        rows.append(["share", ""] + shares(of: verdicts, names))
        return "whole requests, each by the worst of its rows\n" + table(rows)
    }

    private var reasonTables: String {
        [("scored", scored), ("not scored", unscored)].compactMap { name, tally in
            guard tally.decisions > 0 else { return nil }
            let (kinds, others) = tally.top(Self.reasonsShown)
            var rows = [[name, "verdict", "decisions"]]
            rows += kinds.map { [$0.reason ?? "(by its score)", $0.verdict, "\($0.decisions)"] }
            if others > 0 { rows.append(["(other reasons)", "", "\(others)"]) }
            return table(rows)
        }.joined(separator: "\n\n")
    }

    private static let reasonsShown = 20

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
        let (byRow, byRequest) = (replay.rows, requests.replay)
        var rows = [["verdict", "rows", "would be", "requests", "would be"]]
        let names = Set([byRow.was, byRow.wouldBe, byRequest.was, byRequest.wouldBe].flatMap(\.keys))
        for verdict in names.sorted(by: { $0.rawValue < $1.rawValue }) {
            let counts = [byRow.was, byRow.wouldBe, byRequest.was, byRequest.wouldBe]
            rows.append([verdict.rawValue] + counts.map { "\($0[verdict] ?? 0)" })
        }
        let kinds = Set(byRow.fixed.keys).union(byRequest.fixed.keys).map { (kind: $0, words: words($0)) }
        for (kind, words) in kinds.sorted(by: { $0.words < $1.words }) {
            let counts = [byRow.fixed[kind] ?? 0, byRequest.fixed[kind] ?? 0]
            rows.append([words] + counts.flatMap { ["\($0)", "\($0)"] })
        }
        let totals = [byRow.total, byRequest.total].flatMap { ["\($0)", "\($0)"] }
        rows.append(["total"] + totals)
        return "with " + bands.joined(separator: ", ") + "\n" + table(rows)
            + "\nwould change: \(byRow.changed) of \(byRow.total) rows, \(byRequest.changed) of \(byRequest.total) requests"
    }

    private func words(_ fixed: Replay.Tally.Fixed) -> String {
        switch (fixed.isScored, fixed.verdict) {
        case (false, .reject): "not scored, and refused whatever the bands"
        case (false, .unscored): "not scored, and passed whatever the bands"
        case (false, .released): "not scored, and released for a proof"
        case (false, .unanswered): "not scored, and never answered"
        case (false, let verdict): "not scored: \(verdict.rawValue)"
        case (true, .reject): "scored, and refused for an unreadable answer"
        case (true, let verdict): "scored, and no answer to decide about: \(verdict.rawValue)"
        }
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
