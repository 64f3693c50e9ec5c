import Foundation

extension EvaluationReport {
    var calibration: ReportSection {
        let points = result.calibration
        guard !points.isEmpty else { return ReportSection("Calibration") }
        let low = min(points.map(\.nominal).min() ?? 1e-3, 1e-3) / 2
        let axis = { (title: String) in
            PlotAxis(
                title: title, scale: .logarithmic, low: low, high: 0.4,
                marks: [0.001, 0.01, 0.1], format: PlotAxis.percent)
        }
        let plot = LinePlot(
            title: "Stated against measured false-positive rate", x: axis("stated rate in %"),
            y: axis("measured rate in %"),
            series: [
                LinePlot.Series(
                    name: "test pictures", points: points.map { ($0.nominal, $0.measured) },
                    intervals: points.map { (max($0.low, low), $0.high) })
            ], hasDiagonal: true)
        let rows = points.map {
            [percent($0.nominal), percent($0.measured), "\(percent($0.low)) – \(percent($0.high))"]
        }
        return ReportSection(
            "Calibration",
            paragraphs: [
                "The share of \(result.benignCount) test pictures above the score of each stated rate, with Wilson's 95 %"
                    + " interval. On the dotted line the statement holds exactly."
            ],
            figures: [
                ReportFigure(
                    caption: "Stated against measured false-positive rate", drawing: plot.svg,
                    table: ReportTable(
                        "False-positive rates in %", columns: ["stated", "measured", "95 % interval"],
                        rows: rows))
            ])
    }

    // MARK: Windows

    /// AUROC by window size, one plot a budget, measure and share of honest queries.
    var windows: ReportSection {
        var figures: [ReportFigure] = []
        var tables: [ReportTable] = []
        for budget in Self.unique(result.windows.map(\.budget)) {
            let all = result.windows.filter { $0.budget == budget && $0.accounts == 1 }
            for measure in WindowMeasure.allCases {
                for share in Self.unique(all.map(\.honestShare)).sorted() {
                    let own = all.filter { $0.measure == measure && $0.honestShare == share }
                    guard !own.isEmpty else { continue }
                    figures.append(windowFigure(own, budget, measure, share))
                }
            }
        }
        if figures.isEmpty { tables = [] }
        return ReportSection(
            "Account windows",
            paragraphs: figures.isEmpty
                ? []
                : [
                    "An account's last queries judged together: by their mean surprise and, where asked for, by distances in"
                        + " the auxiliary model's centred log-probabilities. AUROC / FPR95 in %, windows of honest queries alone"
                        + " as negatives." + windowCounts
                ],
            tables: tables, figures: figures)
    }

    /// How many windows there are of each size: few make coarse figures.
    private var windowCounts: String {
        let all = result.windows.filter { $0.accounts == 1 && $0.honestShare == 0 && $0.count != nil }
        guard let budget = all.map(\.budget).min() else { return "" }
        let own = all.filter { $0.budget == budget }
        let counts = Set(own.map(\.size)).sorted().map { size in
            "\(own.filter { $0.size == size }.compactMap(\.count).min() ?? 0) of \(size)"
        }
        return
            " An attack of \(queries(budget)) makes at least \(counts.joined(separator: ", ")); few windows make coarse"
            + " figures, and an attack that does not fill one is judged by what there is."
    }

    /// The share of thieves' windows above a threshold that honest accounts of every kind keep.
    private func caughtTables() -> [ReportTable] {
        let all = result.windows.filter { $0.caught != nil && $0.accounts == 1 }
        return Self.unique(all.map(\.budget)).flatMap { budget in
            Self.unique(all.map(\.honestShare)).sorted().map { share in
                let own = all.filter { $0.budget == budget && $0.honestShare == share }
                let sizes = Set(own.map(\.size)).sorted()
                let rows = Self.unique(own.map(\.attack)).map { attack in
                    [attack]
                        + sizes.map { size in
                            text(
                                Spread(
                                    own.filter { $0.attack == attack && $0.size == size }.compactMap(\.caught)
                                )
                            )
                        }
                }
                let mixed = share > 0 ? ", \(Int((share * 100).rounded())) % honest queries mixed in" : ""
                return ReportTable(
                    "Windows caught in % where no more than \(percent(HonestAccounts.nominal)) % of those of any kind of honest"
                        + " account are flagged, \(queries(budget))\(mixed)",
                    columns: ["attack"] + sizes.map { "\($0)" }, rows: rows)
            }
        }
    }

    private func windowFigure(
        _ own: [EvaluationResult.Window], _ budget: Int, _ measure: WindowMeasure, _ share: Double
    ) -> ReportFigure {
        let sizes = Set(own.map(\.size)).sorted(), attacks = Self.unique(own.map(\.attack))
        let value = {
            (attack: String, size: Int, figure: KeyPath<EvaluationResult.Window, Double>) in
            Spread(own.filter { $0.attack == attack && $0.size == size }.map { $0[keyPath: figure] })
        }
        let mixed = share > 0 ? ", \(Int((share * 100).rounded())) % honest queries mixed in" : ""
        let lowest = own.map(\.auroc).min() ?? 0
        let plot = LinePlot(
            title: "AUROC by window size",
            x: PlotAxis(
                title: "queries in the window", scale: .logarithmic, low: Double(sizes.first ?? 1) * 0.9,
                high: Double(sizes.last ?? 2) * 1.1, marks: sizes.map(Double.init)),
            y: PlotAxis(
                title: "AUROC in %", low: min(0.9, (lowest * 10).rounded(.down) / 10), high: 1,
                format: PlotAxis.percent),
            series: attacks.map { attack in
                LinePlot.Series(
                    name: attack,
                    points: sizes.compactMap { size in
                        value(attack, size, \.auroc).map { (Double(size), $0.mean) }
                    })
            })
        let rows = attacks.map { attack in
            [attack]
                + sizes.map {
                    text(value(attack, $0, \.auroc)) + " / " + text(value(attack, $0, \.fpr95))
                }
        }
        let caption = "\(measure.rawValue), \(queries(budget))\(mixed)"
        return ReportFigure(
            caption: caption, drawing: plot.svg,
            table: ReportTable(
                "Windows by \(caption): AUROC / FPR95 in %", columns: ["attack"] + sizes.map { "\($0)" },
                rows: rows))
    }

    /// AUROC by the number of accounts that share an attack.
    var colluding: ReportSection {
        let all = result.windows.filter { $0.measure == .meanSurprise && $0.honestShare == 0 }
        guard Set(all.map(\.accounts)).count > 1 else { return ReportSection("Colluding accounts") }
        let figures = Self.unique(all.map(\.budget)).flatMap { budget in
            Self.unique(all.filter { $0.budget == budget && $0.accounts > 1 }.map(\.size)).map { size in
                colludingFigure(all.filter { $0.budget == budget && $0.size == size }, budget, size)
            }
        }
        return ReportSection(
            "Colluding accounts",
            paragraphs: [
                "One attack's queries go in turn to several accounts; each is judged by windows of its own, shorter ones where"
                    + " its share does not fill them."
            ], figures: figures)
    }

    private func colludingFigure(
        _ own: [EvaluationResult.Window], _ budget: Int, _ size: Int
    ) -> ReportFigure {
        let counts = Set(own.map(\.accounts)).sorted(), attacks = Self.unique(own.map(\.attack))
        let value = {
            (attack: String, count: Int, figure: KeyPath<EvaluationResult.Window, Double>) in
            Spread(own.filter { $0.attack == attack && $0.accounts == count }.map { $0[keyPath: figure] })
        }
        let lowest = own.map(\.auroc).min() ?? 0
        let plot = LinePlot(
            title: "AUROC by colluding accounts",
            x: PlotAxis(
                title: "accounts that share the attack", scale: .logarithmic, low: 0.9,
                high: Double(counts.last ?? 2) * 1.1, marks: counts.map(Double.init)),
            y: PlotAxis(
                title: "AUROC in %", low: min(0.9, (lowest * 10).rounded(.down) / 10), high: 1,
                format: PlotAxis.percent),
            series: attacks.map { attack in
                LinePlot.Series(
                    name: attack,
                    points: counts.compactMap { count in
                        value(attack, count, \.auroc).map { (Double(count), $0.mean) }
                    })
            })
        let rows = attacks.map { attack in
            [attack]
                + counts.map {
                    text(value(attack, $0, \.auroc)) + " / " + text(value(attack, $0, \.fpr95))
                }
        }
        return ReportFigure(
            caption: "Windows of \(size), \(queries(budget)) in all", drawing: plot.svg,
            table: ReportTable(
                "Windows of \(size) by colluding accounts, \(queries(budget)): AUROC / FPR95 in %",
                columns: ["attack"] + counts.map { "\($0)" }, rows: rows))
    }

    var honestAccounts: ReportSection {
        let all = result.honestAccounts
        let sizes = Set(all.map(\.size)).sorted()
        let rows = HonestAccounts.Kind.allCases.flatMap { kind in
            WindowMeasure.allCases.compactMap { measure -> [String]? in
                let own = all.filter { $0.account == kind && $0.measure == measure }
                guard !own.isEmpty else { return nil }
                return ["\(kind.rawValue), \(measure.rawValue)"]
                    + sizes.map { size in
                        own.first { $0.size == size }.map {
                            percent($0.measured) + " / " + percent($0.measuredAllowing)
                        } ?? "–"
                    }
            }
        }
        guard let first = all.first else { return ReportSection("Honest accounts out of the ordinary") }
        return ReportSection(
            "Honest accounts out of the ordinary",
            tables: [
                ReportTable(
                    "Windows flagged in %, where the threshold lets \(percent(first.nominal)) % of ordinary ones pass / lets no more"
                        + " of any kind pass; by window size, \(first.windows) windows each",
                    columns: ["account, measure"] + sizes.map { "\($0)" }, rows: rows)
            ] + caughtTables())
    }
}
