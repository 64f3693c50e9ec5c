import Foundation

/// A red team's result as a page, and as the one line of JSON that scripts read.
package struct LiveReport: Sendable {
    private let result: LiveResult

    /// The report of a result.
    package init(_ result: LiveResult) { self.result = result }

    /// `{"honest_refused":…,"attacks":{ATTACK:{"answered":…,"accuracy":…,"fidelity":…,"hashes_paid":…}}}`, shares of 1.
    package func summaryLine() throws -> String {
        struct Attack: Encodable {
            let answered: Double
            let accuracy: Double?
            let fidelity: Double?
            let hashes_paid: Double
        }
        struct Summary: Encodable {
            let honest_refused: Double
            let attacks: [String: Attack]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let attacks = result.attacks.map {
            (
                $0.name,
                Attack(
                    answered: $0.answeredShare, accuracy: $0.accuracy, fidelity: $0.fidelity,
                    hashes_paid: $0.hashesPaid)
            )
        }
        let summary = Summary(
            honest_refused: 1 - result.honest.answeredShare,
            attacks: Dictionary(attacks) { first, _ in first })
        return String(decoding: try encoder.encode(summary), as: UTF8.self)
    }

    /// The page.
    package var page: ReportPage {
        ReportPage(
            title: "samegate evaluate --url \(result.url)",
            sections: [
                ReportSection(
                    "What became of the queries", paragraphs: takenUp, tables: [table] + reasons,
                    figures: [answered]),
                percentiles,
                ReportSection("What to set", paragraphs: result.advice.findings, figures: [configuration]),
            ])
    }

    /// The page's text and tables, and the configuration as a block.
    package var markdown: String {
        page.markdown + "\n```yaml\n\(result.advice.yaml)```\n"
    }

    /// What the table does not say of attacks that were resumed.
    private var takenUp: [String] {
        let kept = clients.filter { $0.isKept == true }.map(\.name)
        let told =
            kept.isEmpty
            ? [] : ["Asked by an earlier run, and not again by this one: \(kept.joined(separator: ", "))."]
        return told
            + clients.compactMap { client in
                client.takenUp.map {
                    "\($0) of the queries of \(client.name) were asked before an interruption: their reasons, statuses, proofs, hashes and seconds are not in the tables."
                }
            }
    }

    private var clients: [LiveResult.Treatment] { [result.honest] + result.attacks }

    private var table: ReportTable {
        let statuses = Set(clients.flatMap(\.statuses.keys)).sorted()
        let rows = clients.map { client -> [String] in
            let perturbed = client.perturbed.map { "\($0)" } ?? "–"
            return [client.name, "\(client.asked)", percent(client.answeredShare), perturbed]
                + statuses.map { "\(client.statuses[$0] ?? 0)" }
                + [
                    "\(client.proofs)", String(format: "%.3g", client.hashesPaid),
                    String(format: "%.1f", client.proofSeconds), client.accuracy.map(percent) ?? "–",
                    client.fidelity.map(percent) ?? "–",
                ]
        }
        return ReportTable(
            "Queries and what they got; a perturbed answer differs from the reference victim's",
            columns: ["client", "queries", "answered %", "perturbed"] + statuses.map { "status \($0)" }
                + ["proofs paid", "hashes paid", "solving s", "substitute's accuracy %", "fidelity %"],
            rows: rows)
    }

    /// What was said of the queries that got no answer.
    private var reasons: [ReportTable] {
        let rows = clients.flatMap { client in
            client.reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                [client.name, $0.key, "\($0.value)"]
            }
        }
        guard !rows.isEmpty else { return [] }
        return [
            ReportTable(
                "Queries without an answer, those about clean pictures too, by what was said of them",
                columns: ["client", "reason", "queries"], rows: rows)
        ]
    }

    private var answered: ReportFigure {
        let plot = BarPlot(
            title: "Queries answered",
            axis: PlotAxis(title: "queries answered in %", low: 0, high: 1, format: PlotAxis.percent),
            number: BarPlot.percent, series: ["answered"],
            groups: clients.map { BarPlot.Group(name: $0.name, values: [$0.answeredShare]) })
        return ReportFigure(caption: "Queries answered", drawing: plot.svg, table: nil)
    }

    /// A sentence where the decision log lacks some of the queries; nil where it has all, or there was none.
    package var missingDecisions: String? {
        let decided = clients.compactMap { client in client.decided.map { (client, $0) } }
        let (found, asked) = decided.reduce((0, 0)) { ($0.0 + $1.1, $0.1 + $1.0.asked) }
        guard found < asked else { return nil }
        let each = decided.map { "\($0.name) \($1) of \($0.asked)" }.joined(separator: ", ")
        return
            "\(found) of \(asked) queries' decisions found in the log (\(each)): percentiles and bands go by these alone. A query that was refused before it was scored has no decision."
    }

    /// Where honest and attackers' queries lie, when the log told.
    private var percentiles: ReportSection {
        let missing = missingDecisions.map { [$0] } ?? []
        guard !result.honest.percentiles.isEmpty else {
            return ReportSection("Percentiles in the decision log", paragraphs: missing)
        }
        let marks = [50.0, 90, 95, 97, 99, 99.5, 99.9]
        let share = { (client: LiveResult.Treatment, mark: Double) in
            Double(client.percentiles.count { $0 > mark }) / Double(max(1, client.percentiles.count))
        }
        let known = clients.filter { !$0.percentiles.isEmpty }
        let plot = LinePlot(
            title: "Queries above a percentile",
            x: PlotAxis(
                title: "stated share of honest queries above in % (logarithmic)", scale: .logarithmic,
                low: 0.0008,
                high: 0.6, marks: [0.001, 0.01, 0.1, 0.5], format: PlotAxis.percent),
            y: PlotAxis(title: "share above in %", low: 0, high: 1, format: PlotAxis.percent),
            series: known.map { client in
                LinePlot.Series(
                    name: client.name, points: marks.reversed().map { (1 - $0 / 100, share(client, $0)) })
            })
        let rows = known.map { client in [client.name] + marks.map { percent(share(client, $0)) } }
        return ReportSection(
            "Percentiles in the decision log", paragraphs: missing,
            figures: [
                ReportFigure(
                    caption: "Share of each client's queries above a percentile", drawing: plot.svg,
                    table: ReportTable(
                        "Share of each client's queries above a percentile, in %",
                        columns: ["client"] + marks.map { "p\(PlotAxis.plain($0))" }, rows: rows))
            ])
    }

    private var configuration: ReportFigure {
        ReportFigure(
            caption: "A part of the configuration; the route names the rate with rates: [per-client]",
            drawing: "<pre>\(Markup.escape(result.advice.yaml))</pre>", table: nil)
    }

    private func percent(_ share: Double) -> String { String(format: "%.2f", 100 * share) }
}
