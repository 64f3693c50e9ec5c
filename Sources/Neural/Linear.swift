import Tensor

/// y = x·Wᵀ + b.
///
/// **Shapes**: x (rows, inputs), W (outputs, inputs), b (outputs), y (rows, outputs).
package final class Linear: Module {
    package let weight: Parameter
    package let bias: Parameter?
    private let inputs: Int
    private let outputs: Int

    /// A layer of zeros; `name` is the state dict's, without `.weight`. `weightShape` where the state dict has
    /// the same values under another shape, as a convolution over patches does.
    package init(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool = true, weightShape: [Int]? = nil)
    {
        self.inputs = inputs
        self.outputs = outputs
        weight = Parameter(name + ".weight", shape: weightShape ?? [outputs, inputs])
        self.bias = bias ? Parameter(name + ".bias", shape: [outputs]) : nil
        precondition(weight.count == inputs * outputs)
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

    /// Draws weights and biases as PyTorch does: uniform within 1/√inputs.
    package func initialize(_ generator: inout RandomGenerator) {
        for parameter in parameters {
            parameter.fillUniform(bound: 1 / Float(inputs).squareRoot(), &generator)
        }
    }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: Activation, _ pass: Pass) -> Activation {
        let y = pass.activation(x.rows, outputs)
        Product(x.matrix, weightMatrix.transposed, into: y.values, bias: bias?.constant).run(
            on: pass.workspace)
        pass.record { self.backward(x, y, pass) }
        return y
    }

    private var weightMatrix: Matrix { Matrix(weight.values, outputs, inputs) }

    private func backward(_ x: Activation, _ y: Activation, _ pass: Pass) {
        let dy = pass.gradient(of: y)
        let gradient = Matrix(dy, y.rows, outputs)
        if pass.trains {
            Product(gradient.transposed, x.matrix, into: weight.gradient, accumulate: true).run(
                on: pass.workspace)
            if let bias { pass.sumRows(dy, y.rows, outputs, into: bias.gradient) }
        }
        guard x.needsGradient else { return }
        let (dx, accumulate) = pass.sink(for: x)
        Product(gradient, weightMatrix, into: dx, accumulate: accumulate).run(on: pass.workspace)
    }
}

extension Parameter {
    /// Uniform values in [−bound, bound).
    package func fillUniform(bound: Float, _ generator: inout RandomGenerator) {
        for index in 0..<count { values[index] = generator.uniform(-bound..<bound) }
    }

    /// Normal values, drawn again until they lie within ±2: timm's `trunc_normal_`.
    package func fillTruncatedNormal(deviation: Double, _ generator: inout RandomGenerator) {
        for index in 0..<count {
            values[index] = Float(generator.truncatedNormal(deviation: deviation, within: -2...2))
        }
    }

    /// The values, to be read only.
    var constant: UnsafePointer<Float> { UnsafePointer(values) }
}

extension Pass {
    /// total (columns) += the sums of x's columns.
    func sumRows(
        _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, into total: UnsafeMutablePointer<Float>
    ) {
        reduce(rows: rows, into: total, count: columns) { slice, partial, _ in
            Kernels.sumRows(x + slice.lowerBound * columns, into: partial, slice.count, columns)
        }
    }
}
