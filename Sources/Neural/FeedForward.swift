import Tensor

/// Two linear layers with GELU between them, as timm's `Mlp`.
package final class FeedForward: Module {
    package let fc1: Linear
    package let fc2: Linear

    package init(_ name: String, _ channels: Int, hidden: Int) {
        fc1 = Linear(name + ".fc1", channels, hidden)
        fc2 = Linear(name + ".fc2", hidden, channels)
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { fc1.parameters + fc2.parameters }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: Activation, _ pass: Pass) -> Activation {
        fc2.forward(pass.gelu(fc1.forward(x, pass)), pass)
    }
}

extension Pass {
    /// GELU, exact by the error function.
    package func gelu(_ x: Activation) -> Activation {
        let y = activation(x.rows, x.columns)
        workspace.forEachChunk(of: x.count, by: Self.chunk) { range, _ in
            Kernels.gelu(x.values + range.lowerBound, into: y.values + range.lowerBound, range.count)
        }
        record { [self] in
            let dy = gradient(of: y)
            let (dx, accumulate) = sink(for: x)
            workspace.forEachChunk(of: x.count, by: Self.chunk) { range, _ in
                let at = range.lowerBound
                Kernels.geluBackward(
                    x.values + at, dy + at, into: dx + at, range.count, accumulate: accumulate)
            }
        }
        return y
    }

    /// ReLU in place: takes over x's memory, so nothing else may use x's values.
    package func relu(_ x: Activation) -> Activation {
        let y = Activation(x.values, x.rows, x.columns, needsGradient: x.needsGradient)
        workspace.forEachChunk(of: x.count, by: Self.chunk) { range, _ in
            Kernels.relu(x.values + range.lowerBound, into: y.values + range.lowerBound, range.count)
        }
        record { [self] in
            precondition(x.gradient == nil, "the input of an in-place layer has one use")
            let dy = gradient(of: y)
            workspace.forEachChunk(of: x.count, by: Self.chunk) { range, _ in
                let at = range.lowerBound
                Kernels.reluBackward(y.values + at, dy + at, into: dy + at, range.count)
            }
            x.gradient = dy
        }
        return y
    }
}
