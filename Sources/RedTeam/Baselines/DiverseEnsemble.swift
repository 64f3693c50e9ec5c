import SAME
import Tensor

/// Models taught to disagree on outliers: how much they do is the score.
package struct DiverseEnsemble: Sendable {
    /// The members.
    package let models: [Classifier]

    /// An ensemble of trained models.
    package init(models: [Classifier]) { self.models = models }

    /// 1 − the mean cosine between the members' answers, row by row: larger is more suspicious.
    ///
    /// **Shapes** queries (B, C·H·W).
    package func disagreement(_ queries: Tensor, workspace: Workspace) -> [Double] {
        let answers = models.map { $0.probabilities(queries, workspace: workspace) }
        return (0..<queries.rows).map { row in
            let outputs = answers.map { $0.row(row).map(Double.init) }
            var (sum, pairs) = (0.0, 0.0)
            for a in outputs.indices {
                for b in outputs.indices where b > a {
                    sum += ExposureLoss.cosine(outputs[a], outputs[b])
                    pairs += 1
                }
            }
            return 1 - sum / max(1, pairs)
        }
    }
}
