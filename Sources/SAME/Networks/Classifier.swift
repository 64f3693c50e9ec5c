import Neural
import Tensor

/// What a classifier is trained toward.
package enum ClassifierObjective: Sendable {
    /// Mean cross entropy with one label an image.
    case labels([Int])
    /// Mean cross entropy with given probabilities, (B, classes).
    case probabilities(Tensor)
    /// Eq. (5): mean over images of ‖softmax(A(x̂)) − V(x)‖² with V's probabilities given, (B, classes).
    case squaredProbabilities(Tensor)
}

/// A network from images to class logits: the auxiliary model, or the demo's victim.
///
/// **Shapes**: batches are (B, C·H·W); logits and probabilities (B, classes), row-major Float32.
package final class Classifier: Module {
    package let architecture: ClassifierArchitecture
    package let parameters: [Parameter]

    /// A model with initial weights drawn from the generator.
    package init(
        _ architecture: ClassifierArchitecture, generator: inout RandomGenerator
    ) throws(ArchitectureError) {
        try architecture.validate()
        self.architecture = architecture
        parameters = []
    }

    /// A model with the weights of a state dict.
    package convenience init(_ architecture: ClassifierArchitecture, state: StateDict) throws {
        var generator = RandomGenerator(seed: 0)
        try self.init(architecture, generator: &generator)
        try load(state)
    }

    /// Adds the objective's gradients to the parameters' gradients and returns its value and the logits.
    package func lossAndGradients(
        _ batch: Tensor, _ objective: ClassifierObjective, workspace: Workspace
    ) -> (loss: Float, logits: Tensor) {
        (0, batch)
    }

    /// The objective's gradient with respect to the images, (B, C·H·W): for attacks that step along its sign.
    /// The parameters and their gradients stay as they are.
    package func inputGradient(
        _ batch: Tensor, _ objective: ClassifierObjective, workspace: Workspace
    ) -> Tensor {
        batch
    }

    /// The logits of each image, in evaluation mode: an image's logits do not depend on its batch.
    package func logits(_ batch: Tensor, workspace: Workspace) -> Tensor { batch }

    /// The softmax of the logits.
    package func probabilities(_ batch: Tensor, workspace: Workspace) -> Tensor { batch }
}
