import Foundation

/// An evaluation told as Markdown, and as the one line of JSON that scripts read.
package struct EvaluationReport: Sendable {
    private let result: EvaluationResult

    /// The report of a result.
    package init(_ result: EvaluationResult) { self.result = result }

    // MARK: JSON

    /// The figures of our score, `{"auroc":{ATTACK:…},"fpr95":{…},"fpr_at_nominal_1pct":…}` for a single budget; with several,
    /// or for `everyScore`, nested as `{"budgets":{BUDGET:{SCORE:{…}}},…}`. Means over the seeds, shares of 1.
    package func summaryLine(everyScore: Bool) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let rate = rounded(result.falsePositivesAtOnePercent)
        let data: Data
        if !everyScore, budgets.count == 1, let budget = budgets.first {
            let figures = figures(budget, .ours)
            data = try encoder.encode(
                Flat(auroc: figures.auroc, fpr95: figures.fpr95, fpr_at_nominal_1pct: rate))
        } else {
            let nested = budgets.map { budget in
                let scores = kinds.map { ($0.rawValue, figures(budget, $0)) }
                return ("\(budget)", Dictionary(uniqueKeysWithValues: scores))
            }
            data = try encoder.encode(
                Nested(budgets: Dictionary(uniqueKeysWithValues: nested), fpr_at_nominal_1pct: rate))
        }
        return String(decoding: data, as: UTF8.self)
    }

    private struct Figures: Encodable {
        var auroc: [String: Double] = [:]
        var fpr95: [String: Double] = [:]
    }

    private struct Flat: Encodable {
        let auroc: [String: Double]
        let fpr95: [String: Double]
        let fpr_at_nominal_1pct: Double
    }

    private struct Nested: Encodable {
        let budgets: [String: [String: Figures]]
        let fpr_at_nominal_1pct: Double
    }

    private func figures(_ budget: Int, _ score: ScoreKind) -> Figures {
        var figures = Figures()
        for attack in attacks(budget) {
            figures.auroc[attack] = spread(budget, attack, score, \.auroc).map { rounded($0.mean) }
            figures.fpr95[attack] = spread(budget, attack, score, \.fpr95).map { rounded($0.mean) }
        }
        return figures
    }

    private func rounded(_ value: Double) -> Double { (value * 1e5).rounded() / 1e5 }

    // MARK: Markdown

    /// The whole report.
    package var markdown: String {
        var lines = ["# samegate evaluate --suite \(result.suite)", ""]
        lines += head + [""]
        for budget in budgets {
            lines +=
                ["## \(budget) queries", "", "AUROC / FPR95 in %.", ""] + table(budget, \.auroc, \.fpr95) + [
                    ""
                ]
            lines += ["FPR90 / AUPR in %.", ""] + table(budget, \.fpr90, \.aupr) + [""]
            lines += ["### What the attacks got", ""] + runTable(budget) + [""]
            if !windows(budget).isEmpty {
                lines +=
                    ["### Account windows: AUROC / FPR95 in % of the mean surprise", ""] + windowTable(budget)
                    + [""]
            }
        }
        return lines.joined(separator: "\n")
    }

    private var head: [String] {
        let seeds = Set(result.runs.map(\.key.seed)).count
        return [
            "- Victim \(result.victim), \(percent(result.victimAccuracy)) % of test pictures right; bundle \(result.bundle).",
            "- \(seeds) seed\(seeds == 1 ? "" : "s"); as many benign test pictures as attack queries, drawn at random.",
            "- Score of a nominal false-positive rate of 1 %: \(percent(result.falsePositivesAtOnePercent)) % of"
                + " \(result.benignCount) test pictures are above it.",
            "- `same` is Eq. (6) with α = \(result.alpha); `energy` is of the victim's logits; `+seeds` counts JBDA's clean"
                + " seeds as attack queries, which no score can tell from honest ones.",
            "- PRADA over honest test pictures of one account: "
                + alarm(result.pradaHonestAlarm, result.pradaHonestLowest) + ".",
        ]
    }

    private func table(
        _ budget: Int, _ first: KeyPath<EvaluationResult.Cell, Double>,
        _ second: KeyPath<EvaluationResult.Cell, Double>
    ) -> [String] {
        let scores = kinds
        var lines = [
            "| attack | " + scores.map(\.rawValue).joined(separator: " | ") + " |",
            "|---|" + scores.map { _ in "---|" }.joined(),
        ]
        for attack in attacks(budget) {
            let cells = scores.map { score in
                text(spread(budget, attack, score, first)) + " / "
                    + text(spread(budget, attack, score, second))
            }
            lines.append("| \(attack) | " + cells.joined(separator: " | ") + " |")
        }
        return lines
    }

    private func runTable(_ budget: Int) -> [String] {
        var lines = [
            "| attack | queries | substitute's accuracy % | fidelity % | PRADA, all from one account |",
            "|---|---|---|---|---|",
        ]
        var seen: Set<String> = []
        for name in result.runs.filter({ $0.key.budget == budget }).map(\.key.attack)
        where seen.insert(name).inserted {
            let runs = result.runs.filter { $0.key.budget == budget && $0.key.attack == name }
            let alarms = runs.map { alarm($0.pradaAlarm, $0.pradaLowest) }.joined(separator: ", ")
            let asked = runs.map { "\($0.asked)" }
            let counts = Set(asked).count == 1 ? asked[0] : asked.joined(separator: ", ")
            lines.append(
                "| \(name) | \(counts) | \(text(Spread(runs.compactMap(\.accuracy)))) |"
                    + " \(text(Spread(runs.compactMap(\.fidelity)))) | \(alarms) |")
        }
        return lines
    }

    private func windowTable(_ budget: Int) -> [String] {
        let all = windows(budget)
        let sizes = Set(all.map(\.size)).sorted()
        var lines = [
            "| attack | accounts | honest queries mixed in % | "
                + sizes.map { "\($0)" }.joined(separator: " | ") + " |",
            "|---|---|---|" + sizes.map { _ in "---|" }.joined(),
        ]
        var seen: Set<String> = []
        for entry in all where seen.insert("\(entry.attack) \(entry.accounts) \(entry.honestShare)").inserted
        {
            let row = all.filter {
                $0.attack == entry.attack && $0.accounts == entry.accounts
                    && $0.honestShare == entry.honestShare
            }
            let cells = sizes.map { size in
                let same = row.filter { $0.size == size }
                return text(Spread(same.map(\.auroc))) + " / " + text(Spread(same.map(\.fpr95)))
            }
            lines.append(
                "| \(entry.attack) | \(entry.accounts) | \(Int((entry.honestShare * 100).rounded())) | "
                    + cells.joined(separator: " | ") + " |")
        }
        return lines
    }

    // MARK: Figures

    /// The scores that were measured, in their own order.
    private var kinds: [ScoreKind] {
        let measured = Set(result.cells.map(\.score))
        return ScoreKind.allCases.filter(measured.contains)
    }

    private var budgets: [Int] { Set(result.runs.map(\.key.budget)).sorted() }

    private func windows(_ budget: Int) -> [EvaluationResult.Window] {
        result.windows.filter { $0.budget == budget }
    }

    /// In the order in which they were run.
    private func attacks(_ budget: Int) -> [String] {
        var seen: Set<String> = []
        return result.cells.filter { $0.budget == budget }.map(\.attack).filter { seen.insert($0).inserted }
    }

    private func spread(
        _ budget: Int, _ attack: String, _ score: ScoreKind, _ figure: KeyPath<EvaluationResult.Cell, Double>
    ) -> Spread? {
        Spread(
            result.cells.filter { $0.budget == budget && $0.attack == attack && $0.score == score }.map {
                $0[keyPath: figure]
            })
    }

    private func alarm(_ query: Int?, _ lowest: Double?) -> String {
        let alarm = query.map { "alarm at query \($0)" } ?? "no alarm"
        return alarm + (lowest.map { String(format: " (lowest W %.3f)", $0) } ?? "")
    }

    private func percent(_ share: Double) -> String { String(format: "%.2f", 100 * share) }

    private func text(_ spread: Spread?) -> String {
        guard let spread else { return "–" }
        return percent(spread.mean) + (spread.deviation.map { " ± " + percent($0) } ?? "")
    }
}
