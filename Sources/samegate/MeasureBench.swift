import Engine
import Foundation
import Neural
import RedTeam
import SAME
import Tensor

/// The victim and the scorer, side by side: both in Float32, on all threads.
struct MeasureBench {
    private let scorer: Scorer
    private let examiner: Examiner
    private let victim: Classifier
    private let predictor: Predictor
    private let workspace: Workspace

    /// Queries that are scored between two words on the progress.
    private static let portion = 1000

    init(_ bundle: ModelBundle, victim: Classifier, threads: Int) throws {
        let secret = MaskSecret(seed: 0)
        workspace = Workspace(threads: threads)
        scorer = Scorer(bundle, secret: secret)
        examiner = try Examiner(bundle.networks, secret: secret, workspace: workspace)
        self.victim = victim
        predictor = Predictor(victim)
    }

    /// What is measured of queries.
    struct Columns {
        /// The terms that the bundle measures.
        let terms: [ScoreTerm]

        /// The score, then each term that these have a value of.
        init(of scores: [AnomalyScore]) {
            terms = ScoreTerm.allCases.filter { term in scores.contains { $0.values[term] != nil } }
        }

        var names: [String] { ["score"] + terms.map(\.rawValue) }

        var header: String {
            names.map { $0.padding(toLength: 16, withPad: " ", startingAt: 0) }.joined()
        }

        /// One query's, in their order.
        func values(_ score: AnomalyScore) -> [Double?] {
            [score.raw] + terms.map { term in score.values[term].map(Double.init) }
        }

        /// The metrics of each.
        func row(attack: [AnomalyScore], benign: [AnomalyScore]) -> String {
            let (attack, benign) = (attack.map(values), benign.map(values))
            return names.indices.map { index in
                let metrics = DetectionMetrics(
                    attack: attack.compactMap { $0[index] }, benign: benign.compactMap { $0[index] })
                let text = metrics.map { String(format: "%.2f/%.2f", 100 * $0.auroc, 100 * $0.fpr95) } ?? "-"
                return text.padding(toLength: 16, withPad: " ", startingAt: 0)
            }.joined()
        }
    }

    /// The score of each query, with the victim's answer to it.
    func scores(_ queries: Tensor, _ name: String) -> [AnomalyScore] {
        portions(of: queries, "\(name): scored").flatMap { rows in
            let answers = predictor.probabilities(rows, workspace: workspace)
            return examiner.examine(rows).enumerated().map { row, examination in
                scorer.assess(examination, answer: Array(answers.row(row)))
            }
        }
    }

    /// Each query after one step along the sign of the victim's gradient.
    func stepped(_ queries: Tensor, by step: Float, _ name: String) -> Tensor {
        let values = portions(of: queries, "\(name): made").flatMap {
            SimpleQueries.signGradient($0, model: victim, step: step).values
        }
        return Tensor(shape: queries.shape, values: values)
    }

    /// The queries in portions; as each is asked for, standard error says how far it is.
    private func portions(of queries: Tensor, _ name: String) -> some Sequence<Tensor> {
        stride(from: 0, to: queries.rows, by: Self.portion).lazy.map { start in
            let line = "\(name) \(start) of \(queries.rows)\n"
            FileHandle.standardError.write(Data(line.utf8))
            return queries.rows(start..<min(queries.rows, start + Self.portion))
        }
    }
}
