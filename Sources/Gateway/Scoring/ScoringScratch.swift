import SAME
import Tensor

/// What one scoring worker keeps between jobs: the networks' working memory.
///
/// Confined to its worker's thread; a model itself is immutable and shared.
package final class ScoringScratch {
    /// Activations and short-lived memory, reused from query to query.
    let workspace: Workspace

    /// Memory for one thread.
    package init() { workspace = Scorer.makeWorkspace() }
}
