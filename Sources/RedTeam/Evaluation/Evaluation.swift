import Digest
import Foundation
import Learning
import SAME
import Tensor

/// Runs attacks against a victim in this process and measures every score on their queries.
package struct Evaluation {
    /// What is run.
    package struct Plan: Sendable {
        /// The name in the report.
        package var suite: String
        package var attacks: [String]
        package var budgets: [Int]
        package var seeds: [UInt64]
        /// α of Eq. (6).
        package var alpha = 0.99
        /// Account windows to try on every attack.
        package var windows: [AccountTrial] = []
        /// Principal components of the score by them.
        package var components = 32
        /// Pictures to train outlier exposure and diverse ensembles on; nil leaves these two baselines out. They must be none
        /// that an attack asks about.
        package var outliers: PicturePool?
        /// How the two are trained.
        package var exposure = ExposureTraining()
        /// Where finished and unfinished runs are kept.
        package var folder: String
        /// Whether those that are there are used.
        package var resumes = false

        /// A plan as given.
        package init(suite: String, attacks: [String], budgets: [Int], seeds: [UInt64], folder: String) {
            self.suite = suite
            self.attacks = attacks
            self.budgets = budgets
            self.seeds = seeds
            self.folder = folder
        }
    }

    /// The data of an evaluation. Nothing of `test` shapes a model, an attack or a score.
    package struct Data: Sendable {
        package let material: AttackMaterial
        package let test: ImageSet
        package let testLabels: Labels

        /// Data as given. Traps when there are not as many labels as pictures.
        package init(material: AttackMaterial, test: ImageSet, testLabels: Labels) {
            precondition(test.count == testLabels.values.count)
            self.material = material
            self.test = test
            self.testLabels = testLabels
        }
    }

    private let plan: Plan
    private let data: Data
    private let victim: Classifier
    private let bundle: ModelBundle
    private let names: (victim: String, bundle: String)
    private let workspace: Workspace
    private let stop: StopFlag
    private let show: (TrainingProgress) -> Void

    /// The most test pictures that substitutes are measured on.
    private static let substituteTestMax = 4000

    /// An evaluation; `names` are for the report.
    package init(
        plan: Plan, data: Data, victim: Classifier, bundle: ModelBundle,
        names: (victim: String, bundle: String), workspace: Workspace, stop: StopFlag,
        show: @escaping (TrainingProgress) -> Void
    ) {
        self.plan = plan
        self.data = data
        self.victim = victim
        self.bundle = bundle
        self.names = names
        self.workspace = workspace
        self.stop = stop
        self.show = show
    }

    /// Runs everything. Each finished attack is kept in the plan's folder, and `AttackError.stopped` leaves what the
    /// unfinished one has asked there too.
    package func run() throws -> EvaluationResult {
        try prepareFolder()
        let bench = try makeBench()
        let pictures = data.test.canonical(0..<data.test.count, range: .signed)
        let benign = bench.rows(pictures)
        let opinions = answers(to: pictures).map { $0[...].largest ?? 0 }
        var result = emptyResult(benign, pictures, opinions)
        let count = min(Self.substituteTestMax, pictures.rows)
        let test = SubstituteTest(
            pictures: pictures.rows(0..<count), labels: Array(data.testLabels.values.prefix(count)),
            victimLabels: Array(opinions.prefix(count)))
        let keys = plan.budgets.flatMap { budget in
            plan.seeds.flatMap { seed in
                plan.attacks.map { EvaluationResult.RunKey(attack: $0, budget: budget, seed: seed) }
            }
        }
        let digest = materialDigest()
        for (index, key) in keys.enumerated() {
            let trace = try trace(key, test, digest, place: "\(index + 1)/\(keys.count)")
            add(trace, key, bench, benign, to: &result)
        }
        return result
    }

    // MARK: Preparation

    private func prepareFolder() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: plan.folder + "/traces", withIntermediateDirectories: true)
        } catch {
            throw AttackError.trace(path: plan.folder, reason: error.localizedDescription)
        }
    }

    private func makeBench() throws -> ScoreBench {
        var generator = RandomGenerator(seed: 1, stream: 2)
        let own = data.material.own
        let chosen = generator.permutation(own.count).prefix(ScoreBench.referenceMax)
        var bench = ScoreBench(
            bundle: bundle, victim: victim, reference: own.pictures(at: chosen), alpha: plan.alpha,
            components: plan.components, threads: workspace.threads, seed: 1)
        guard let outliers = plan.outliers else { return bench }
        var training = plan.exposure
        training.stop = stop
        bench.exposed = try training.exposed(
            own: own, outliers: outliers, seed: 1, workspace: workspace, show: show)
        bench.ensemble = try training.ensemble(
            of: 3, own: own, outliers: outliers, seed: 1, workspace: workspace, show: show)
        return bench
    }

    private func answers(to pictures: Tensor) -> [[Float]] {
        let answers = victim.probabilities(pictures, workspace: workspace)
        return (0..<answers.rows).map { Array(answers.row($0)) }
    }

    private func emptyResult(
        _ benign: [ScoreBench.Row], _ pictures: Tensor, _ opinions: [Int]
    ) -> EvaluationResult {
        let right = zip(opinions, data.testLabels.values).count { $0 == $1 }
        let above = benign.count { $0.surprise > AnomalyScore.surprise(percentile: 99) }
        var honest = PRADA()
        // As many as the largest attack asks: an honest account that asks more is not what it is compared with.
        for row in 0..<min(plan.budgets.max() ?? 0, pictures.rows) {
            _ = honest.observe(pictures.row(row), label: opinions[row])
        }
        let count = Double(max(1, benign.count))
        return EvaluationResult(
            suite: plan.suite, victim: names.victim, bundle: names.bundle, alpha: plan.alpha,
            victimAccuracy: Double(right) / count, falsePositivesAtOnePercent: Double(above) / count,
            benignCount: benign.count, prada: honest)
    }

    /// What tells whether a kept run was against this victim with these pictures.
    private func materialDigest() -> String {
        var hasher = SHA256Hasher()
        for (name, tensor) in victim.stateDict.sorted(by: { $0.key < $1.key }) {
            hasher.update(name)
            tensor.values.withUnsafeBytes { hasher.update($0) }
        }
        hasher.update(data.material.proxy.images.digest + data.material.own.images.digest)
        return hasher.finish().hex
    }

    // MARK: Runs

    private func trace(
        _ key: EvaluationResult.RunKey, _ test: SubstituteTest, _ digest: String, place: String
    ) throws -> AttackTrace {
        guard
            let attack = AttackCatalogue.attack(
                named: key.attack, material: data.material, budget: key.budget, seed: key.seed)
        else { throw AttackError.unfit(attack: key.attack, reason: "there is no attack of this name") }
        var options = attack.options
        options["material"] = digest
        let path = "\(plan.folder)/traces/\(key.attack)-\(key.budget)-\(key.seed).safetensors"
        if plan.resumes, let kept = try? AttackTrace(contentsOf: path), kept.summary.options == options,
            kept.summary.budget == key.budget, kept.summary.seed == key.seed
        {
            return kept
        }
        let unfinished = path + ".unfinished"
        let began = ContinuousClock.now
        let session = AttackSession(
            oracle: InProcessOracle(victim, workspace: workspace), budget: key.budget, workspace: workspace,
            stop: stop, earlier: plan.resumes ? try AttackTrace.unfinished(unfinished) : nil,
            checkpoint: .init(path: unfinished)
        ) { asked, budget in
            show(
                Self.progress("\(key.attack) \(key.budget) seed \(key.seed) (\(place))", asked, budget, began)
            )
        }
        var trace = try attack.run(through: session, seed: key.seed, test: test)
        trace.summary.options = options
        try trace.write(to: path)
        try? FileManager.default.removeItem(atPath: unfinished)
        return trace
    }

    private static func progress(
        _ phase: String, _ done: Int, _ total: Int, _ began: ContinuousClock.Instant
    ) -> TrainingProgress {
        let elapsed = max((ContinuousClock.now - began) / .seconds(1), 1e-6)
        let rate = Double(done) / elapsed
        return TrainingProgress(
            phase: phase, done: done, total: total, rate: rate,
            remaining: rate > 0 ? .seconds(Double(total - done) / rate) : nil)
    }

    // MARK: Measures

    private func add(
        _ trace: AttackTrace, _ key: EvaluationResult.RunKey, _ bench: ScoreBench,
        _ benign: [ScoreBench.Row], to result: inout EvaluationResult
    ) {
        let record = trace.record
        let rows = bench.rows(record.queries)
        let made = record.origins.indices.filter { record.origins[$0] == .attack }
        var groups = [(key.attack, made.map { rows[$0] })]
        if made.count < rows.count { groups.append((key.attack + "+seeds", rows)) }
        for (name, rows) in groups {
            var generator = RandomGenerator(seed: key.seed, stream: 3)
            let chosen = generator.permutation(benign.count).prefix(rows.count).map { benign[$0] }
            for score in bench.kinds {
                let metrics = DetectionMetrics(
                    attack: rows.map { $0.scores[score] ?? .nan },
                    benign: chosen.map { $0.scores[score] ?? .nan })
                if let metrics {
                    result.cells.append(.init(key, attack: name, score: score, metrics: metrics))
                }
            }
        }
        var prada = PRADA()
        for index in record.replies.indices {
            guard let label = record.replies[index].label else { continue }
            _ = prada.observe(record.queries(at: [index]).row(0), label: label)
        }
        result.runs.append(.init(key, trace.summary, prada))
        for (index, trial) in plan.windows.enumerated() {
            var generator = RandomGenerator(seed: key.seed, stream: 4 + UInt64(index))
            let metrics = trial.metrics(
                attack: made.map { rows[$0].surprise }, benign: benign.map(\.surprise), generator: &generator)
            if let metrics { result.windows.append(.init(key, trial, metrics)) }
        }
    }
}
