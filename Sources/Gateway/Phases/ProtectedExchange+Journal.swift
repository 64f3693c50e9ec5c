import Observe
import Policy
import Query
import SAME
import Transport

// What the decision log is told. Each row gets one line, whatever became of it.
extension ProtectedExchange {
    /// The rows of a scored request; `verdicts` is nil where there was no prediction to decide about.
    func record(_ scores: [AnomalyScore], verdicts: BatchVerdict?, _ joined: Joined, reason: String?) {
        for (row, score) in scores.enumerated() {
            let verdict = verdicts?.rows[row] ?? .pass
            services.counters.count(verdict.severity)
            var record = base(
                verdict: DecisionRecord.Verdict(rawValue: verdict.severity.rawValue), reason: reason, row: row,
                batch: joined.batch)
            record.reconstruction = Double(score.values.reconstruction)
            record.deviation = score.values.deviation.map(Double.init)
            record.score = score.raw
            record.percentile = score.percentile
            record.terms = score.terms.map(\.rawValue)
            if case .proofOfWork(let demand) = verdict {
                record.difficulty = Int64(min(demand.expectedHashes.rounded(), 0x1p62))
            }
            services.journal.record(record)
        }
    }

    /// The rows of a request that was not scored, or one line for the request when no rows are known.
    func recordUnscored(_ reason: String, verdict: Severity) {
        let name: DecisionRecord.Verdict = verdict == .reject ? .reject : .unscored
        guard let batch else {
            return services.journal.record(base(verdict: name, reason: reason, row: 0, batch: nil))
        }
        for row in 0..<batch.rows {
            services.journal.record(base(verdict: name, reason: reason, row: row, batch: batch))
        }
    }

    /// A withheld answer that went out on proof.
    func recordRelease(_ challenge: Challenge, _ batch: QueryBatch) {
        for row in 0..<batch.rows {
            var record = base(verdict: .released, reason: "proof accepted", row: row, batch: batch)
            record.difficulty = Int64(min(challenge.target.expectedHashes.rounded(), 0x1p62))
            services.journal.record(record)
        }
    }

    private func base(
        verdict: DecisionRecord.Verdict, reason: String?, row: Int, batch: QueryBatch?
    ) -> DecisionRecord {
        DecisionRecord(
            time: WallTime.now(), requestID: exchange.requestID.text, client: exchange.peer.host, route: route.name,
            row: row, rows: batch?.rows ?? 0, verdict: verdict, isEnforced: protection.mode == .enforce,
            latencies: latencies.record(total: services.clock.now().duration(since: started)),
            digest: batch?.digests[row].hex, reason: reason)
    }
}

extension DecisionRecord.Verdict {
    /// The withheld answer went out, its proof accepted.
    static let released = Self(rawValue: "released")
}
