import Tensor

extension Pass {
    /// The columns of `a`, then those of `b`: PyTorch's `cat` along the last dimension.
    ///
    /// **Shapes** a (B, M), b (B, N) → (B, M + N).
    package func concatenate(_ a: Activation, _ b: Activation) -> Activation {
        precondition(a.rows == b.rows, "both have as many rows")
        let y = Activation(
            workspace.arena.allocate(a.count + b.count), a.rows, a.columns + b.columns,
            needsGradient: a.needsGradient || b.needsGradient)
        for (part, offset) in [(a, 0), (b, a.columns)] {
            for row in 0..<y.rows {
                (y.values + row * y.columns + offset)
                    .update(from: part.values + row * part.columns, count: part.columns)
            }
        }
        guard y.needsGradient else { return y }
        record { [self] in
            let dy = gradient(of: y)
            for (part, offset) in [(a, 0), (b, a.columns)] where part.needsGradient {
                let (room, accumulate) = sink(for: part)
                for row in 0..<y.rows {
                    let from = dy + row * y.columns + offset, to = room + row * part.columns
                    if accumulate {
                        Kernels.add(to, from, into: to, part.columns)
                    } else {
                        to.update(from: from, count: part.columns)
                    }
                }
            }
        }
        return y
    }
}
