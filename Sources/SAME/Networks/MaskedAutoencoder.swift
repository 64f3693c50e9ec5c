import Neural
import Tensor

/// The masked autoencoder of the paper: a transformer that sees some patches of an image and paints all.
///
/// Parameters carry the names and layouts of the authors' PyTorch model, so its state dict loads unchanged.
/// **Shapes**: batches are (B, C·H·W), B images of C channels, row-major Float32, pixels in [−1, 1].
package final class MaskedAutoencoder: Module {
    package let architecture: MaskedAutoencoderArchitecture
    package let parameters: [Parameter]
    private let encoder: MaskedEncoder
    private let decoder: MaskedDecoder

    /// A model whose weights are still to be filled in.
    package init(unfilled architecture: MaskedAutoencoderArchitecture) throws(ArchitectureError) {
        try architecture.validate()
        self.architecture = architecture
        encoder = MaskedEncoder(architecture)
        decoder = MaskedDecoder(architecture)
        parameters = encoder.parameters + decoder.parameters
    }

    /// A model with initial weights drawn from the generator.
    package convenience init(
        _ architecture: MaskedAutoencoderArchitecture, generator: inout RandomGenerator
    ) throws(ArchitectureError) {
        try self.init(unfilled: architecture)
        encoder.initialize(&generator)
        decoder.initialize(&generator)
    }

    /// A model with the weights of a state dict.
    package convenience init(_ architecture: MaskedAutoencoderArchitecture, state: StateDict) throws {
        try architecture.validate()
        try state.requireRoom(parameters: architecture.parameterCount)
        try self.init(unfilled: architecture)
        try load(state)
    }

    /// Random masks for a batch: for each image, the indices of the patches left visible.
    package func randomMasks(
        images: Int, maskRatio: Double, generator: inout RandomGenerator
    ) -> [[Int]] {
        let visible = architecture.visiblePatches(maskRatio: maskRatio)
        return (0..<images).map { _ in Array(generator.permutation(architecture.patches).prefix(visible)) }
    }

    /// Adds the gradients of Eq. (4)'s loss to the parameters' gradients and returns the loss: the mean over all
    /// pixels of (x̂ − x)², divided by 0.75, each image under a random mask of its own.
    package func lossAndGradients(
        _ batch: Tensor, maskRatio: Double, generator: inout RandomGenerator, workspace: Workspace
    ) -> Float {
        let visible = randomMasks(images: batch.rows, maskRatio: maskRatio, generator: &generator)
        return lossAndGradients(batch, visible: visible, workspace: workspace)
    }

    /// The same with a given mask per image: the indices of the visible patches, in any order, as many for each.
    package func lossAndGradients(_ batch: Tensor, visible: [[Int]], workspace: Workspace) -> Float {
        precondition(batch.rows == visible.count && batch.rowCount == architecture.image.count)
        let pass = Pass(.training, workspace)
        defer { pass.end() }
        let patches = Patches(batch, architecture, workspace.arena)
        let painted = forward(patches, visible, pass)
        let loss = pass.meanSquaredError(painted, patches.values, factor: 1 / Self.lossDivisor)
        pass.backward()
        return Float(loss)
    }

    /// The authors divide the mean over all pixels by the share that is masked, whatever the ratio in use.
    private static let lossDivisor = 0.75

    /// The reconstruction x̂ of each image with every patch visible: deterministic, what scoring uses.
    package func reconstruct(_ batch: Tensor, workspace: Workspace) -> Tensor {
        let all = Array(0..<architecture.patches)
        return reconstruct(batch, visible: Array(repeating: all, count: batch.rows), workspace: workspace)
    }

    /// The reconstruction of each image from the patches given by index, as many for each image.
    ///
    /// Safe to call from several threads at once, each with a workspace of its own.
    package func reconstruct(_ batch: Tensor, visible: [[Int]], workspace: Workspace) -> Tensor {
        precondition(batch.rows == visible.count && batch.rowCount == architecture.image.count)
        var painted = [Float](repeating: 0, count: batch.count)
        painted.withUnsafeMutableBufferPointer { painted in
            for start in stride(from: 0, to: batch.rows, by: Self.imagesAtOnce) {
                let range = start..<min(start + Self.imagesAtOnce, batch.rows)
                let pass = Pass(.inference, workspace)
                let patches = Patches(batch, range, architecture, workspace.arena)
                let values = forward(patches, Array(visible[range]), pass)
                let room = painted.baseAddress! + start * batch.rowCount
                patches.assemble(values.values, into: room)
                pass.end()
            }
        }
        return Tensor(shape: batch.shape, values: painted)
    }

    /// Bounds the memory of inference, and keeps a batch's activations near the processor.
    private static let imagesAtOnce = 16

    private func forward(_ patches: Patches, _ visible: [[Int]], _ pass: Pass) -> Activation {
        let features = encoder.forward(patches, visible, pass)
        return decoder.forward(features, visible, pass)
    }
}
