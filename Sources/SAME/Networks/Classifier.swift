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
    /// Any function of the logits, (B, classes): its value and its slopes, of the same shape.
    case function(@Sendable (_ logits: Tensor) -> (loss: Double, slopes: Tensor))
}

/// A network from images to class logits: the auxiliary model, or the demo's victim.
///
/// **Shapes**: batches are (B, C·H·W); logits and probabilities (B, classes), row-major Float32.
package final class Classifier: Module {
    package let architecture: ClassifierArchitecture
    private let network: any ClassifierNetwork

    /// A model whose weights are still to be filled in.
    package init(unfilled architecture: ClassifierArchitecture) throws(ArchitectureError) {
        try architecture.validate()
        self.architecture = architecture
        switch architecture {
        case .conv3(let image, let classes, let width):
            network = Conv3(image: image, classes: classes, width: width)
        case .mlp(let image, let classes, let hidden):
            network = MultilayerPerceptron(image: image, classes: classes, hidden: hidden)
        case .resnet(let image, let classes, let sizes):
            network = ResNet(image: image, classes: classes, sizes: sizes)
        case .vit(let image, let classes, let sizes):
            network = VisionTransformer(image: image, classes: classes, sizes: sizes)
        }
    }

    /// A model with initial weights drawn from the generator.
    package convenience init(
        _ architecture: ClassifierArchitecture, generator: inout RandomGenerator
    ) throws(ArchitectureError) {
        try self.init(unfilled: architecture)
        network.initialize(&generator)
    }

    /// A model with the weights of a state dict.
    package convenience init(_ architecture: ClassifierArchitecture, state: StateDict) throws {
        try architecture.validate()
        try state.requireRoom(parameters: architecture.parameterCount)
        try self.init(unfilled: architecture)
        try load(state, ignoring: ignores)
    }

    /// Whether a state dict may hold a name besides the parameters: one that means nothing here.
    package func ignores(_ name: String) -> Bool { type(of: network).ignores(name) }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { network.parameters }

    /// Adds the objective's gradients to the parameters' gradients and returns its value and the logits.
    package func lossAndGradients(
        _ batch: Tensor, _ objective: ClassifierObjective, workspace: Workspace
    ) -> (loss: Float, logits: Tensor) {
        let pass = Pass(.training, workspace)
        defer { pass.end() }
        let logits = network.output.forward(features(batch, pass), pass)
        let loss = evaluate(objective, logits, pass)
        pass.backward()
        return (Float(loss), copy(logits.values, [batch.rows, architecture.classes]))
    }

    /// The objective's gradient with respect to the images, (B, C·H·W): for attacks that step along its sign.
    /// The parameters and their gradients stay as they are.
    package func inputGradient(
        _ batch: Tensor, _ objective: ClassifierObjective, workspace: Workspace
    ) -> Tensor {
        let pass = Pass(.inputGradient, workspace)
        defer { pass.end() }
        let x = pass.input(batch)
        _ = evaluate(objective, network.output.forward(network.features(x, pass), pass), pass)
        pass.backward()
        return copy(pass.gradient(of: x), batch.shape)
    }

    /// The logits of each image, in evaluation mode.
    ///
    /// Safe to call from several threads at once, each with a workspace of its own.
    package func logits(_ batch: Tensor, workspace: Workspace) -> Tensor {
        describe(batch, workspace: workspace).logits
    }

    /// The logits of each image and the features that they were made from, in evaluation mode.
    ///
    /// **Shapes** logits (B, classes), features (B, ``ClassifierArchitecture/features``).
    package func describe(_ batch: Tensor, workspace: Workspace) -> (logits: Tensor, features: Tensor) {
        var values: [Float] = [], found: [Float] = []
        values.reserveCapacity(batch.rows * architecture.classes)
        found.reserveCapacity(batch.rows * architecture.features)
        // Bounds the memory of inference, and keeps a batch's activations near the processor.
        let imagesAtOnce = max(1, min(32, (1 << 17) / architecture.image.count))
        for start in stride(from: 0, to: batch.rows, by: imagesAtOnce) {
            let range = start..<min(start + imagesAtOnce, batch.rows)
            let pass = Pass(.inference, workspace)
            let features = self.features(batch, pass, rows: range)
            let logits = network.output.forward(features, pass)
            values += UnsafeBufferPointer(start: logits.values, count: logits.count)
            found += UnsafeBufferPointer(start: features.values, count: features.count)
            pass.end()
        }
        return (
            Tensor(shape: [batch.rows, architecture.classes], values: values),
            Tensor(shape: [batch.rows, architecture.features], values: found)
        )
    }

    /// The softmax of the logits.
    package func probabilities(_ batch: Tensor, workspace: Workspace) -> Tensor {
        Self.probabilities(logits: logits(batch, workspace: workspace))
    }

    /// The softmax of each row. **Shapes** (B, classes).
    package static func probabilities(logits: Tensor) -> Tensor {
        var tensor = logits
        let (rows, classes) = (tensor.rows, tensor.rowCount)
        tensor.values.withUnsafeMutableBufferPointer {
            if rows > 0, let base = $0.baseAddress { Kernels.softmax(base, into: base, rows, classes) }
        }
        return tensor
    }

    private func features(_ batch: Tensor, _ pass: Pass, rows: Range<Int>? = nil) -> Activation {
        precondition(batch.rowCount == architecture.image.count, "the batch has images of another size")
        return network.features(pass.input(batch, rows: rows), pass)
    }

    private func evaluate(_ objective: ClassifierObjective, _ logits: Activation, _ pass: Pass) -> Double {
        let classes = architecture.classes
        switch objective {
        case .labels(let labels):
            precondition(labels.count == logits.rows && labels.allSatisfy((0..<classes).contains))
            return pass.crossEntropy(logits) { row, k in labels[row] == k ? 1 : 0 }
        case .probabilities(let wanted):
            precondition(wanted.shape == [logits.rows, classes])
            return pass.crossEntropy(logits) { row, k in Double(wanted.values[row * classes + k]) }
        case .squaredProbabilities(let wanted):
            precondition(wanted.shape == [logits.rows, classes])
            return pass.squaredProbabilities(logits) { row, k in Double(wanted.values[row * classes + k]) }
        case .function(let body):
            let (loss, slopes) = body(copy(logits.values, [logits.rows, classes]))
            precondition(slopes.shape == [logits.rows, classes])
            let sink = pass.overwritingSink(for: logits)
            for (index, slope) in slopes.values.enumerated() { sink[index] = slope }
            return loss
        }
    }

    private func copy(_ values: UnsafeMutablePointer<Float>, _ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(shape: shape, values: Array(UnsafeBufferPointer(start: values, count: count)))
    }
}
