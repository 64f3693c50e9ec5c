import Policy
import Synchronization

/// What protected routes have done since the start. Any thread may read.
package final class GatewayCounters: Sendable {
    private let passes = Atomic<Int>(0)
    private let perturbations = Atomic<Int>(0)
    private let challenges = Atomic<Int>(0)
    private let rejections = Atomic<Int>(0)
    /// Requests whose credentials were wrong, or missing where they are required.
    package let unauthenticated = Atomic<Int>(0)
    /// Requests refused because a rate had no room, or none could say.
    package let rateLimited = Atomic<Int>(0)
    /// Queries that could not be decoded.
    package let undecodable = Atomic<Int>(0)
    /// Queries that found the scoring queue full.
    package let overloaded = Atomic<Int>(0)
    /// Answers without readable probabilities.
    package let unreadableAnswers = Atomic<Int>(0)
    /// Answers released on proof.
    package let released = Atomic<Int>(0)
    /// Proofs that were refused.
    package let proofsRefused = Atomic<Int>(0)
    /// Challenges that could not be issued for lack of room or random bytes: the query was refused instead.
    package let unchallengeable = Atomic<Int>(0)

    /// All zero.
    package init() {}

    /// Counts one row's verdict.
    func count(_ severity: Severity) {
        switch severity {
        case .pass: passes.wrappingAdd(1, ordering: .relaxed)
        case .perturb: perturbations.wrappingAdd(1, ordering: .relaxed)
        case .proofOfWork: challenges.wrappingAdd(1, ordering: .relaxed)
        case .reject: rejections.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// Rows with this verdict.
    package func rows(_ severity: Severity) -> Int {
        switch severity {
        case .pass: passes.load(ordering: .relaxed)
        case .perturb: perturbations.load(ordering: .relaxed)
        case .proofOfWork: challenges.load(ordering: .relaxed)
        case .reject: rejections.load(ordering: .relaxed)
        }
    }
}
