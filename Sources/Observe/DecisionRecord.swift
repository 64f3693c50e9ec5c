/// What was decided of one query, one line of the decision log.
package struct DecisionRecord: Sendable, Equatable, LogRecord {
    /// The name of a verdict; a type of its own so that further verdicts need no change here.
    package struct Verdict: RawRepresentable, Sendable, Hashable {
        /// The name in the log.
        package var rawValue: String
        /// A verdict of that name.
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The answer passed unchanged.
        package static let pass = Verdict(rawValue: "pass")
        /// The answer was changed a little.
        package static let perturb = Verdict(rawValue: "perturb")
        /// The answer waits for a proof-of-work.
        package static let proofOfWork = Verdict(rawValue: "proof-of-work")
        /// The query was refused.
        package static let reject = Verdict(rawValue: "reject")
        /// The query could not be scored and was passed on, as the route says.
        package static let unscored = Verdict(rawValue: "unscored")
        /// The withheld answer went out, its proof accepted.
        package static let released = Verdict(rawValue: "released")
        /// The upstream gave no answer, or nobody waited for it.
        package static let unanswered = Verdict(rawValue: "unanswered")
        /// Every one that this version writes.
        package static let all = [pass, perturb, proofOfWork, reject, released, unscored, unanswered]
    }

    /// How long the parts of a query's way took; nil where it did not go.
    package struct Latencies: Sendable, Equatable {
        /// **Units** milliseconds of reading the query out of its body.
        package var parse: Double?
        /// **Units** milliseconds in the scoring queue.
        package var queue: Double?
        /// **Units** milliseconds of scoring.
        package var score: Double?
        /// **Units** milliseconds of the upstream's answer.
        package var upstream: Double?
        /// **Units** milliseconds of scoring against the answer and deciding.
        package var decide: Double?
        /// **Units** milliseconds from the request's first byte to the decision.
        package var total: Double?

        /// Latencies in milliseconds.
        package init(
            queue: Double? = nil, score: Double? = nil, upstream: Double? = nil, total: Double? = nil,
            parse: Double? = nil, decide: Double? = nil
        ) {
            self.parse = parse
            self.decide = decide
            self.queue = queue
            self.score = score
            self.upstream = upstream
            self.total = total
        }
    }

    /// Terms that not every bundle has; in the log each is there or it is not.
    package struct Measures: Sendable, Equatable {
        /// The reconstruction loss beyond what that of the hidden patches lets expect.
        package var masked: Double?
        /// The auxiliary model's energy.
        package var energy: Double?
        /// The distance of the auxiliary model's features to benign ones.
        package var neighbour: Double?
        /// The distance of plain statistics of pixels to benign ones.
        package var statistics: Double?
        /// The distance of the frame to benign ones.
        package var frame: Double?
        /// 1 − the victim's largest probability.
        package var doubt: Double?

        /// Measures as they were taken.
        package init(
            masked: Double? = nil, energy: Double? = nil, neighbour: Double? = nil, doubt: Double? = nil,
            statistics: Double? = nil, frame: Double? = nil
        ) {
            self.masked = masked
            self.energy = energy
            self.neighbour = neighbour
            self.statistics = statistics
            self.frame = frame
            self.doubt = doubt
        }

        fileprivate func encode(into line: inout JSONLine) {
            if let masked { line.field("masked", masked) }
            if let energy { line.field("energy", energy) }
            if let neighbour { line.field("neighbour", neighbour) }
            if let statistics { line.field("statistics", statistics) }
            if let frame { line.field("frame", frame) }
            if let doubt { line.field("doubt", doubt) }
        }
    }

    /// When it was decided.
    package var time: WallTime
    /// The request the query came in.
    package var requestID: String
    /// Who asked, as the route tells clients apart.
    package var client: String
    /// The route's name.
    package var route: String
    /// The query's place in its batch, from 0; nil where the record is about all of it.
    package var row: Int?
    /// The queries of the batch; 0 where nobody could read them.
    package var rows: Int
    /// The reconstruction loss.
    package var reconstruction: Double?
    /// The deviation of the auxiliary model from the answer.
    package var deviation: Double?
    /// The reconstruction loss beyond what the query's roughness lets expect.
    package var excess: Double?
    /// The perturbation detector's logit; nil where the bundle has none.
    package var perturbation: Double?
    /// What else was measured of the query; a bundle measures what its score is made of.
    package var measures = Measures()
    /// The combined score.
    package var score: Double?
    /// The share of benign queries that score lower, in percent.
    package var percentile: Double?
    /// What was decided.
    package var verdict: Verdict
    /// Whether it was carried out (`enforce`) or only logged (`observe`).
    package var isEnforced: Bool
    /// **Units** expected hashes of the challenge, where there is one.
    package var difficulty: Int64?
    /// How long the parts took.
    package var latencies: Latencies
    /// The digest of the canonical query, in hexadecimal.
    package var digest: String?
    /// The terms that the score used.
    package var terms: [String]
    /// Why, where the score alone does not say.
    package var reason: String?
    /// The id of the trace across services that the request belongs to, in hexadecimal; nil when there is none.
    package var trace: String?
    /// The content coding that the request's body claims; nil for none.
    package var requestCoding: String?

    /// A record; what is left out is written as null.
    package init(
        time: WallTime, requestID: String, client: String, route: String, row: Int? = 0, rows: Int = 1,
        reconstruction: Double? = nil, deviation: Double? = nil, excess: Double? = nil,
        perturbation: Double? = nil, score: Double? = nil, percentile: Double? = nil,
        verdict: Verdict, isEnforced: Bool, difficulty: Int64? = nil, latencies: Latencies = Latencies(),
        digest: String? = nil, terms: [String] = [], reason: String? = nil,
        trace: String? = nil, requestCoding: String? = nil
    ) {
        self.time = time
        self.requestID = requestID
        self.client = client
        self.route = route
        self.row = row
        self.rows = rows
        self.reconstruction = reconstruction
        self.deviation = deviation
        self.excess = excess
        self.perturbation = perturbation
        self.score = score
        self.percentile = percentile
        self.verdict = verdict
        self.isEnforced = isEnforced
        self.difficulty = difficulty
        self.latencies = latencies
        self.digest = digest
        self.terms = terms
        self.reason = reason
        self.trace = trace
        self.requestCoding = requestCoding
    }

    /// How many queries the record is about.
    package var queries: Int { row == nil ? max(1, rows) : 1 }

    /// Adds the record's fields.
    package func encode(into line: inout JSONLine) {
        line.field("time", time)
        line.field("request_id", requestID)
        line.field("client", client)
        line.field("route", route)
        line.field("row", row)
        line.field("rows", rows)
        line.field("reconstruction", reconstruction)
        line.field("deviation", deviation)
        line.field("excess", excess)
        line.field("perturbation", perturbation)
        measures.encode(into: &line)
        line.field("score", score)
        line.field("percentile", percentile)
        line.field("verdict", verdict.rawValue)
        line.field("mode", isEnforced ? "enforce" : "observe")
        line.field("difficulty", difficulty)
        line.object("latencies_ms") { object in
            object.field("parse", latencies.parse, decimals: 3)
            object.field("queue", latencies.queue, decimals: 3)
            object.field("score", latencies.score, decimals: 3)
            object.field("upstream", latencies.upstream, decimals: 3)
            object.field("decide", latencies.decide, decimals: 3)
            object.field("total", latencies.total, decimals: 3)
        }
        line.field("digest", digest)
        line.field("terms", terms)
        line.field("reason", reason)
        line.field("trace", trace)
        line.field("content_encoding", requestCoding)
    }
}
