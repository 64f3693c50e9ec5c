/// What an evaluation found: every figure once per seed, means are made when it is told.
package struct EvaluationResult: Codable, Sendable {
    /// One score against one attack.
    package struct Cell: Codable, Hashable, Sendable {
        package var attack: String
        package var budget: Int
        package var seed: UInt64
        package var score: ScoreKind
        package var auroc: Double
        package var fpr95: Double
        package var fpr90: Double
        package var aupr: Double
        /// The attack's queries, and the test pictures that they are held against.
        package var positives: Int
        package var negatives: Int

        /// The figures of `metrics`, of so many of each.
        package init(
            _ run: RunKey, attack: String, score: ScoreKind, metrics: DetectionMetrics, positives: Int,
            negatives: Int
        ) {
            (self.positives, self.negatives) = (positives, negatives)
            self.attack = attack
            budget = run.budget
            seed = run.seed
            self.score = score
            (auroc, fpr95, fpr90, aupr) = (metrics.auroc, metrics.fpr95, metrics.fpr90, metrics.aupr)
        }
    }

    /// Which run of an attack.
    package struct RunKey: Codable, Hashable, Sendable {
        package var attack: String
        package var budget: Int
        package var seed: UInt64

        /// A run as given.
        package init(attack: String, budget: Int, seed: UInt64) {
            self.attack = attack
            self.budget = budget
            self.seed = seed
        }
    }

    /// One run of an attack.
    package struct Run: Codable, Hashable, Sendable {
        package var key: RunKey
        package var asked: Int
        /// The substitute's.
        package var accuracy: Double?
        package var fidelity: Double?
        /// The query at which PRADA raised the alarm, were all of them one account's; nil where it did not.
        package var pradaAlarm: Int?
        /// The lowest W it met: what another threshold would have done.
        package var pradaLowest: Double?
        /// Queries without an answer, by reason.
        package var refusals: [String: Int]
        package var options: [String: String]

        /// A run as given.
        package init(
            _ key: RunKey, _ summary: AttackTrace.Summary, _ prada: PRADA,
            refusals: [OracleRefusal: Int] = [:]
        ) {
            self.refusals = Dictionary(uniqueKeysWithValues: refusals.map { ($0.rawValue, $1) })
            self.key = key
            asked = summary.asked
            accuracy = summary.accuracy
            fidelity = summary.fidelity
            options = summary.options
            pradaAlarm = prada.alarm
            pradaLowest = prada.lowest
        }
    }

    /// One window size against one attack.
    package struct Window: Codable, Hashable, Sendable {
        package var attack: String
        package var budget: Int
        package var seed: UInt64
        package var measure: WindowMeasure
        package var size: Int
        package var accounts: Int
        package var honestShare: Double
        package var auroc: Double
        package var fpr95: Double
        /// The share of the thieves' windows above what no kind of honest account passes more often than stated; nil where
        /// such accounts were not looked at.
        package var caught: Double?
        /// How many windows the thieves' queries made; nil in parts that were kept before it was noted.
        package var count: Int?

        /// The figures of `metrics`.
        package init(
            _ key: RunKey, _ trial: AccountTrial, _ metrics: DetectionMetrics,
            measure: WindowMeasure = .meanSurprise, caught: Double? = nil, count: Int? = nil
        ) {
            self.caught = caught
            self.count = count
            (attack, budget, seed) = (key.attack, key.budget, key.seed)
            self.measure = measure
            (size, accounts, honestShare) = (trial.window, trial.accounts, trial.honestShare)
            (auroc, fpr95) = (metrics.auroc, metrics.fpr95)
        }
    }

    /// What was run, against what.
    package var suite: String
    package var victim: String
    package var bundle: String
    package var alpha: Double
    /// On test pictures.
    package var victimAccuracy: Double
    /// Test pictures above the score that is stated to be passed by one benign query in a hundred.
    package var falsePositivesAtOnePercent: Double
    package var benignCount: Int
    /// The query at which PRADA raised the alarm over honest test pictures, were all of them one account's.
    package var pradaHonestAlarm: Int?
    /// The lowest W over them.
    package var pradaHonestLowest: Double?
    /// What the runs of the attacks came to.
    package var part = EvaluationPart()
    /// Stated against measured false-positive rates.
    package var calibration: [CalibrationPoint] = []
    /// Honest accounts out of the ordinary.
    package var honestAccounts: [HonestAccountEntry] = []
    /// Autoencoders trained otherwise (Figures 6 and 7).
    package var training: [TrainingEntry] = []
    /// What was tried as a term beside the reconstruction.
    package var trials: [TrialEntry] = []
    /// What each defence costs (Table 3).
    package var costs: [CostEntry] = []

    /// One entry an attack, budget, seed and score.
    package var cells: [Cell] {
        get { part.cells }
        set { part.cells = newValue }
    }
    /// One entry an attack, budget and seed.
    package var runs: [Run] {
        get { part.runs }
        set { part.runs = newValue }
    }
    /// One entry an attack, budget, seed and window.
    package var windows: [Window] {
        get { part.windows }
        set { part.windows = newValue }
    }

    /// A result without any attack yet.
    package init(
        suite: String, victim: String, bundle: String, alpha: Double, victimAccuracy: Double,
        falsePositivesAtOnePercent: Double, benignCount: Int, prada: PRADA
    ) {
        self.suite = suite
        self.victim = victim
        self.bundle = bundle
        self.alpha = alpha
        self.victimAccuracy = victimAccuracy
        self.falsePositivesAtOnePercent = falsePositivesAtOnePercent
        self.benignCount = benignCount
        pradaHonestAlarm = prada.alarm
        pradaHonestLowest = prada.lowest
    }
}

/// Mean and standard deviation over seeds.
package struct Spread: Hashable, Sendable {
    package let mean: Double
    /// Of the sample; nil for a single value.
    package let deviation: Double?

    /// The spread of at least one value; nil for none.
    package init?(_ values: [Double]) {
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        self.mean = mean
        guard values.count > 1 else {
            deviation = nil
            return
        }
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
        deviation = square.squareRoot()
    }
}
