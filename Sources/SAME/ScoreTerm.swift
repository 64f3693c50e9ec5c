/// One measurement of a query that a score is made of. Larger is always more suspicious.
package enum ScoreTerm: String, Codable, CaseIterable, Sendable {
    /// Mean over pixels of (x − x̂)², x̂ the masked autoencoder's reconstruction (Eq. 6, L_rec).
    case reconstruction
    /// ln of the reconstruction loss over what a benign image as rough as this one has.
    case excess
    /// ln of the reconstruction loss over what a benign image has whose hidden patches are as hard to guess as this one's.
    /// It costs a second, masked pass through the autoencoder.
    case masked
    /// How far plain statistics of the pixels are from benign ones: see ``ReferenceStatistics``. It asks no network.
    case statistics
    /// How far the frame around what is shown is from benign ones, likewise: ``PixelMeasure/frame``.
    case frame
    /// The perturbation detector's logit: a genuine picture stepped along a gradient, which reconstructs as well as
    /// it did before, shows in what the reconstruction leaves.
    case perturbation
    /// −ln Σ e^logit of the auxiliary model on x̂: it is unsure of what it was not trained on. It costs nothing.
    ///
    /// **Source** Liu et al., "Energy-based Out-of-distribution Detection" (NeurIPS 2020).
    case energy
    /// How far the auxiliary model's features of x̂ are from benign ones: see ``ReferenceFeatures``.
    case neighbour
    /// KL(V(x) ‖ A(x̂)) / K, the departure of the auxiliary model from the victim's answer (Eq. 6, L_dev).
    case deviation
    /// 1 − max V(x): queries near the training distribution are betrayed by the victim's own doubt, which is
    /// uncorrelated with reconstruction.
    case doubt

    /// How much the victim has to tell, each more than the one before.
    package enum Need: Int, Comparable, CaseIterable, Sendable {
        /// Nothing: the query is enough.
        case query
        /// Its largest probability.
        case confidence
        /// The probability of every class.
        case distribution

        /// Whether the victim has to tell less.
        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// What the term cannot be computed without.
    package var need: Need {
        switch self {
        case .reconstruction, .excess, .masked, .statistics, .frame, .perturbation, .energy, .neighbour:
            .query
        case .doubt: .confidence
        case .deviation: .distribution
        }
    }

    /// True when the term cannot be computed without something of the victim's answer.
    package var needsAnswer: Bool { need > .query }
}

/// The terms of one query, each absent when it could not be computed.
package struct TermValues: Hashable, Sendable {
    /// Always measurable.
    package var reconstruction: Float
    /// Mean square of the image's Laplacian: no term itself, but what ``ScoreTerm/excess`` is reckoned from.
    package var roughness: Float?
    /// Mean square error of the hidden patches: no term itself, but what ``ScoreTerm/masked`` is reckoned from.
    package var maskedLoss: Float?
    /// Filled in by the calibration, which knows what to expect.
    package var excess: Float?
    /// Likewise.
    package var masked: Float?
    /// Absent where the bundle has no reference statistics.
    package var statistics: Float?
    /// Likewise.
    package var frame: Float?
    /// Absent where the bundle has no detector.
    package var perturbation: Float?
    /// Absent only where nothing has measured it.
    package var energy: Float?
    /// Absent where the bundle has no references.
    package var neighbour: Float?
    /// Absent without the probability of every class.
    package var deviation: Float?
    /// Absent without the victim's answer.
    package var doubt: Float?

    /// Terms as measured.
    package init(
        reconstruction: Float, roughness: Float? = nil, maskedLoss: Float? = nil, statistics: Float? = nil,
        frame: Float? = nil, perturbation: Float? = nil, energy: Float? = nil, neighbour: Float? = nil,
        deviation: Float? = nil,
        doubt: Float? = nil
    ) {
        self.reconstruction = reconstruction
        self.roughness = roughness
        self.maskedLoss = maskedLoss
        self.statistics = statistics
        self.frame = frame
        self.perturbation = perturbation
        self.energy = energy
        self.neighbour = neighbour
        self.deviation = deviation
        self.doubt = doubt
    }

    /// The value of `term`, or nil when it is absent.
    package subscript(_ term: ScoreTerm) -> Float? {
        switch term {
        case .reconstruction: reconstruction
        case .excess: excess
        case .masked: masked
        case .statistics: statistics
        case .frame: frame
        case .perturbation: perturbation
        case .energy: energy
        case .neighbour: neighbour
        case .deviation: deviation
        case .doubt: doubt
        }
    }
}
