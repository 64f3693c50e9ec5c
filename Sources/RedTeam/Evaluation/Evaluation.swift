import Engine
import Foundation
import Learning
import SAME
import Tensor

/// Runs attacks against a victim in this process and measures every score on their queries.
package struct Evaluation {
    /// What is looked at besides the figures of every score.
    package enum Measure: String, Codable, CaseIterable, Sendable {
        case curves, histograms, ablation, ratios, policy, pictures
        /// Fréchet and MMD beside the mean surprise of account windows.
        case distances
        /// Honest accounts out of the ordinary.
        case honestAccounts = "honest-accounts"
        /// What the defences cost the victim.
        case costs
        /// What was tried as a term beside the reconstruction: see ``Trial``.
        case trials
    }

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
        /// What else is looked at.
        package var measures: Set<Measure> = [.curves, .histograms, .ablation, .pictures]
        /// The shares of malicious queries to try, where ``Measure/ratios`` are wanted.
        package var ratios = [0.01, 0.05, 0.1, 0.3, 0.5, 0.9]
        /// Windows drawn for each figure of honest accounts.
        package var honestWindows = 1000
        /// Pictures of each attack that the report shows.
        package var picturesShown = 4
        /// Principal components of the score by them.
        package var components = 32
        /// Pictures to train outlier exposure and diverse ensembles on; nil leaves these two baselines out. They must be none
        /// that an attack asks about.
        package var outliers: PicturePool?
        /// How the two are trained.
        package var exposure = ExposureTraining()
        /// Bundles made otherwise, to see what their sizes and epochs are worth.
        package var study: TrainingStudy?
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

    let plan: Plan
    let data: Data
    let victim: Classifier
    /// The victim as it is asked.
    let predictor: Predictor
    let bundle: ModelBundle
    let names: (victim: String, bundle: String)
    let workspace: Workspace
    let stop: StopFlag
    let show: (TrainingProgress) -> Void

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
        predictor = Predictor(victim)
        self.bundle = bundle
        self.names = names
        self.workspace = workspace
        self.stop = stop
        self.show = show
    }

    /// What every run is measured against.
    struct Context {
        var store: CellStore
        var bench: ScoreBench
        var pictures: Tensor
        /// Of the test pictures.
        var benign: [ScoreBench.Row]
        var opinions: [Int]
        var test: SubstituteTest
        var judge: WindowJudge
        /// Of the victim and the attackers' data.
        var materialDigest: String
        /// Of everything that scores.
        var benchDigest: String
        /// What a window's mean surprise may be, by size; empty where honest accounts are not looked at.
        var windowBounds: [Int: Double] = [:]
    }

    /// Runs everything. Each finished part is kept in the plan's folder, and `AttackError.stopped` leaves what the
    /// unfinished one has asked there too; resumed, the result is the same to the last bit, but for measured times.
    package func run() throws -> EvaluationResult {
        let store = try CellStore(folder: plan.folder, resumes: plan.resumes)
        let (context, costs) = try prepare(store)
        var result = emptyResult(context)
        result.costs = costs
        result.part.histograms = honestHistograms(context)
        result.part.pictures = honestPictures(context)
        let keys = plan.budgets.flatMap { budget in
            plan.seeds.flatMap { seed in
                plan.attacks.map { EvaluationResult.RunKey(attack: $0, budget: budget, seed: seed) }
            }
        }
        var forecast = Forecast(total: keys.reduce(0) { $0 + $1.budget }, parts: keys.count)
        for key in keys {
            result.part.add(try part(key, context, &forecast))
        }
        result.honestAccounts = try honestAccounts(context)
        result.trials = try trials(context)
        if let study = plan.study { result.training = try study.entries(self, context) }
        return result
    }

    private func emptyResult(_ context: Context) -> EvaluationResult {
        let (benign, opinions) = (context.benign, context.opinions)
        let right = zip(opinions, data.testLabels.values).count { $0 == $1 }
        let above = benign.count { $0.surprise > AnomalyScore.surprise(percentile: 99) }
        var honest = PRADA()
        // As many as the largest attack asks: an honest account that asks more is not what it is compared with.
        for row in 0..<min(plan.budgets.max() ?? 0, benign.count) {
            _ = honest.observe(context.pictures.row(row), label: opinions[row])
        }
        let count = Double(max(1, benign.count))
        var result = EvaluationResult(
            suite: plan.suite, victim: names.victim, bundle: names.bundle, alpha: plan.alpha,
            victimAccuracy: Double(right) / count, falsePositivesAtOnePercent: Double(above) / count,
            benignCount: benign.count, prada: honest)
        result.calibration = CalibrationPoint.points(surprises: benign.map(\.surprise))
        return result
    }

    /// Everything that runs and figures have in common.
    private func prepare(_ store: CellStore) throws -> (Context, [CostEntry]) {
        let digest = materialDigest
        let (bench, costs) = try makeBench(store)
        let pictures = data.test.canonical(0..<data.test.count, range: .signed)
        let benign = bench.rows(pictures)
        let answers = predictor.probabilities(pictures, workspace: workspace)
        let opinions = (0..<answers.rows).map { answers.row($0).largest ?? 0 }
        guard benign.count >= 4 else {
            throw AttackError.unfit(attack: "evaluate", reason: "it needs at least four test pictures")
        }
        let count = min(Self.substituteTestMax, pictures.rows)
        var context = Context(
            store: store, bench: bench, pictures: pictures, benign: benign, opinions: opinions,
            test: SubstituteTest(
                pictures: pictures.rows(0..<count), labels: Array(data.testLabels.values.prefix(count)),
                victimLabels: Array(opinions.prefix(count))),
            // The other half draws the honest windows that the distances are measured against.
            judge: WindowJudge(benign: benign.prefix(max(2, benign.count / 2)).map(\.features)),
            materialDigest: digest, benchDigest: benchDigest(digest))
        context.windowBounds = try windowBounds(context)
        return (context, costs)
    }
}

/// How long the rest will take, from what the runs so far took.
struct Forecast {
    private let total: Int
    private let parts: Int
    private var done = 0
    private var place = 0
    private var spent = Duration.zero
    private var computed = 0

    init(total: Int, parts: Int) {
        self.total = total
        self.parts = parts
    }

    /// Takes a finished part of so many queries; one that was kept from before says nothing of the speed.
    mutating func finish(_ queries: Int, after duration: Duration, wasKept: Bool) {
        done += queries
        place += 1
        guard !wasKept else { return }
        computed += queries
        spent += duration
    }

    /// `3/9, all in about 4m10s`.
    var text: String {
        guard computed > 0 else { return "\(place + 1)/\(parts)" }
        let seconds = Int(Double(total - done) / Double(computed) * (spent / .seconds(1)))
        let time =
            seconds >= 3600 ? "\(seconds / 3600)h\(seconds % 3600 / 60)m" : "\(seconds / 60)m\(seconds % 60)s"
        return "\(place + 1)/\(parts), all in about \(time)"
    }
}
