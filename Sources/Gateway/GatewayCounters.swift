import Synchronization

/// What routes have done since the start besides deciding: verdicts are counted by `GatewayMetrics`, with their routes. Any
/// thread may read.
package final class GatewayCounters: Sendable {
    /// Requests whose credentials were wrong, or missing where they are required.
    package let unauthenticated = Atomic<Int>(0)
    /// Requests refused because a rate had no room, or none could say.
    package let rateLimited = Atomic<Int>(0)
    /// Queries that could not be decoded.
    package let undecodable = Atomic<Int>(0)
    /// Queries that found the scoring queue full.
    package let overloaded = Atomic<Int>(0)
    /// Those of them that were refused.
    package let overloadedRefused = Atomic<Int>(0)
    /// Queries that waited for a scoring worker past their deadline.
    package let scoringLate = Atomic<Int>(0)
    /// Queries without a score whose client had others waiting.
    package let scoringCrowded = Atomic<Int>(0)
    /// Queries that had to leave the full scoring queue for a model with fewer rows in it.
    package let scoringDisplaced = Atomic<Int>(0)
    /// Rows that reconstruction, statistics and frame decided.
    package let settledEarly = Atomic<Int>(0)
    /// Rows whose examination was still kept from an earlier query, and those that were looked for in vain.
    package let cacheHits = Atomic<Int>(0)
    package let cacheMisses = Atomic<Int>(0)
    /// Answers without readable probabilities.
    package let unreadableAnswers = Atomic<Int>(0)
    /// Proofs that were refused.
    package let proofsRefused = Atomic<Int>(0)
    /// Challenges that could not be issued for lack of room or random bytes: the query was refused instead.
    package let unchallengeable = Atomic<Int>(0)

    /// All zero.
    package init() {}
}
