import Foundation
import SAME
import Tensor

/// ActiveThief: rounds of asking about those of a public pool that the substitute has most to learn from.
///
/// **Source** Pal et al. 2020.
package struct ActiveThief: Attack {
    /// How pictures are chosen.
    package enum Selection: String, Sendable, CaseIterable {
        /// The substitute's answer is least certain.
        case entropy
        /// The substitute's answer lies farthest from all answers so far.
        case kCentre = "k-centre"
    }

    /// What it asks about.
    package let pool: PicturePool
    /// How it chooses.
    package let selection: Selection
    /// How its substitute is trained.
    package let training: SubstituteTraining
    /// The share of the budget asked at random first.
    package var seedShare = 0.1
    /// Rounds of choosing.
    package var rounds = 9
    /// At most so many of the pool's pictures are looked at in a round, drawn anew each time.
    package var candidatesMax = 5000

    /// An attack that chooses from the pool.
    package init(pool: PicturePool, selection: Selection, training: SubstituteTraining = SubstituteTraining())
    {
        self.pool = pool
        self.selection = selection
        self.training = training
    }

    /// The name in reports.
    package var name: String { "activethief-\(selection.rawValue)" }
    /// What shapes its queries, for reports.
    package var options: [String: String] {
        let own = [
            "pictures": "\(pool.count)", "seed share": "\(seedShare)", "rounds": "\(rounds)",
            "candidates": "\(candidatesMax)",
        ]
        return training.options.merging(own) { $1 }
    }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        try pool.require(session, attack: name)
        var rest = generator.permutation(pool.count)
        let first = max(1, Int((seedShare * Double(session.budget)).rounded()))
        try session.ask(pool, at: Array(rest.prefix(first)))
        rest.removeFirst(min(first, rest.count))
        let each = max(1, (session.remaining + rounds - 1) / max(1, rounds))
        while session.remaining > 0, !rest.isEmpty {
            let model = try training.substitute(from: session, attack: name, generator: &generator)
            let order = generator.permutation(rest.count).prefix(candidatesMax)
            let candidates = order.map { rest[$0] }
            let count = min(each, session.remaining)
            let chosen = choose(count, of: candidates, by: model, session).map { candidates[$0] }
            try session.ask(pool, at: chosen)
            let gone = Set(chosen)
            rest.removeAll { gone.contains($0) }
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }

    private func choose(
        _ count: Int, of candidates: [Int], by model: Classifier, _ session: AttackSession
    ) -> [Int] {
        var values: [Float] = []
        for start in stride(from: 0, to: candidates.count, by: 256) {
            let rows = candidates[start..<min(start + 256, candidates.count)]
            values += model.probabilities(pool.pictures(at: rows), workspace: session.workspace).values
        }
        let answers = Tensor(shape: [candidates.count, session.classes], values: values)
        switch selection {
        case .entropy: return Self.leastCertain(count, answers)
        case .kCentre:
            let known = session.record.answered(classes: session.classes).queries
            let centres = model.probabilities(known, workspace: session.workspace)
            return KCentre.choose(count, from: answers, centres: centres)
        }
    }

    /// The rows of highest entropy, the highest first.
    package static func leastCertain(_ count: Int, _ answers: Tensor) -> [Int] {
        let entropies = (0..<answers.rows).map { row in
            answers.row(row).reduce(0.0) { $1 > 0 ? $0 - Double($1) * log(Double($1)) : $0 }
        }
        return Array(entropies.indices.sorted { (entropies[$0], $1) > (entropies[$1], $0) }.prefix(count))
    }
}
