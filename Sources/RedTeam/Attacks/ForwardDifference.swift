import Tensor

/// A gradient that nothing but values are needed for: forward differences along random directions.
package struct ForwardDifference: Hashable, Sendable {
    /// m, directions a point.
    package var directions: Int
    /// ε, the length of a step.
    package var step: Float

    /// An estimator as given.
    package init(directions: Int, step: Float) {
        self.directions = directions
        self.step = step
    }

    /// Estimates the gradient of `f` at each point: D/(m·ε) Σ_u (f(x + ε·u) − f(x))·u over random unit
    /// vectors u.
    ///
    /// A point whose value, or whose neighbour's, is nil contributes nothing: the victim refused it. `f` is
    /// asked about all points once, and then once about all of them moved for each direction.
    /// **Shapes** points and result (B, D). **Source** Truong et al. 2021 (DFME), Kariyappa et al. 2021
    /// (MAZE).
    package func gradient(
        at points: Tensor, generator: inout RandomGenerator, _ f: (Tensor) throws -> [Double?]
    ) rethrows -> Tensor {
        let size = points.rowCount
        let values = try f(points)
        var gradient = Tensor(shape: points.shape)
        for _ in 0..<directions {
            let units = Self.unitVectors(points.rows, size, &generator)
            var moved = points
            for index in units.indices { moved.values[index] += step * units[index] }
            let neighbours = try f(moved)
            let scale = Double(size) / (Double(directions) * Double(step))
            for row in 0..<points.rows {
                guard row < values.count, row < neighbours.count, let value = values[row],
                    let neighbour = neighbours[row]
                else { continue }
                let slope = Float(scale * (neighbour - value))
                for index in row * size..<(row + 1) * size { gradient.values[index] += slope * units[index] }
            }
        }
        return gradient
    }

    private static func unitVectors(_ rows: Int, _ size: Int, _ generator: inout RandomGenerator) -> [Float] {
        var units: [Float] = []
        units.reserveCapacity(rows * size)
        for _ in 0..<rows {
            let vector = (0..<size).map { _ in generator.normal() }
            let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            units += vector.map { Float($0 / max(norm, 1e-30)) }
        }
        return units
    }
}
