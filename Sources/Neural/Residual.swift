import Tensor

extension Pass {
    /// x + branch(x). In inference the sum takes x's place.
    package func residual(_ x: Activation, _ branch: (Activation) -> Activation) -> Activation {
        merge(x, with: { branch(x) })
    }

    /// a + branch(), where the branch comes from something else than a: a projection beside it. In inference the
    /// sum takes a's place.
    package func merge(_ a: Activation, with branch: () -> Activation) -> Activation {
        guard records else {
            scope { add(a, branch(), into: a) }
            return a
        }
        let change = branch()
        let y = activation(a.rows, a.columns)
        add(a, change, into: y)
        record { [self] in
            // Both ends share y's gradient: a branch has read it all by the time its first layer adds to a's.
            let dy = gradient(of: y)
            precondition(a.gradient == nil && change.gradient == nil, "the sum is the last use of both")
            (a.gradient, change.gradient) = (dy, dy)
        }
        return y
    }

    private func add(_ a: Activation, _ b: Activation, into y: Activation) {
        workspace.forEachChunk(of: y.count, by: Self.chunk) { range, _ in
            let at = range.lowerBound
            Kernels.add(a.values + at, b.values + at, into: y.values + at, range.count)
        }
    }
}
