import Neural
import Tensor

/// A small convolutional network that tells a genuine image from one that a thief has stepped along a gradient.
///
/// It sees the image x and four times what the autoencoder leaves of it, x − x̂, where such a step stands out: the
/// autoencoder has no use for it. Nothing but the owner's images trains it, changed as thieves change theirs.
/// **Shapes**: batches are (B, C·H·W), row-major Float32, pixels in [−1, 1]; one logit an image, larger where an image
/// looks more like a perturbed one.
package final class PerturbationDetector: Module {
    package let architecture: PerturbationDetectorArchitecture
    private let layers: [(convolution: Convolution, isPooledBefore: Bool)]
    private let output: Linear

    /// How much larger the residual is made than the image's own values: its usual size is a few hundredths.
    package static let residualScale: Float = 4

    /// A model whose weights are still to be filled in.
    package init(unfilled architecture: PerturbationDetectorArchitecture) throws(ArchitectureError) {
        try architecture.validate()
        self.architecture = architecture
        layers = architecture.layers.map {
            (Convolution($0.name, $0.inputs, $0.outputs, side: 3, padding: 1), $0.isPooledBefore)
        }
        output = Linear("output", 2 * architecture.features, 1)
    }

    /// A model with initial weights drawn from the generator.
    package convenience init(
        _ architecture: PerturbationDetectorArchitecture, generator: inout RandomGenerator
    ) throws(ArchitectureError) {
        try self.init(unfilled: architecture)
        for layer in layers { layer.convolution.initialize(&generator) }
        output.initialize(&generator)
    }

    /// A model with the weights of a state dict.
    package convenience init(_ architecture: PerturbationDetectorArchitecture, state: StateDict) throws {
        try architecture.validate()
        try state.requireRoom(parameters: architecture.parameterCount)
        try self.init(unfilled: architecture)
        try load(state)
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { layers.flatMap(\.convolution.parameters) + output.parameters }

    /// Adds the gradients of the mean binary cross entropy to the parameters' gradients and returns it.
    package func lossAndGradients(
        _ images: Tensor, _ reconstructions: Tensor, isPerturbed: [Bool], workspace: Workspace
    ) -> Float {
        precondition(isPerturbed.count == images.rows)
        let pass = Pass(.training, workspace)
        defer { pass.end() }
        let logits = forward(input(images, reconstructions, 0..<images.rows, pass), pass)
        let loss = pass.binaryCrossEntropy(logits) { isPerturbed[$0] }
        pass.backward()
        return Float(loss)
    }

    /// The logit of each image, given its reconstruction. An image's does not depend on those beside it.
    ///
    /// Safe to call from several threads at once, each with a workspace of its own.
    package func logits(_ images: Tensor, _ reconstructions: Tensor, workspace: Workspace) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(images.rows)
        for start in stride(from: 0, to: images.rows, by: Self.imagesAtOnce) {
            let rows = start..<min(start + Self.imagesAtOnce, images.rows)
            let pass = Pass(.inference, workspace)
            let logits = forward(input(images, reconstructions, rows, pass), pass)
            values += UnsafeBufferPointer(start: logits.values, count: logits.count)
            pass.end()
        }
        return values
    }

    /// Bounds the memory of inference.
    private static let imagesAtOnce = 16

    /// Both channels of each image, channels first: the image, then its residual.
    private func input(
        _ images: Tensor, _ reconstructions: Tensor, _ rows: Range<Int>, _ pass: Pass
    ) -> Activation {
        let count = architecture.image.count
        precondition(images.rowCount == count && reconstructions.shape == images.shape)
        let room = pass.workspace.arena.allocate(rows.count * 2 * count)
        images.values.withUnsafeBufferPointer { x in
            reconstructions.values.withUnsafeBufferPointer { painted in
                for row in rows {
                    let to = room + (row - rows.lowerBound) * 2 * count
                    for index in 0..<count {
                        let value = x[row * count + index]
                        to[index] = value
                        to[count + index] = Self.residualScale * (value - painted[row * count + index])
                    }
                }
            }
        }
        return pass.input(taking: room, rows: rows.count, columns: 2 * count)
    }

    private func forward(_ x: Activation, _ pass: Pass) -> Activation {
        let image = architecture.image
        var map = pass.featureMap(
            x, ImageShape(channels: 2 * image.channels, height: image.height, width: image.width))
        for layer in layers {
            if layer.isPooledBefore { map = pass.averagePool(map, side: 2, stride: 2) }
            map = layer.convolution.forward(map, pass).relu(pass)
        }
        let features = pass.concatenate(pass.globalAveragePool(map), pass.globalMaxPool(map))
        return output.forward(features, pass)
    }
}
