import Foundation
import Learning
import SAME
import Tensor

extension Evaluation {
    /// What a run came to: its finished cell, or a new one.
    func part(
        _ key: EvaluationResult.RunKey, _ context: Context, _ forecast: inout Forecast
    ) throws -> EvaluationPart {
        let attack = try makeAttack(key)
        var parts = attack.options
        parts["attack"] = key.attack
        parts["budget"] = "\(key.budget)"
        parts["seed"] = "\(key.seed)"
        parts["scores"] = context.benchDigest
        parts["measures"] = plan.measures.map(\.rawValue).sorted().joined(separator: " ")
        parts["windows"] = "\(plan.windows)"
        parts["shown"] = isShown(key) ? "\(plan.picturesShown)" : "0"
        parts["ratios"] = "\(plan.ratios)"
        parts["bounds"] = "\(context.windowBounds.sorted { $0.key < $1.key }.map(\.value))"
        let began = ContinuousClock.now
        let place = forecast.text
        var wasKept = true
        let part = try context.store.value("run", parts) {
            wasKept = false
            let (trace, kept) = try trace(attack, key, context, place: place)
            wasKept = kept
            return measure(trace, key, context)
        }
        forecast.finish(key.budget, after: ContinuousClock.now - began, wasKept: wasKept)
        return part
    }

    private func makeAttack(_ key: EvaluationResult.RunKey) throws -> any Attack {
        let attack = AttackCatalogue.attack(
            named: key.attack, material: data.material, budget: key.budget, seed: key.seed)
        guard let attack else {
            throw AttackError.unfit(attack: key.attack, reason: "there is no attack of this name")
        }
        return attack
    }

    /// What tells whether kept figures are of the queries that the runs of one budget make: the options of every attack, which
    /// its name says nothing of.
    func attacksDigest(_ budget: Int) throws -> String {
        var parts: [String: String] = [:]
        for seed in plan.seeds {
            for attack in plan.attacks {
                let made = try makeAttack(.init(attack: attack, budget: budget, seed: seed))
                parts["\(attack) \(seed)"] = CellStore.digest(made.options)
            }
        }
        return CellStore.digest(parts)
    }

    /// Pictures are of one run an attack: the first.
    private func isShown(_ key: EvaluationResult.RunKey) -> Bool {
        plan.measures.contains(.pictures) && key.budget == plan.budgets.first && key.seed == plan.seeds.first
    }

    /// The attack's queries, from its file when it has run before, whatever measured them then.
    func trace(_ key: EvaluationResult.RunKey, _ context: Context) throws -> AttackTrace {
        try trace(try makeAttack(key), key, context, place: "again").0
    }

    private func trace(
        _ attack: any Attack, _ key: EvaluationResult.RunKey, _ context: Context, place: String
    ) throws -> (AttackTrace, wasKept: Bool) {
        var options = attack.options
        options["material"] = context.materialDigest
        let path = "\(plan.folder)/traces/\(key.attack)-\(key.budget)-\(key.seed).safetensors"
        if let kept = try? AttackTrace(contentsOf: path), plan.resumes || place == "again",
            kept.summary.options == options, kept.summary.budget == key.budget, kept.summary.seed == key.seed
        {
            return (measured(kept, context.test), true)
        }
        let unfinished = AttackSession.Checkpoint(
            path: path + ".unfinished",
            of:
                "\(options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) \(key.budget) \(key.seed)"
        )
        let began = ContinuousClock.now
        let session = AttackSession(
            oracle: InProcessOracle(predictor, workspace: workspace), budget: key.budget,
            workspace: workspace,
            stop: stop, earlier: plan.resumes ? try unfinished.earlier() : nil, checkpoint: unfinished
        ) { asked, budget in
            show(
                Self.progress("\(key.attack) \(key.budget) seed \(key.seed) (\(place))", asked, budget, began)
            )
        }
        var trace = try attack.run(through: session, seed: key.seed, test: context.test)
        trace.summary.options = options
        try trace.write(to: path)
        try? FileManager.default.removeItem(atPath: unfinished.path)
        return (trace, false)
    }

    /// A trace of an earlier run, its substitute measured on the pictures of this one.
    private func measured(_ kept: AttackTrace, _ test: SubstituteTest?) -> AttackTrace {
        guard let test, let substitute = kept.substitute else { return kept }
        var kept = kept
        let measured = test.measure(substitute, workspace: workspace)
        (kept.summary.accuracy, kept.summary.fidelity) = (measured.accuracy, measured.fidelity)
        return kept
    }

    static func progress(
        _ phase: String, _ done: Int, _ total: Int, _ began: ContinuousClock.Instant
    ) -> TrainingProgress {
        let elapsed = max((ContinuousClock.now - began) / .seconds(1), 1e-6)
        let rate = Double(done) / elapsed
        return TrainingProgress(
            phase: phase, done: done, total: total, rate: rate,
            remaining: rate > 0 ? .seconds(Double(total - done) / rate) : nil)
    }

    // MARK: Measures

    private func measure(
        _ trace: AttackTrace, _ key: EvaluationResult.RunKey, _ context: Context
    ) -> EvaluationPart {
        let record = trace.record
        let rows = context.bench.rows(record.queries)
        let made = record.origins.indices.filter { record.origins[$0] == .attack }
        let measures = RunMeasures(
            key: key, attack: made.map { rows[$0] }, benign: context.benign, kinds: context.bench.kinds)
        var part = EvaluationPart()
        part.cells = measures.cells(measures.attack, named: key.attack)
        if made.count < rows.count { part.cells += measures.cells(rows, named: key.attack + "+seeds") }
        part.runs = [.init(key, trace.summary, Self.prada(record), refusals: record.refusals)]
        part.windows = windows(measures, context)
        let honest = measures.drawn(max(measures.attack.count, min(2000, context.benign.count)))
        if plan.measures.contains(.curves) { part.curves = measures.curves }
        if plan.measures.contains(.histograms) { part.histograms = measures.histograms }
        if plan.measures.contains(.ablation) {
            part.ablation = Ablation(bundle.manifest.calibration).entries(
                key, attack: measures.attack, honest: honest)
        }
        if plan.measures.contains(.ratios) { part.ratios = measures.ratios(plan.ratios) }
        if plan.measures.contains(.policy), let policy = try? PolicyMeasure() {
            part.policies = policy.entries(
                key, attack: measures.attack, honest: context.benign, kinds: context.bench.kinds)
        }
        if isShown(key) {
            // The last ones are what the attack has come to.
            let shown = Array(made.suffix(plan.picturesShown))
            part.pictures = sheet.entries(
                key.attack, record.queries(at: shown), rows: shown.map { rows[$0] })
        }
        return part
    }

    private static func prada(_ record: AttackRecord) -> PRADA {
        var prada = PRADA()
        for index in record.replies.indices {
            guard let label = record.replies[index].label else { continue }
            _ = prada.observe(record.queries(at: [index]).row(0), label: label)
        }
        return prada
    }

    private func windows(_ measures: RunMeasures, _ context: Context) -> [EvaluationResult.Window] {
        let honest = Array(context.benign.suffix(context.benign.count - context.benign.count / 2))
        var found: [EvaluationResult.Window] = []
        for (index, trial) in plan.windows.enumerated() {
            var generator = RandomGenerator(seed: measures.key.seed, stream: 4 + UInt64(index))
            let windows = trial.windows(
                attackCount: measures.attack.count, honestCount: honest.count, generator: &generator)
            let isPlain = trial.accounts == 1 && plan.measures.contains(.distances)
            for measure in isPlain ? WindowMeasure.allCases : [.meanSurprise] {
                let score = { (window: [AccountTrial.Query]) -> Double in
                    let rows = window.map { query in
                        switch query {
                        case .attack(let index): measures.attack[index]
                        case .honest(let index): honest[index]
                        }
                    }
                    return context.judge.score(
                        measure, surprises: rows.map(\.surprise), features: rows.map(\.features))
                }
                let thieves = windows.thieves.map(score)
                let metrics = DetectionMetrics(attack: thieves, benign: windows.honest.map(score))
                let bound = measure == .meanSurprise ? context.windowBounds[trial.window] : nil
                let caught = bound.map { bound in
                    Double(thieves.count { $0 > bound }) / Double(max(1, thieves.count))
                }
                if let metrics {
                    found.append(
                        .init(
                            measures.key, trial, metrics, measure: measure, caught: caught,
                            count: thieves.count))
                }
            }
        }
        return found
    }

    // MARK: Honest queries

    private var sheet: PictureSheet { PictureSheet(autoencoder: bundle.autoencoder, workspace: workspace) }

    /// The bins that the attacks' histograms share.
    func honestHistograms(_ context: Context) -> [RunHistogram] {
        guard plan.measures.contains(.histograms) else { return [] }
        return [ScoreKind.ours, .same].map { score in
            let values = context.benign.surprisesOrScores(score)
            return RunMeasures.histogram(
                values, named: RunHistogram.honest, budget: 0, seed: 0, score,
                edges: RunMeasures.edges(score, values))
        }
    }

    /// The first test pictures.
    func honestPictures(_ context: Context) -> [PictureEntry] {
        guard plan.measures.contains(.pictures) else { return [] }
        let count = min(plan.picturesShown, context.pictures.rows)
        return sheet.entries(
            RunHistogram.honest, context.pictures.rows(0..<count), rows: Array(context.benign.prefix(count)))
    }

    /// Honest accounts out of the ordinary, judged by every window measure.
    func honestAccounts(_ context: Context) throws -> [HonestAccountEntry] {
        let sizes = Set(plan.windows.map(\.window)).sorted()
        guard plan.measures.contains(.honestAccounts), !sizes.isEmpty else { return [] }
        let parts = [
            "scores": context.benchDigest, "sizes": "\(sizes)", "windows": "\(plan.honestWindows)",
            "redraws": "\(HonestAccounts.redraws)",
        ]
        return try context.store.value("honest-accounts", parts) {
            let accounts = self.accounts(context)
            return accounts.entries(
                sizes: sizes, count: plan.honestWindows, seed: 1, judge: context.judge)
        }
    }

    /// What honest accounts out of the ordinary send; measured by nobody unless they are asked for.
    private func accounts(_ context: Context) -> HonestAccounts {
        let shape = data.test.shape
        let resized = OtherClient.resized(context.pictures, shape: shape)
        let reencoded = OtherClient.reencoded(
            context.pictures, shape: shape, quality: HonestAccounts.quality)
        return HonestAccounts(
            benign: context.benign, labels: data.testLabels.values,
            others: [.resized: context.bench.rows(resized), .reencoded: context.bench.rows(reencoded)])
    }

    /// The mean surprise of a window that no kind of honest account passes more often than stated, by size.
    func windowBounds(_ context: Context) throws -> [Int: Double] {
        let sizes = Set(plan.windows.map(\.window)).sorted()
        guard plan.measures.contains(.honestAccounts), !sizes.isEmpty else { return [:] }
        let parts = [
            "scores": context.benchDigest, "sizes": "\(sizes)", "windows": "\(plan.honestWindows)",
            "redraws": "\(HonestAccounts.redraws)",
        ]
        let bounds = try context.store.value("window-bounds", parts) {
            let found = accounts(context).allowingBounds(
                sizes: sizes, count: plan.honestWindows, seed: 1, judge: context.judge)
            return sizes.map { found[$0] ?? .greatestFiniteMagnitude }
        }
        return Dictionary(uniqueKeysWithValues: zip(sizes, bounds))
    }
}
