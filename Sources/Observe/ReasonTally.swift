/// Why decisions were as they were, alike reasons counted together, in bounded memory.
package struct ReasonTally: Sendable, Equatable {
    /// The decisions of one verdict for one reason.
    package struct Kind: Sendable, Equatable {
        /// What was decided.
        package let verdict: String
        /// Why, without what differs from query to query; nil where the score alone decided.
        package let reason: String?
        /// How many decisions.
        package let decisions: Int
    }

    /// All decisions.
    package private(set) var decisions = 0
    private var kinds = HeavyHitters(capacity: 256)

    /// Counts a decision, its verdict under a name of the summary's.
    mutating func add(_ record: DecisionRecord, as verdict: DecisionRecord.Verdict) {
        decisions += record.queries
        let reason = record.reason.map { FoldedReason($0).text } ?? ""
        kinds.add("\(reason)\t\(verdict.rawValue)", record.queries)
    }

    /// The most frequent kinds, the first the most, and how many decisions are of others.
    package func top(_ number: Int) -> (kinds: [Kind], others: Int) {
        let found = kinds.top(number).map { name, count in
            // A folded reason has no tab.
            let parts = name.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            let reason = String(parts[0])
            return Kind(
                verdict: String(parts[1]), reason: reason.isEmpty ? nil : reason, decisions: count)
        }
        return (found, decisions - found.reduce(0) { $0 + $1.decisions })
    }
}
