/// What is done about a request of one or more rows.
package struct BatchVerdict: Hashable, Sendable {
    /// The verdict on each row, in the order of the request; what the decision log records.
    package let rows: [Verdict]
    /// What happens to the whole answer.
    package let outcome: Outcome
    /// The first row with the most severe verdict; nil for a request without rows.
    package let decidingRow: Int?

    /// What happens to the answer to a request.
    package enum Outcome: Hashable, Sendable {
        /// It goes out, with the rows whose verdict is perturb changed.
        case answer
        /// It waits for a proof; perturbed rows are changed before it is withheld.
        case proofOfWork(WorkDemand)
        /// It never goes out.
        case reject
    }

    /// The joint verdict: the most severe row decides, and the work of all rows that demand work adds up.
    ///
    /// Adding up keeps the price of a query the same alone and in a batch; taking the largest alone would let a
    /// client pay once for as many anomalous rows as a batch holds.
    package init(rows: [Verdict]) {
        self.rows = rows
        let worst = rows.map(\.severity).max() ?? .pass
        decidingRow = rows.firstIndex { $0.severity == worst }
        outcome =
            switch worst {
            case .pass, .perturb: .answer
            case .proofOfWork: .proofOfWork(Self.total(of: rows))
            case .reject: .reject
            }
    }

    /// The rows to perturb with their plans.
    package var perturbations: [(row: Int, plan: PerturbationPlan)] {
        rows.enumerated().compactMap { index, verdict in
            if case .perturb(let plan) = verdict { (index, plan) } else { nil }
        }
    }

    private static func total(of rows: [Verdict]) -> WorkDemand {
        let hashes = rows.reduce(0.0) { sum, verdict in
            if case .proofOfWork(let demand) = verdict { sum + demand.expectedHashes } else { sum }
        }
        return WorkDemand(expectedHashes: hashes)
    }
}
