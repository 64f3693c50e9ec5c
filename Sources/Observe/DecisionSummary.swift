/// What a set of decisions looks like, gathered in one pass and bounded memory.
package struct DecisionSummary: Sendable, Equatable {
    /// One route's share.
    package struct Route: Sendable, Equatable {
        /// Decisions.
        package var decisions = 0
        /// Decisions by verdict.
        package var verdicts: [DecisionRecord.Verdict: Int] = [:]
        /// Decisions that were carried out; the others were only logged.
        package var enforced = 0
        /// Scores.
        package var scores = QuantileSketch()
        /// **Units** milliseconds from the request's first byte to the decision.
        package var totals = QuantileSketch()
        /// **Units** milliseconds of scoring.
        package var scorings = QuantileSketch()
        /// **Units** milliseconds of the upstream.
        package var upstreams = QuantileSketch()
    }

    /// All decisions of interest.
    package private(set) var decisions = 0
    /// Decisions that the filter left aside.
    package private(set) var filtered = 0
    /// By verdict.
    package private(set) var verdicts: [DecisionRecord.Verdict: Int] = [:]
    /// By route; past `routesMax` names the rest share the name `(others)`.
    package private(set) var routes: [String: Route] = [:]
    /// The first and the last moment.
    package private(set) var span: ClosedRange<WallTime>?
    /// Who asked most.
    package private(set) var clients = HeavyHitters()
    /// What other thresholds would have decided, where asked for.
    package private(set) var replay: Replay?
    /// Why, of decisions with a score.
    package private(set) var scored = ReasonTally()
    /// Why, of decisions without one.
    package private(set) var unscored = ReasonTally()
    /// What became of whole requests, whose rows the decisions are about.
    package var requests: RequestTally.Counts { requestTally.counts }

    private var requestTally = RequestTally()
    private let filter: DecisionFilter
    private static let routesMax = 256
    private static let verdictsMax = 64

    /// A summary of the decisions that a filter takes.
    package init(filter: DecisionFilter = DecisionFilter(), replay: Replay? = nil) {
        self.filter = filter
        self.replay = replay
    }

    /// Adds a decision, if the filter takes it.
    package mutating func add(_ record: DecisionRecord) {
        guard filter.takes(record) else {
            filtered += record.queries
            requestTally.add(record, nil)
            return
        }
        decisions += record.queries
        let verdict = bounded(record.verdict)
        verdicts[verdict, default: 0] += record.queries
        span =
            min(
                span?.lowerBound ?? record.time, record.time)...max(
                span?.upperBound ?? record.time, record.time)
        clients.add(record.client, record.queries)
        if record.score == nil { unscored.add(record, as: verdict) } else { scored.add(record, as: verdict) }
        let name =
            routes[record.route] != nil || routes.count < DecisionSummary.routesMax
            ? record.route : "(others)"
        add(record, verdict, to: &routes[name, default: Route()])
        let ruling = replay?.add(record, as: verdict)
        requestTally.add(record, RequestTally.Row(route: name, verdict: verdict, ruling: ruling))
    }

    private func add(_ record: DecisionRecord, _ verdict: DecisionRecord.Verdict, to route: inout Route) {
        route.decisions += record.queries
        route.verdicts[verdict, default: 0] += record.queries
        if record.isEnforced { route.enforced += record.queries }
        if let score = record.score { route.scores.add(score) }
        if let total = record.latencies.total { route.totals.add(total) }
        if let scoring = record.latencies.score { route.scorings.add(scoring) }
        if let upstream = record.latencies.upstream { route.upstreams.add(upstream) }
    }

    /// A log of forged verdicts must not grow the summary without end.
    private func bounded(_ verdict: DecisionRecord.Verdict) -> DecisionRecord.Verdict {
        verdicts[verdict] != nil || verdicts.count < DecisionSummary.verdictsMax
            ? verdict : DecisionRecord.Verdict(rawValue: "(others)")
    }
}
