/// What one run of an attack came to, and nothing that another run has a say in: what a finished cell keeps.
package struct EvaluationPart: Codable, Hashable, Sendable {
    package var cells: [EvaluationResult.Cell] = []
    package var runs: [EvaluationResult.Run] = []
    package var windows: [EvaluationResult.Window] = []
    package var curves: [RunCurve] = []
    package var histograms: [RunHistogram] = []
    package var ablation: [AblationEntry] = []
    package var ratios: [RatioEntry] = []
    package var policies: [PolicyEntry] = []
    package var pictures: [PictureEntry] = []

    /// Nothing yet.
    package init() {}

    /// Adds another run's.
    package mutating func add(_ other: EvaluationPart) {
        cells += other.cells
        runs += other.runs
        windows += other.windows
        curves += other.curves
        histograms += other.histograms
        ablation += other.ablation
        ratios += other.ratios
        policies += other.policies
        pictures += other.pictures
    }
}

/// A receiver operating characteristic of one score against one attack.
package struct RunCurve: Codable, Hashable, Sendable {
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    package var score: ScoreKind
    /// False-positive rates, ascending, of as many points as a drawing can tell apart.
    package var falsePositives: [Double]
    /// True-positive rates, one each.
    package var truePositives: [Double]
    /// True-positive rates at the ``statedRates``, of the whole curve.
    package var caught: [Double]

    /// The false-positive rates that tables state a curve's true-positive rates at.
    package static let statedRates = [0.001, 0.01, 0.05, 0.1]
}

/// Where the scores of one kind of query lie.
package struct RunHistogram: Codable, Hashable, Sendable {
    /// The attack's name; ``honest`` for the test pictures.
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    package var score: ScoreKind
    /// One more than there are shares; what lies outside counts with the outermost.
    package var edges: [Double]
    package var shares: [Double]

    /// The name that stands for test pictures.
    package static let honest = "honest"
}

/// One choice of terms against one attack.
package struct AblationEntry: Codable, Hashable, Sendable {
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    /// Such as `all terms`, `only deviation`, `without excess`, `with doubt`.
    package var variant: String
    package var auroc: Double
    package var fpr95: Double
}

/// One share of malicious queries among all.
package struct RatioEntry: Codable, Hashable, Sendable {
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    package var score: ScoreKind
    package var ratio: Double
    package var auroc: Double
    package var aupr: Double
    package var fpr95: Double
    package var fpr90: Double
}

/// What one policy does to honest queries and to an attack's.
package struct PolicyEntry: Codable, Hashable, Sendable {
    package var attack: String
    package var budget: Int
    package var seed: UInt64
    package var score: ScoreKind
    /// `reject` or `proof-of-work`.
    package var policy: String
    /// The share of honest queries that get an answer.
    package var honestAnswered: Double
    package var attackAnswered: Double
    /// **Units** mean expected hashes a query.
    package var honestHashes: Double
    package var attackHashes: Double
}

/// A query with what the autoencoder makes of it, as PNG files in base64.
package struct PictureEntry: Codable, Hashable, Sendable {
    package var attack: String
    package var original: String
    package var masked: String
    package var reconstructed: String
    package var error: String
    package var loss: Double
    package var surprise: Double
}
