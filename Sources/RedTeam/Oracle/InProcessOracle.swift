import Engine
import SAME
import Tensor

/// A victim in this process, which answers every query.
package final class InProcessOracle: VictimOracle {
    private let model: Predictor
    private let workspace: Workspace
    /// How many pictures it has been asked about.
    package private(set) var queryCount = 0

    /// The model as a black box, computed in `workspace`.
    package init(_ model: Predictor, workspace: Workspace) {
        self.model = model
        self.workspace = workspace
    }

    /// The pictures it takes.
    package var image: ImageShape { model.architecture.image }
    /// The number of classes of its answers.
    package var classes: Int { model.architecture.classes }

    /// Asks about a batch; see ``VictimOracle``.
    package func ask(_ queries: Tensor) throws(OracleError) -> [OracleReply] {
        queryCount += queries.rows
        let answers = model.probabilities(queries, workspace: workspace)
        return (0..<queries.rows).map { .answered(Array(answers.row($0))) }
    }
}
