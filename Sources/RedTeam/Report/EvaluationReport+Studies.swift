import Foundation

extension EvaluationReport {
    var pictures: ReportSection {
        let all = result.part.pictures
        let figures = Self.unique(all.map(\.attack)).map { attack in
            let own = all.filter { $0.attack == attack }
            let head = ["original", "masked", "reconstructed", "error"]
            var cells = ["<span></span>"] + head.map { "<span>\($0)</span>" }
            for (place, entry) in own.enumerated() {
                let name = Markup.escape("\(attack), query \(place + 1)")
                let loss = String(format: "loss %.4f", entry.loss)
                cells.append("<span>\(loss)<br>\(String(format: "%.1f nats", entry.surprise))</span>")
                for (kind, picture) in zip(
                    head, [entry.original, entry.masked, entry.reconstructed, entry.error])
                {
                    cells.append(
                        "<img alt=\"\(name): \(kind)\" src=\"data:image/png;base64,\(Markup.escape(picture))\">"
                    )
                }
            }
            return ReportFigure(
                caption: attack == RunHistogram.honest ? "honest test pictures" : attack,
                drawing: "<div class=\"pictures\">\(cells.joined())</div>", table: nil)
        }
        return ReportSection(
            "Reconstructions",
            paragraphs: figures.isEmpty
                ? []
                : [
                    "Queries, what training hides of them (75 % of patches), the reconstruction from all patches that scores,"
                        + " and the error (white from an eighth of the range on); the reconstruction loss and the surprise beside them."
                ],
            figures: figures)
    }

    /// Table 4.
    var ratios: ReportSection {
        let all = result.part.ratios
        let shares = Set(all.map(\.ratio)).sorted()
        let tables = Self.unique(all.map(\.budget)).flatMap { budget in
            [ScoreKind.ours, .same].map { score in
                let own = all.filter { $0.budget == budget && $0.score == score }
                let rows = Self.unique(own.map(\.attack)).flatMap { attack in
                    shares.map { share -> [String] in
                        let same = own.filter { $0.attack == attack && $0.ratio == share }
                        return ["\(attack), \(percent(share)) %"]
                            + [\RatioEntry.auroc, \.aupr, \.fpr95, \.fpr90].map { figure in
                                text(Spread(same.map { $0[keyPath: figure] }))
                            }
                    }
                }
                return ReportTable(
                    "\(score.rawValue), \(queries(budget)), by share of malicious queries; in %",
                    columns: ["attack, share", "AUROC", "AUPR", "FPR95", "FPR90"], rows: rows)
            }
        }
        return ReportSection("Malicious ratio (Table 4)", tables: tables)
    }

    /// Figure 4.
    var policies: ReportSection {
        let all = result.part.policies
        guard !all.isEmpty else { return ReportSection("Policies (Figure 4)") }
        var figures: [ReportFigure] = []
        for budget in Self.unique(all.map(\.budget)) {
            let own = all.filter { $0.budget == budget }
            figures.append(
                policyFigure(
                    own.filter { $0.policy == "reject" }, "Answered under reject, \(queries(budget))",
                    PlotAxis(title: "queries answered in %", low: 0, high: 1, format: PlotAxis.percent),
                    BarPlot.percent,
                    \.honestAnswered, \.attackAnswered))
            let most = own.flatMap { [$0.honestHashes, $0.attackHashes] }.max() ?? 1
            figures.append(
                policyFigure(
                    own.filter { $0.policy == "proof-of-work" },
                    "Work under proof-of-work, \(queries(budget))",
                    PlotAxis(
                        title: "mean expected hashes a query (logarithmic)", scale: .logarithmic, low: 1e3,
                        high: max(1e4, most * 1.2)), { String(format: "%.1e", $0) },
                    \.honestHashes, \.attackHashes))
        }
        return ReportSection(
            "Policies (Figure 4)",
            paragraphs: [
                "The policy engine with one band from \(PlotAxis.plain(PolicyMeasure.percentile)) % of honest queries on, once"
                    + " refusing and once asking for proof-of-work as the shipped configuration does; each score calibrated on"
                    + " half of the honest pictures and judged on the other. A response takes longer by its hashes over a"
                    + " client's rate (`samegate solve` prints how long yours takes)."
            ], figures: figures)
    }

    private func policyFigure(
        _ own: [PolicyEntry], _ caption: String, _ axis: PlotAxis,
        _ number: @escaping (Double) -> String, _ honest: KeyPath<PolicyEntry, Double>,
        _ thief: KeyPath<PolicyEntry, Double>
    ) -> ReportFigure {
        let attacks = Self.unique(own.map(\.attack))
        let series = ["honest"] + attacks
        let kinds = kinds.filter { kind in own.contains { $0.score == kind } }
        let values = { (kind: ScoreKind) -> [Double?] in
            let rows = own.filter { $0.score == kind }
            return [Spread(rows.map { $0[keyPath: honest] })?.mean]
                + attacks.map { attack in
                    Spread(rows.filter { $0.attack == attack }.map { $0[keyPath: thief] })?.mean
                }
        }
        let plot = BarPlot(
            title: caption, axis: axis, number: number, series: series,
            groups: kinds.map { BarPlot.Group(name: $0.rawValue, values: values($0)) })
        let rows = kinds.map { kind in [kind.rawValue] + values(kind).map { $0.map(number) ?? "–" } }
        return ReportFigure(
            caption: caption, drawing: plot.svg,
            table: ReportTable("\(caption): \(axis.title)", columns: ["score"] + series, rows: rows))
    }

    /// What Table 3 lacks without outliers.
    private var leftOut: String {
        guard !result.costs.contains(where: { $0.seconds != nil }) else { return "" }
        return "; OE and EDM, which are trained on outliers, are left out: --outliers PATH adds them"
    }

    /// Table 3.
    var costs: ReportSection {
        ReportSection(
            "What the defences cost (Table 3)",
            tables: result.costs.isEmpty
                ? []
                : [
                    ReportTable(
                        "Accuracy of the model that answers, and time of training on this machine" + leftOut,
                        columns: ["defence", "accuracy in %", "training in s"],
                        rows: result.costs.map {
                            [
                                $0.defence, percent($0.accuracy),
                                $0.seconds.map { String(format: "%.1f", $0) } ?? "–",
                            ]
                        })
                ])
    }

    /// Figures 6 and 7.
    var studies: [ReportSection] {
        Self.unique(result.training.map(\.axis)).map { axis in
            let own = result.training.filter { $0.axis == axis }
            let values = Set(own.map(\.value)).sorted(), attacks = Self.unique(own.map(\.attack))
            let mean = { (attack: String, value: Double, figure: (TrainingEntry) -> Double?) in
                Spread(own.filter { $0.attack == attack && $0.value == value }.compactMap(figure))
            }
            let plot = { (title: String, y: PlotAxis, figure: @escaping (TrainingEntry) -> Double?) in
                LinePlot(
                    title: title,
                    x: PlotAxis(
                        title: axis, scale: .logarithmic, low: (values.first ?? 1) * 0.9,
                        high: (values.last ?? 2) * 1.1, marks: values),
                    y: y,
                    series: attacks.compactMap { attack in
                        let points = values.compactMap { value in
                            mean(attack, value, figure).map { (value, $0.mean) }
                        }
                        return points.isEmpty ? nil : LinePlot.Series(name: attack, points: points)
                    }
                ).svg
            }
            let losses = own.map(\.loss).filter { $0 > 0 }
            let rows = attacks.map { attack in
                [attack]
                    + values.map { value in
                        let loss =
                            mean(attack, value) { $0.loss }.map { String(format: "%.5f", $0.mean) } ?? "–"
                        return loss + " · " + text(mean(attack, value) { $0.auroc })
                    }
            }
            return ReportSection(
                "The autoencoder's \(axis)",
                figures: [
                    ReportFigure(
                        caption: "Mean reconstruction loss by \(axis)",
                        drawing: plot(
                            "Reconstruction loss by \(axis)",
                            PlotAxis(
                                title: "mean reconstruction loss", scale: .logarithmic,
                                low: (losses.min() ?? 1e-4) * 0.8, high: (losses.max() ?? 1) * 1.2)
                        ) { $0.loss },
                        table: ReportTable(
                            "Mean reconstruction loss · AUROC of SAME-X in %, by \(axis)",
                            columns: ["queries"] + values.map(PlotAxis.plain), rows: rows)),
                    ReportFigure(
                        caption: "AUROC of SAME-X by \(axis)",
                        drawing: plot(
                            "AUROC by \(axis)",
                            PlotAxis(title: "AUROC in %", low: 0.5, high: 1, format: PlotAxis.percent)
                        ) { $0.auroc }, table: nil),
                ])
        }
    }

    var runs: ReportSection {
        let tables = budgets.map { budget -> ReportTable in
            let all = result.runs.filter { $0.key.budget == budget }
            let rows = Self.unique(all.map(\.key.attack)).map { name -> [String] in
                let runs = all.filter { $0.key.attack == name }
                let asked = Self.unique(runs.map { "\($0.asked)" }).joined(separator: ", ")
                return [
                    name, asked, text(Spread(runs.compactMap(\.accuracy))),
                    text(Spread(runs.compactMap(\.fidelity))),
                    runs.map { alarm($0.pradaAlarm, $0.pradaLowest) }.joined(separator: ", "),
                ]
            }
            return ReportTable(
                "\(queries(budget)), PRADA as if all came from one account",
                columns: ["attack", "queries", "substitute's accuracy %", "fidelity %", "PRADA"], rows: rows)
        }
        let options = Self.unique(result.runs.map(\.key.attack)).flatMap(optionRows)
        return ReportSection(
            "What the attacks got",
            tables: tables + [ReportTable("Options", columns: ["attack", "options"], rows: options)])
    }

    /// An attack's options; a row for each budget where they differ, as DFME's batch does.
    private func optionRows(_ attack: String) -> [[String]] {
        let texts = budgets.compactMap { budget -> (budget: Int, options: String)? in
            let runs = result.runs.filter { $0.key.attack == attack && $0.key.budget == budget }
            return runs.first.map { (budget: budget, options: Self.told($0.options)) }
        }
        if Set(texts.map(\.options)).count == 1 { return texts.prefix(1).map { [attack, $0.options] } }
        return texts.map { ["\(attack), \(queries($0.budget, by: attack))", $0.options] }
    }

    private static func told(_ options: [String: String]) -> String {
        options.filter { $0.key != "material" }.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
}
