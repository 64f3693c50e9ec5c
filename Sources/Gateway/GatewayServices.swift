import Logging
import Observe
import Policy
import Proxy
import Settings
import Store
import Transport

/// What every exchange of one generation of a gateway shares. What outlives generations (the store, the rates, the counters)
/// is the same in all of them.
final class GatewayServices: Sendable {
    let limits: ProxyLimits
    /// Who clients are; nil when every one is anonymous.
    let authentication: Authentication?
    let tracer: Tracer
    let codings: CodingServices
    let scoring: ScoringPool
    /// How long a query may wait for a scoring worker; nil for however long.
    let scoringDeadline: Duration?
    /// Whose rows share the scoring queue as one.
    let scoringShare: ScoringSettings.Share
    let store: any StateStore
    let rates: RateTable
    let authority: ChallengeAuthority
    /// Who issued challenges before the key was changed: their answers are still withheld.
    let retired: ChallengeAuthority?
    let perturber: Perturber
    /// How long an answer is withheld and its challenge is good.
    let challengeLifetime: Duration
    let journal: DecisionJournal
    let counters: GatewayCounters
    let metrics: GatewayMetrics
    let clock: any LoopClock
    let unix: UnixClock
    let log: Logger
    let unreadableAnswers: UnreadableAnswerLog
    let upstreamFailures: UpstreamFailureLog
    /// What ends when the last generation that uses it does.
    private let leases: [any Sendable]
    private let reloads: ReloadCounters

    init(
        limits: ProxyLimits, authentication: Authentication?, tracer: Tracer, codings: CodingServices,
        scoring: ScoringPool, scoringDeadline: Duration? = nil,
        scoringShare: ScoringSettings.Share = .client,
        store: any StateStore,
        rates: RateTable,
        authority: ChallengeAuthority, retired: ChallengeAuthority? = nil,
        perturber: Perturber, challengeLifetime: Duration, journal: DecisionJournal,
        counters: GatewayCounters = GatewayCounters(), metrics: GatewayMetrics,
        clock: any LoopClock, unix: UnixClock, log: Logger, leases: [any Sendable] = [],
        reloads: ReloadCounters = ReloadCounters()
    ) {
        self.limits = limits
        self.authentication = authentication
        self.tracer = tracer
        self.codings = codings
        self.scoring = scoring
        self.scoringDeadline = scoringDeadline
        self.scoringShare = scoringShare
        self.store = store
        self.rates = rates
        self.authority = authority
        self.retired = retired
        self.perturber = perturber
        self.challengeLifetime = challengeLifetime
        self.journal = journal
        self.counters = counters
        self.metrics = metrics
        self.clock = clock
        self.unix = unix
        self.log = log
        unreadableAnswers = UnreadableAnswerLog(log, clock: clock)
        upstreamFailures = UpstreamFailureLog(log, clock: clock)
        self.leases = leases
        self.reloads = reloads
        reloads.generations.wrappingAdd(1, ordering: .relaxed)
    }

    deinit { reloads.generations.wrappingSubtract(1, ordering: .relaxed) }

    /// What charges the requests of a route.
    func limiter(for route: Route) -> RateLimiter { RateLimiter(rules: route.rates, store: rates) }

    /// Writes a decision down and counts the rows that it is about.
    func note(_ decision: DecisionRecord) {
        metrics.record(decision)
        journal.record(decision)
    }
}
