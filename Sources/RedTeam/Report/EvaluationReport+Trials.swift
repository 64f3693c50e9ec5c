extension EvaluationReport {
    /// What was tried as a term beside the reconstruction.
    var trials: ReportSection {
        let all = result.trials
        let table = { (caption: String, figure: KeyPath<TrialEntry, Double?>) in
            let attacks = Self.unique(all.map(\.attack))
            let rows = Trial.allCases.compactMap { trial -> [String]? in
                let own = all.filter { $0.trial == trial }
                guard own.contains(where: { $0[keyPath: figure] != nil }) else { return nil }
                return [trial.rawValue]
                    + attacks.map { attack in
                        text(Spread(own.filter { $0.attack == attack }.compactMap { $0[keyPath: figure] }))
                    }
            }
            return ReportTable(caption, columns: ["measurement"] + attacks, rows: rows)
        }
        guard !all.isEmpty else { return ReportSection("Trials of a second term") }
        let budget = all.first?.budget ?? 0
        return ReportSection(
            "Trials of a second term",
            paragraphs: [
                "What else a query tells, V the victim's answer to it and A the auxiliary model's to the reconstruction: by"
                    + " itself, beside the reconstruction loss, where the paper has its second term, and beside the bundle's"
                    + " own score. Both sums are of surprises. What needs honest queries has them from one half of the test"
                    + " pictures, and all are measured against the other."
            ],
            tables: [
                table("Alone, \(queries(budget)): AUROC in %", \.alone),
                table("Beside the reconstruction, \(queries(budget)): AUROC in %", \.besideLoss),
                table("Beside the bundle's score, \(queries(budget)): AUROC in %", \.besideOurs),
            ])
    }
}
