import HTTPWire
import Proxy
import Query
import SAME
import Transport

// The scores of a query: kept from earlier ones, or from the scoring pool while the victim answers.
extension ProtectedExchange {
    /// Asks the victim and has the rows examined beside it.
    func score(_ batch: QueryBatch, _ body: [UInt8]) {
        submitted = services.clock.now()
        let missing = recall(batch)
        if missing.isEmpty {
            latencies.queue = .zero
            latencies.score = .zero
        } else {
            let query = query(for: missing, of: batch)
            let admission = services.scoring.submit(query, of: scoringClient, together: batch.rows)
            guard admission == .accepted else {
                return overloaded(body, isCrowding: admission == .crowded)
            }
            places.append(query.place)
        }
        chargeFixed()
        forward(body) { self.answered($0) }
    }

    /// Takes over what is kept of earlier queries; the rows that are left to examine.
    private func recall(_ batch: QueryBatch) -> [Int] {
        guard let cache = protection.cache else { return Array(0..<batch.rows) }
        let found = batch.digests.map { cache.find($0) }
        let missing = found.indices.filter { found[$0] == nil }
        services.counters.cacheHits.wrappingAdd(batch.rows - missing.count, ordering: .relaxed)
        services.counters.cacheMisses.wrappingAdd(missing.count, ordering: .relaxed)
        if missing.isEmpty { examinations = found.compactMap(\.self) } else { recalled = found }
        return missing
    }

    private func query(for rows: [Int], of batch: QueryBatch) -> ScoringQuery {
        let values = rows.count == batch.rows ? batch.values : rows.flatMap { batch.row($0) }
        return ScoringQuery(
            protection.plan, rows: rows.count, values: values, seeds: protection.seeds(batch, rows: rows),
            submitted: submitted, patience: services.scoringDeadline, settles: protection.settles,
            completion: { [self] outcome in
                exchange.loop.execute { @Sendable in self.scored(outcome) }
            })
    }

    private func scored(_ outcome: ScoringQuery.Outcome) {
        switch outcome {
        case .examined(let examined):
            latencies.queue = examined.begun.duration(since: submitted)
            latencies.score = examined.ended.duration(since: examined.begun)
            for rows in examined.turns { services.metrics.recordTurn(rows: rows) }
            keep(examined.rows)
            join()
        case .late(let isCrowding):
            services.counters.scoringLate.wrappingAdd(1, ordering: .relaxed)
            unscored("the scoring deadline passed", isCrowding: isCrowding)
        case .displaced(let isCrowding):
            services.counters.scoringDisplaced.wrappingAdd(1, ordering: .relaxed)
            unscored("displaced from the full scoring queue", isCrowding: isCrowding)
        }
    }

    /// Puts what was examined between what was recalled, and keeps it for repeats.
    private func keep(_ fresh: [Examination]) {
        if protection.settles != nil {
            services.counters.settledEarly.wrappingAdd(fresh.count(where: \.isSettled), ordering: .relaxed)
        }
        guard let cache = protection.cache, let batch else {
            examinations = fresh
            return
        }
        var left = fresh[...]
        examinations = recalled.enumerated().compactMap { row, kept in
            if let kept { return kept }
            guard let found = left.popFirst() else { return nil }
            cache.keep(found, of: batch.digests[row])
            return found
        }
    }
}
