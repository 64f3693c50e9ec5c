import Foundation

/// An evaluation told as Markdown, and as the one line of JSON that scripts read.
package struct EvaluationReport: Sendable {
    let result: EvaluationResult

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

    // MARK: Page

    /// The report as a page of its own.
    package var page: ReportPage {
        let sections =
            [summary] + budgets.flatMap { scores($0) } + [
                comparison, ablation, trials, pictures, calibration, windows, colluding, honestAccounts,
                ratios,
                policies,
                costs,
            ] + studies + [runs]
        return ReportPage(
            title: "samegate evaluate --suite \(result.suite)", sections: sections)
    }

    /// The whole report as Markdown.
    package var markdown: String { page.markdown }

    // MARK: Figures

    /// The scores that were measured, in their own order.
    var kinds: [ScoreKind] {
        let measured = Set(result.cells.map(\.score))
        return ScoreKind.allCases.filter(measured.contains)
    }

    var budgets: [Int] { Set(result.runs.map(\.key.budget)).sorted() }

    /// In the order in which they were run.
    func attacks(_ budget: Int) -> [String] {
        var seen: Set<String> = []
        return result.cells.filter { $0.budget == budget }.map(\.attack).filter { seen.insert($0).inserted }
    }

    func spread(
        _ budget: Int, _ attack: String, _ score: ScoreKind, _ figure: KeyPath<EvaluationResult.Cell, Double>
    ) -> Spread? {
        Spread(
            result.cells.filter { $0.budget == budget && $0.attack == attack && $0.score == score }.map {
                $0[keyPath: figure]
            })
    }

    /// How many queries were asked where so many were allowed: `1000 queries`, or `100 of 1000 queries` where the attacks, or one of
    /// them, came to an end before.
    func queries(_ budget: Int, by attack: String? = nil) -> String {
        let asked = result.runs.filter { run in
            run.key.budget == budget && attack.map { $0 == run.key.attack } ?? true
        }.map(\.asked)
        guard let low = asked.min(), let high = asked.max(), low < budget else { return "\(budget) queries" }
        return (low == high ? "\(low)" : "\(low) to \(high)") + " of \(budget) queries"
    }

    func alarm(_ query: Int?, _ lowest: Double?) -> String {
        let alarm = query.map { "alarm at query \($0)" } ?? "no alarm"
        return alarm + (lowest.map { String(format: " (lowest W %.3f)", $0) } ?? "")
    }

    func percent(_ share: Double) -> String { String(format: "%.2f", 100 * share) }

    func text(_ spread: Spread?) -> String {
        guard let spread else { return "–" }
        return percent(spread.mean) + (spread.deviation.map { " ± " + percent($0) } ?? "")
    }
}
