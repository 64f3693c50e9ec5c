/// A measurement of a query that was tried as a term beside the reconstruction; the raw value is its name in reports. Larger
/// is always meant to be more suspicious.
///
/// V is the victim's answer to the query, A the auxiliary model's answer to the reconstruction x̂ unless something else is
/// said. What became a term of scores is a ``SAME/ScoreTerm`` besides; the others are here so that anybody can see what they
/// would be worth.
package enum Trial: String, Codable, CaseIterable, Sendable {
    /// Nothing added: what the others are held against.
    case nothing = "nothing"

    // MARK: How far A is from V

    /// KL(V ‖ A) / K (Eq. 6, L_dev).
    case deviation = "KL(V ‖ A), Eq. (6)"
    /// KL(A ‖ V) / K.
    case reversed = "KL(A ‖ V)"
    /// The Jensen–Shannon divergence.
    case symmetric = "Jensen–Shannon"
    /// Eq. (6) with both answers sharpened: their powers of 2, made distributions.
    case sharpened = "KL(V ‖ A), temperature 1/2"
    /// Eq. (6) with both answers softened: their square roots, made distributions.
    case softened = "KL(V ‖ A), temperature 2"
    /// The same with fourth roots.
    case softened4 = "KL(V ‖ A), temperature 4"
    /// The squared distance of the probabilities, by which Eq. (5) trains.
    case squared = "squared difference"
    /// KL(V ‖ A) / K with an auxiliary model that learnt labels by Eq. (5), not the victim's answers.
    case labelled = "KL(V ‖ A), A taught by labels"
    /// Where KL(V ‖ A) stands among honest queries of the class that V holds most probable.
    case deviationOfClass = "KL(V ‖ A), percentile in V's class"
    /// KL(A(x) ‖ A(x̂)) / K: the auxiliary model against itself, for which no victim is needed.
    case ownDeviation = "KL(A(x) ‖ A(x̂))"

    // MARK: How sure they are

    /// 1 − max V.
    case doubt = "1 − max V"
    /// The energy of the victim's logits, which no client's answer holds.
    case victimEnergy = "energy of the victim's logits"
    /// The logarithm of V's second largest probability less that of the largest.
    case victimMargin = "margin of V's logits"
    /// The same of A.
    case margin = "margin of A's logits"
    /// A's largest logit of another class than V's most probable, less the logit of that one.
    case crossMargin = "margin of A's logits for V's class"
    /// The energy of the auxiliary model's logits.
    case energy = "energy of A's logits"
    /// The distance of the auxiliary model's features to honest ones: ``SAME/ReferenceFeatures``.
    case neighbour = "neighbours of A's features"

    // MARK: What the reconstruction says

    /// Where the reconstruction loss stands among honest queries of the class that V holds most probable.
    case lossOfClass = "L_rec, percentile in V's class"
    /// The loss on a quarter of the patches, drawn for each query, of the reconstruction from all of them: what a score comes to
    /// that does not finish the others.
    case lossOfQuarter = "L_rec of 25 % of the patches"
    /// The same of half of them.
    case lossOfHalf = "L_rec of 50 % of the patches"
    /// The loss on the patches that one mask hides, a quarter of them.
    case hidden25 = "loss on 25 % hidden"
    /// The same with half of them hidden.
    case hidden50 = "loss on 50 % hidden"
    /// The same with three quarters of them hidden.
    case hidden75 = "loss on 75 % hidden"
    /// The mean over eight masks that hide half of the patches.
    case hiddenMean = "loss on 50 % hidden, mean of 8 masks"
    /// ln L_rec less what honest queries have whose loss on the hidden patches is the same: the term `masked`.
    case masked25 = "L_rec by loss on 25 % hidden"
    /// The same with half of them hidden, as the term has it.
    case masked50 = "L_rec by loss on 50 % hidden"
    /// The same with three quarters of them hidden.
    case masked75 = "L_rec by loss on 75 % hidden"
    /// The same with the mean over eight masks that hide half of the patches.
    case maskedMean = "L_rec by loss on 50 % hidden, 8 masks"
    /// How much the answers to reconstructions by different masks differ: the mean of KL(A_m ‖ their mean) over four masks
    /// that hide half of the patches.
    case disagreement = "disagreement of A across 4 masks"
    /// The variance of the reconstructions by these masks, mean over the pixels.
    case unsteadiness = "variance of x̂ across 4 masks"

    /// The masked passes that are measured, a share hidden and how many masks.
    static let passes: [(ratio: Double, masks: Int)] = [(0.25, 1), (0.5, 8), (0.75, 1)]
    /// Of the masks that hide half, how many are compared with each other.
    static let comparedMasks = 4

    /// The loss on hidden patches that a masked trial is reckoned from.
    var hidden: Trial? {
        switch self {
        case .masked25: .hidden25
        case .masked50: .hidden50
        case .masked75: .hidden75
        case .maskedMean: .hiddenMean
        default: nil
        }
    }

    /// The measurement whose percentile within a class a trial is.
    var ofClass: Trial? {
        switch self {
        case .deviationOfClass: .deviation
        case .lossOfClass: .nothing
        default: nil
        }
    }
}
