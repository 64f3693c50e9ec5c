import Dispatch
import Engine
import Foundation
import Neural
import RedTeam
import SAME
import Tensor

/// The victim and the scorer, side by side: both on the scoring engine in Float32, a thread's worth of queries at a time.
struct MeasureBench {
    private let scorer: Scorer
    private let plan: Plan
    private let victim: Classifier
    private let threads: Int

    /// Queries that are scored between two words on the progress.
    private static let portion = 1000
    /// Rows that pass through the victim together.
    private static let victimRows = 50

    init(_ bundle: ModelBundle, victim: Classifier, threads: Int) throws {
        scorer = Scorer(bundle)
        plan = try Plan(bundle, precision: .f32)
        self.victim = victim
        self.threads = threads
    }

    /// The score, then each term.
    static let columns: [(name: String, value: @Sendable (AnomalyScore) -> Double)] =
        [("score", { @Sendable (score: AnomalyScore) in score.raw })]
        + ScoreTerm.allCases.map { term in
            (term.rawValue, { @Sendable (score: AnomalyScore) in Double(score.values[term] ?? 0) })
        }

    static var header: String {
        columns.map { $0.name.padding(toLength: 16, withPad: " ", startingAt: 0) }.joined()
    }

    /// The score of each query, with the victim's answer to it.
    func scores(_ queries: Tensor, _ name: String) -> [AnomalyScore] {
        portions(of: queries, "\(name): scored").flatMap { rows -> [AnomalyScore] in
            let slices = Array(stride(from: 0, to: rows.rows, by: Self.victimRows))
            var found = [[AnomalyScore]](repeating: [], count: slices.count)
            found.withUnsafeMutableBufferPointer { found in
                let share = Shared(results: found)
                DispatchQueue.concurrentPerform(iterations: min(threads, slices.count)) { @Sendable thread in
                    let (arena, workspace) = (plan.makeArena(), Workspace())
                    for index in stride(from: thread, to: slices.count, by: threads) {
                        let end = min(rows.rows, slices[index] + Self.victimRows)
                        share.results[index] = score(rows.rows(slices[index]..<end), arena, workspace)
                    }
                }
            }
            return found.flatMap(\.self)
        }
    }

    private func score(_ rows: Tensor, _ arena: PlanArena, _ workspace: Workspace) -> [AnomalyScore] {
        let answers = victim.probabilities(rows, workspace: workspace)
        return plan.examine(rows, seeds: scorer.seeds(rows), arena: arena).enumerated().map {
            row, examination in
            scorer.assess(examination, answer: Array(answers.row(row)))
        }
    }

    /// Each query after one step along the sign of the victim's gradient.
    func stepped(_ queries: Tensor, by step: Float, _ name: String) -> Tensor {
        let values = portions(of: queries, "\(name): made").flatMap {
            SimpleQueries.signGradient($0, model: victim, step: step).values
        }
        return Tensor(shape: queries.shape, values: values)
    }

    /// The metrics of each column of the table.
    func row(attack: [AnomalyScore], benign: [AnomalyScore]) -> String {
        Self.columns.map { column in
            let metrics = DetectionMetrics(attack: attack.map(column.value), benign: benign.map(column.value))
            let text = metrics.map { String(format: "%.2f/%.2f", 100 * $0.auroc, 100 * $0.fpr95) } ?? "-"
            return text.padding(toLength: 16, withPad: " ", startingAt: 0)
        }.joined()
    }

    /// The queries in portions; as each is asked for, standard error says how far it is.
    private func portions(of queries: Tensor, _ name: String) -> some Sequence<Tensor> {
        stride(from: 0, to: queries.rows, by: Self.portion).lazy.map { start in
            let line = "\(name) \(start) of \(queries.rows)\n"
            FileHandle.standardError.write(Data(line.utf8))
            return queries.rows(start..<min(queries.rows, start + Self.portion))
        }
    }

    /// Results that threads write, each its own.
    ///
    /// `@unchecked Sendable` because: no two threads write one place, and nobody reads before all have ended.
    private struct Shared: @unchecked Sendable {
        let results: UnsafeMutableBufferPointer<[AnomalyScore]>
    }
}
