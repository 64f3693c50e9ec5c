import Tensor

/// Each row brought to mean 0 and variance 1, then scaled and shifted by column.
package final class LayerNorm: Module {
    package let weight: Parameter
    package let bias: Parameter
    private let columns: Int
    private let epsilon: Float

    /// A layer that scales by 1 and shifts by 0.
    package init(_ name: String, _ columns: Int, epsilon: Float = 1e-5) {
        self.columns = columns
        self.epsilon = epsilon
        weight = Parameter(name + ".weight", shape: [columns])
        bias = Parameter(name + ".bias", shape: [columns])
        weight.fill { 1 }
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { [weight, bias] }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: Activation, _ pass: Pass) -> Activation {
        let y = pass.activation(x.rows, columns)
        let mean = pass.records ? pass.workspace.arena.allocate(x.rows) : nil
        let rstd = pass.records ? pass.workspace.arena.allocate(x.rows) : nil
        pass.workspace.forEachChunk(of: x.rows, by: Pass.chunk / columns) { rows, _ in
            let offset = rows.lowerBound * columns
            Kernels.layerNorm(
                x.values + offset, gamma: weight.values, beta: bias.values, into: y.values + offset,
                mean: mean.map { $0 + rows.lowerBound }, rstd: rstd.map { $0 + rows.lowerBound }, rows.count,
                columns, epsilon: epsilon)
        }
        if let mean, let rstd { pass.record { self.backward(x, y, mean, rstd, pass) } }
        return y
    }

    private func backward(
        _ x: Activation, _ y: Activation, _ mean: UnsafePointer<Float>, _ rstd: UnsafePointer<Float>,
        _ pass: Pass
    ) {
        let dy = pass.gradient(of: y)
        let (dx, accumulate) = pass.sink(for: x)
        let mark = pass.workspace.arena.mark()
        let sums = pass.workspace.arena.zeros(2 * columns)
        pass.reduce(rows: x.rows, into: sums, count: 2 * columns) { rows, partial, _ in
            let offset = rows.lowerBound * columns
            Kernels.layerNormBackward(
                x.values + offset, gamma: weight.values, mean: mean + rows.lowerBound,
                rstd: rstd + rows.lowerBound, dy + offset, into: dx + offset, dgamma: partial,
                dbeta: partial + columns, rows.count, columns, accumulate: accumulate)
        }
        if pass.trains {
            Kernels.add(weight.gradient, sums, into: weight.gradient, columns)
            Kernels.add(bias.gradient, sums + columns, into: bias.gradient, columns)
        }
        pass.workspace.arena.release(to: mark)
    }
}
