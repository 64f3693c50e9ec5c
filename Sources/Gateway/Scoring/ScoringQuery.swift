import Engine
import SAME
import Synchronization
import Transport

/// One request's rows on their way through the scoring pool.
///
/// Its rows may be examined in several turns, by several workers at once; `completion` is told once, when the last of
/// them is. What a row gives does not depend on the turn it was in.
package final class ScoringQuery: Sendable {
    /// What became of a query that was accepted.
    package enum Outcome: Sendable {
        /// All rows are examined.
        case examined(Examined)
        /// Its deadline passed while it waited. It is crowding where it was not its client's only row when it came.
        case late(isCrowding: Bool)
        /// It had to leave the full queue for a model that had fewer rows in it; the same.
        case displaced(isCrowding: Bool)
    }

    /// The examinations of all rows, in order, and when they were made.
    package struct Examined: Sendable {
        package let rows: [Examination]
        /// When the first turn began and the last one ended.
        package let begun: MonotonicTime
        package let ended: MonotonicTime
        /// The rows of each turn that this query was the first of; so each turn is told of once.
        package let turns: [Int]
    }

    private struct Progress {
        var examinations: [Examination?]
        var missing: Int
        var begun = MonotonicTime.never
        var turns: [Int] = []
    }

    /// What it is taken back by, when nobody waits for it any more.
    package let place = ScoringPlace()
    let plan: Plan
    /// **Shapes** (rows, C·H·W), canonical values.
    let values: [Float]
    let rows: Int
    /// What each row's mask is drawn from; empty where the plan masks nothing.
    let seeds: [UInt64]
    let submitted: MonotonicTime
    let deadline: MonotonicTime
    /// Whether a row's reconstruction, statistics and frame decide alone; nil where the whole score is wanted.
    let settles: (@Sendable (Examination) -> Bool)?
    private let completion: @Sendable (Outcome) -> Void
    private let progress: Mutex<Progress>

    /// A query of `rows` rows that must not wait for its first turn longer than `patience`, where given.
    ///
    /// `completion` is called once on a worker's thread, or on that which displaced the query; never for one that was
    /// taken back before its last row was examined, nor for one that was not accepted.
    package init(
        _ plan: Plan, rows: Int, values: [Float], seeds: [UInt64] = [], submitted: MonotonicTime,
        patience: Duration? = nil, settles: (@Sendable (Examination) -> Bool)? = nil,
        completion: @escaping @Sendable (Outcome) -> Void
    ) {
        precondition(rows > 0 && values.count == rows * plan.image.count, "a query is whole rows")
        precondition(!plan.masks || seeds.count == rows, "a masked pass needs a seed a row")
        self.seeds = seeds
        self.plan = plan
        self.rows = rows
        self.values = values
        self.submitted = submitted
        deadline = patience.map { submitted.advanced(by: $0) } ?? .never
        self.settles = settles
        self.completion = completion
        progress = Mutex(Progress(examinations: Array(repeating: nil, count: rows), missing: rows))
    }

    /// Tells what became of it.
    func end(_ outcome: Outcome) { completion(outcome) }

    /// Keeps the examinations of the rows from `first` on; with the last ones, all of them.
    func keep(
        _ found: ArraySlice<Examination>, from first: Int, begun: MonotonicTime, ended: MonotonicTime,
        turn: Int?
    ) -> Examined? {
        progress.withLock { progress -> Examined? in
            for (offset, examination) in found.enumerated() {
                progress.examinations[first + offset] = examination
            }
            progress.missing -= found.count
            progress.begun = min(progress.begun, begun)
            if let turn { progress.turns.append(turn) }
            guard progress.missing == 0 else { return nil }
            return Examined(
                rows: progress.examinations.compactMap(\.self), begun: progress.begun, ended: ended,
                turns: progress.turns)
        }
    }
}
