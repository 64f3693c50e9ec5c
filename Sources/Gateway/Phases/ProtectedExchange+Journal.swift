import Observe
import Policy
import Query
import SAME
import Settings
import Transport

// What the decision log is told. Each row that was scored or let by without a score gets a line, so that what the victim was asked
// can be found by its digest; a request that was refused unscored gets one for all its rows: whoever is refused must not be able to
// fill the log at no cost.
extension ProtectedExchange {
    /// The rows of a scored request.
    func record(_ decision: Decision, _ joined: Joined) {
        guard !isRecorded else { return }
        isRecorded = true
        for (row, score) in decision.scores.enumerated() {
            let verdict = decision.verdict.row(row)
            var record = base(
                verdict: DecisionRecord.Verdict(verdict.severity),
                reason: decision.reason ?? decision.verdict.decidedElsewhere(row), row: row,
                batch: joined.batch)
            record.reconstruction = Double(score.values.reconstruction)
            record.deviation = score.values.deviation.map(Double.init)
            record.excess = score.values.excess.map(Double.init)
            record.perturbation = score.values.perturbation.map(Double.init)
            record.measures = DecisionRecord.Measures(score.values)
            record.score = score.raw
            record.percentile = score.percentile
            record.terms = score.terms.map(\.rawValue)
            if decision.leavesAnswer, case .perturb = verdict { record.isEnforced = false }
            if case .proofOfWork(let demand) = verdict {
                record.difficulty = Self.difficulty(demand.expectedHashes)
            }
            services.note(record)
        }
    }

    /// How a request without a decision is told to the log.
    enum Unscored {
        /// As the route's fallback has it.
        case fallback(ProtectSettings.Fallback)
        /// Refused.
        case refused
        /// There is no answer to give, or nobody to give it to.
        case unanswered

        var verdict: DecisionRecord.Verdict {
            switch self {
            case .fallback(.reject), .refused: .reject
            case .fallback(.pass): .unscored
            case .unanswered: .unanswered
            }
        }
    }

    /// A request that was not scored.
    func recordUnscored(_ reason: String, as unscored: Unscored) {
        guard !isRecorded else { return }
        isRecorded = true
        guard case .fallback(let fallback) = unscored, !protection.refuses(fallback), let batch else {
            let row = batch?.rows == 1 ? 0 : nil
            return services.note(base(verdict: unscored.verdict, reason: reason, row: row, batch: batch))
        }
        for row in 0..<batch.rows {
            services.note(base(verdict: unscored.verdict, reason: reason, row: row, batch: batch))
        }
    }

    /// A withheld answer that went out on proof.
    func recordRelease(_ challenge: Challenge, _ batch: QueryBatch) {
        isRecorded = true
        for row in 0..<batch.rows {
            var record = base(verdict: .released, reason: "proof accepted", row: row, batch: batch)
            record.difficulty = Self.difficulty(challenge.target.expectedHashes)
            services.note(record)
        }
    }

    /// **Units** expected hashes, as a whole number.
    private static func difficulty(_ expectedHashes: Double) -> Int64 {
        Int64(min(expectedHashes.rounded(), 0x1p62))
    }

    private func base(
        verdict: DecisionRecord.Verdict, reason: String?, row: Int?, batch: QueryBatch?
    ) -> DecisionRecord {
        let now = services.clock.now()
        return DecisionRecord(
            time: WallTime.now(), requestID: exchange.requestID.text,
            client: note.account ?? exchange.client.host, route: route.name,
            row: row, rows: batch?.rows ?? 0, verdict: verdict, isEnforced: protection.mode == .enforce,
            latencies: latencies.record(total: now.duration(since: started), now: now),
            digest: row.flatMap { batch?.digests[$0].hex }, reason: reason, trace: note.trace?.traceID,
            requestCoding: note.requestCoding)
    }
}

extension Decision.Verdicts {
    /// The verdict on one row.
    func row(_ index: Int) -> Verdict {
        switch self {
        case .none: .pass
        case .rows(let batch): batch.rows[index]
        case .refused: .reject
        }
    }

    /// Why a row fares worse than its own verdict says: another row of its batch decides for all.
    func decidedElsewhere(_ index: Int) -> String? {
        guard case .rows(let batch) = self, let deciding = batch.decidingRow else { return nil }
        let worst = batch.rows[deciding].severity
        guard worst >= .proofOfWork, batch.rows[index].severity < worst else { return nil }
        return "row \(deciding) decides for its batch: \(worst.rawValue)"
    }
}

extension DecisionRecord.Measures {
    /// The terms that not every bundle has.
    init(_ values: TermValues) {
        self.init(
            masked: values.masked.map(Double.init), energy: values.energy.map(Double.init),
            neighbour: values.neighbour.map(Double.init), doubt: values.doubt.map(Double.init),
            statistics: values.statistics.map(Double.init), frame: values.frame.map(Double.init))
    }
}

extension DecisionRecord.Verdict {
    /// The policy's verdict by the name it has everywhere.
    init(_ severity: Severity) { self.init(rawValue: severity.rawValue) }
}
