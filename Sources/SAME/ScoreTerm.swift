/// One measurement of a query that a score is made of. Larger is always more suspicious.
package enum ScoreTerm: String, Codable, CaseIterable, Sendable {
    /// Mean over pixels of (x − x̂)², x̂ the masked autoencoder's reconstruction (Eq. 6, L_rec).
    case reconstruction
    /// ln of the reconstruction loss over what a benign image as rough as this one has.
    case excess
    /// The perturbation detector's logit: a genuine picture stepped along a gradient, which reconstructs as well as
    /// it did before, shows in what the reconstruction leaves.
    case perturbation
    /// KL(V(x) ‖ A(x̂)) / K, the departure of the auxiliary model from the victim's answer (Eq. 6, L_dev).
    case deviation
    /// 1 − max V(x): queries near the training distribution are betrayed by the victim's own doubt, which is
    /// uncorrelated with reconstruction.
    case doubt

    /// True when the term cannot be computed without the victim's probabilities.
    package var needsAnswer: Bool { self == .deviation || self == .doubt }
}

/// The terms of one query, each absent when it could not be computed.
package struct TermValues: Hashable, Sendable {
    /// Always measurable.
    package var reconstruction: Float
    /// Mean square of the image's Laplacian: no term itself, but what ``ScoreTerm/excess`` is reckoned from.
    package var roughness: Float?
    /// Filled in by the calibration, which knows what to expect.
    package var excess: Float?
    /// Absent where the bundle has no detector.
    package var perturbation: Float?
    /// Absent without the victim's answer.
    package var deviation: Float?
    /// Absent without the victim's answer.
    package var doubt: Float?

    /// Terms as measured.
    package init(
        reconstruction: Float, roughness: Float? = nil, perturbation: Float? = nil, deviation: Float? = nil,
        doubt: Float? = nil
    ) {
        self.reconstruction = reconstruction
        self.roughness = roughness
        self.perturbation = perturbation
        self.deviation = deviation
        self.doubt = doubt
    }

    /// The value of `term`, or nil when it is absent.
    package subscript(_ term: ScoreTerm) -> Float? {
        switch term {
        case .reconstruction: reconstruction
        case .excess: excess
        case .perturbation: perturbation
        case .deviation: deviation
        case .doubt: doubt
        }
    }
}
