import Foundation

extension EvaluationReport {
    var summary: ReportSection {
        let seeds = Set(result.runs.map(\.key.seed)).count
        return ReportSection(
            "What was run",
            paragraphs: [
                "Victim \(result.victim), \(percent(result.victimAccuracy)) % of test pictures right; bundle \(result.bundle). "
                    + "\(seeds) seed\(seeds == 1 ? "" : "s"); as many benign test pictures as attack queries, drawn at random, as far as there are so many.",
                "Score of a nominal false-positive rate of 1 %: \(percent(result.falsePositivesAtOnePercent)) % of"
                    + " \(result.benignCount) test pictures are above it.",
                "The score “same” is Eq. (6) with α = \(result.alpha); same-x and same-y are its two halves; “energy” is of the"
                    + " victim's logits; “+seeds” counts JBDA's clean seeds as attack queries, which no score can tell from"
                    + " honest ones.",
                "PRADA over honest test pictures of one account: "
                    + alarm(result.pradaHonestAlarm, result.pradaHonestLowest) + ".",
            ])
    }

    /// Tables, curves and histograms of one budget.
    func scores(_ budget: Int) -> [ReportSection] {
        let tables = [
            table("\(queries(budget)): AUROC / FPR95 in %", budget, \.auroc, \.fpr95),
            table("\(queries(budget)): FPR90 / AUPR in %", budget, \.fpr90, \.aupr),
        ]
        return [
            ReportSection("Scores at \(queries(budget))", paragraphs: fewer(budget), tables: tables),
            ReportSection("ROC curves at \(queries(budget))", figures: curves(budget)),
            ReportSection("Score histograms at \(queries(budget))", figures: histograms(budget)),
        ]
    }

    /// Which attacks asked more queries than there are test pictures, and how many these are.
    private func fewer(_ budget: Int) -> [String] {
        let cells = result.cells.filter { $0.budget == budget && $0.negatives < $0.positives }
        guard !cells.isEmpty else { return [] }
        let counts = Set(cells.map(\.negatives)).sorted().map { "\($0)" }.joined(separator: ", ")
        return [
            "There are fewer test pictures than queries: those of "
                + Self.unique(cells.map(\.attack)).joined(separator: ", ") + " are held against \(counts)."
        ]
    }

    private func table(
        _ caption: String, _ budget: Int, _ first: KeyPath<EvaluationResult.Cell, Double>,
        _ second: KeyPath<EvaluationResult.Cell, Double>
    ) -> ReportTable {
        let rows = attacks(budget).map { attack in
            [attack]
                + kinds.map { score in
                    text(spread(budget, attack, score, first)) + " / "
                        + text(spread(budget, attack, score, second))
                }
        }
        return ReportTable(caption, columns: ["attack"] + kinds.map(\.rawValue), rows: rows)
    }

    /// One plot an attack, of the first seed: curves of several seeds would hide each other.
    private func curves(_ budget: Int) -> [ReportFigure] {
        let all = result.part.curves.filter { $0.budget == budget }
        guard let seed = all.map(\.seed).min() else { return [] }
        return Self.unique(all.map(\.attack)).map { attack in
            let own = all.filter { $0.attack == attack && $0.seed == seed }
            let plot = LinePlot(
                title: "ROC of \(attack)",
                x: PlotAxis(
                    title: "false-positive rate in % (logarithmic)", scale: .logarithmic, low: 1e-3, high: 1,
                    marks: [0.001, 0.01, 0.1, 1], format: PlotAxis.percent),
                y: PlotAxis(title: "true-positive rate in %", low: 0, high: 1, format: PlotAxis.percent),
                series: own.map { curve in
                    LinePlot.Series(
                        name: curve.score.rawValue,
                        points: zip(curve.falsePositives, curve.truePositives).map { ($0, $1) })
                }, hasMarks: false)
            let rows = own.map { curve in [curve.score.rawValue] + curve.caught.map(percent) }
            return ReportFigure(
                caption: "\(attack), seed \(seed)", drawing: plot.svg,
                table: ReportTable(
                    "\(attack), \(queries(budget, by: attack)), seed \(seed): true-positive rate in % at a false-positive rate",
                    columns: ["score"] + RunCurve.statedRates.map { String(format: "%g %%", 100 * $0) },
                    rows: rows))
        }
    }

    private func histograms(_ budget: Int) -> [ReportFigure] {
        let all = result.part.histograms
        return [ScoreKind.ours, .same].flatMap { score -> [ReportFigure] in
            guard let honest = all.first(where: { $0.attack == RunHistogram.honest && $0.score == score })
            else { return [] }
            let own = all.filter { $0.budget == budget && $0.score == score }
            return Self.unique(own.map(\.attack)).map { attack in
                let shares = Self.means(own.filter { $0.attack == attack }.map(\.shares))
                let title =
                    score == .ours
                    ? "surprise in nats (the last bin holds all above)"
                    : "Eq. (6) (the last bin holds all above)"
                let x = PlotAxis(
                    title: title, low: honest.edges[0], high: honest.edges[honest.edges.count - 1])
                let plot = HistogramPlot(
                    title: "\(score.rawValue) of \(attack)", x: x, edges: honest.edges,
                    series: [("honest", honest.shares), (attack, shares)])
                let rows = shares.indices.filter { shares[$0] + honest.shares[$0] > 0 }.map { bin in
                    [
                        PlotAxis.plain(honest.edges[bin]) + " – " + PlotAxis.plain(honest.edges[bin + 1]),
                        percent(honest.shares[bin]), percent(shares[bin]),
                    ]
                }
                return ReportFigure(
                    caption: "\(score.rawValue): \(attack)", drawing: plot.svg,
                    table: ReportTable(
                        "Share of queries by \(score.rawValue) in %",
                        columns: ["from – to", "honest", attack],
                        rows: rows))
            }
        }
    }

    /// Figure 5: the score and its halves, beside ours.
    var comparison: ReportSection {
        let series = [ScoreKind.sameX, .sameY, .same, .ours].filter(kinds.contains)
        let figures = budgets.map { budget in
            let plot = BarPlot(
                title: "AUROC by score",
                axis: PlotAxis(title: "AUROC in %", low: 0, high: 1, format: PlotAxis.percent),
                number: BarPlot.percent, series: series.map(\.rawValue),
                groups: attacks(budget).map { attack in
                    BarPlot.Group(
                        name: attack,
                        values: series.map { spread(budget, attack, $0, \.auroc)?.mean })
                })
            return ReportFigure(caption: queries(budget), drawing: plot.svg, table: nil)
        }
        return ReportSection(
            "The score and its halves (Figure 5)", figures: series.count > 1 ? figures : [])
    }

    var ablation: ReportSection {
        let all = result.part.ablation
        let figures = Self.unique(all.map(\.budget)).map { budget -> ReportFigure in
            let own = all.filter { $0.budget == budget }
            let attacks = Self.unique(own.map(\.attack)), variants = Self.unique(own.map(\.variant))
            let value = { (attack: String, variant: String, figure: KeyPath<AblationEntry, Double>) in
                Spread(
                    own.filter { $0.attack == attack && $0.variant == variant }.map { $0[keyPath: figure] })
            }
            let plot = BarPlot(
                title: "Ablation of every term",
                axis: PlotAxis(title: "AUROC in %", low: 0, high: 1, format: PlotAxis.percent),
                number: BarPlot.percent,
                series: attacks,
                groups: variants.map { variant in
                    BarPlot.Group(name: variant, values: attacks.map { value($0, variant, \.auroc)?.mean })
                })
            let rows = variants.map { variant in
                [variant]
                    + attacks.map {
                        text(value($0, variant, \.auroc)) + " / " + text(value($0, variant, \.fpr95))
                    }
            }
            return ReportFigure(
                caption: queries(budget), drawing: plot.svg,
                table: ReportTable(
                    "Ablation at \(queries(budget)): AUROC / FPR95 in %", columns: ["terms"] + attacks,
                    rows: rows))
        }
        return ReportSection(
            "Ablation of every term",
            paragraphs: figures.isEmpty
                ? []
                : [
                    "The tail-sum over each choice of terms. A term that the bundle leaves out is calibrated on every other"
                        + " honest picture drawn and measured against the rest."
                ], figures: figures)
    }

    static func means(_ rows: [[Double]]) -> [Double] {
        guard let first = rows.first else { return [] }
        return first.indices.map { index in
            rows.reduce(0) { $0 + $1[index] } / Double(rows.count)
        }
    }

    /// Each once, in the order met.
    static func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return values.filter { seen.insert($0).inserted }
    }
}
