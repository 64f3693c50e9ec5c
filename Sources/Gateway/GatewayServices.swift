import Logging
import Observe
import Policy
import Proxy
import Store
import Transport

/// What every protected exchange of one gateway shares.
final class GatewayServices: Sendable {
    let limits: ProxyLimits
    let scoring: ScoringPool
    let store: any StateStore
    let authority: ChallengeAuthority
    let perturber: Perturber
    /// How long an answer is withheld and its challenge is good.
    let challengeLifetime: Duration
    let journal: DecisionJournal
    let counters = GatewayCounters()
    let metrics: GatewayMetrics
    let clock: any LoopClock
    let unix: UnixClock
    let log: Logger

    init(
        limits: ProxyLimits, scoring: ScoringPool, store: any StateStore, authority: ChallengeAuthority,
        perturber: Perturber, challengeLifetime: Duration, journal: DecisionJournal, metrics: GatewayMetrics,
        clock: any LoopClock, unix: UnixClock, log: Logger
    ) {
        self.limits = limits
        self.scoring = scoring
        self.store = store
        self.authority = authority
        self.perturber = perturber
        self.challengeLifetime = challengeLifetime
        self.journal = journal
        self.metrics = metrics
        self.clock = clock
        self.unix = unix
        self.log = log
    }

    /// Writes one row's decision down and counts it.
    func note(_ decision: DecisionRecord) {
        metrics.record(decision)
        journal.record(decision)
    }
}
