import Tensor

/// The directions in which pictures vary most, found by subspace iteration in double precision.
///
/// A cheap generator of pictures, and with the residual outside these directions a cheap detector.
package struct PrincipalComponents: Sendable {
    /// **Shapes** (D).
    package let mean: [Double]
    /// Orthonormal, by falling variance. **Shapes** (k, D).
    package let components: [[Double]]
    /// Of the sample, along each component.
    package let variances: [Double]

    /// The `count` leading components of a sample, fewer when it has fewer dimensions or rows.
    ///
    /// Each iteration multiplies a few more directions than are wanted by the sample's covariance and makes
    /// them orthonormal again; the last step turns them to the axes of the covariance within their span.
    /// **Shapes** sample (N, D).
    package init(
        of sample: Tensor, count: Int, iterations: Int = 12, generator: inout RandomGenerator
    ) {
        let (rows, size) = (sample.rows, sample.rowCount)
        let centred = Centred(sample)
        mean = centred.mean
        let wanted = max(0, min(count, size, rows - 1))
        let width = min(wanted + 8, size)
        var basis = (0..<width).map { _ in (0..<size).map { _ in generator.normal() } }
        Self.orthonormalise(&basis)
        for _ in 0..<max(1, iterations) {
            basis = basis.map(centred.covarianceTimes)
            Self.orthonormalise(&basis)
        }
        let images = basis.map(centred.covarianceTimes)
        let inner = basis.map { a in images.map { Self.dot(a, $0) } }
        let (values, vectors) = SymmetricEigen.solve(inner)
        let order = values.indices.sorted { values[$0] > values[$1] }.prefix(wanted)
        variances = order.map { max(0, values[$0]) }
        components = order.map { column in
            var direction = [Double](repeating: 0, count: size)
            for (row, vector) in basis.enumerated() {
                let weight = vectors[row][column]
                for index in 0..<size { direction[index] += weight * vector[index] }
            }
            return direction
        }
    }

    /// The coordinates of a picture along the components.
    package func coordinates(_ picture: ArraySlice<Float>) -> [Double] {
        let centred = zip(picture, mean).map { Double($0) - $1 }
        return components.map { Self.dot($0, centred) }
    }

    /// Mean over pixels of the square of what the components cannot express: the larger, the stranger.
    package func residual(_ picture: ArraySlice<Float>) -> Double {
        let total = zip(picture, mean).reduce(0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
        let explained = coordinates(picture).reduce(0) { $0 + $1 * $1 }
        return max(0, total - explained) / Double(max(1, mean.count))
    }

    /// The picture at coordinates given in standard deviations, clipped to the canonical range.
    package func picture(_ latent: [Double]) -> [Float] {
        var values = mean
        for (index, component) in components.enumerated() where index < latent.count {
            let weight = latent[index] * variances[index].squareRoot()
            for pixel in values.indices { values[pixel] += weight * component[pixel] }
        }
        return values.map { Float(min(1, max(-1, $0))) }
    }

    private static func dot(_ a: [Double], _ b: [Double]) -> Double {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                var sum = 0.0
                for index in 0..<min(a.count, b.count) { sum += a[index] * b[index] }
                return sum
            }
        }
    }

    /// Gram and Schmidt, twice: once leaves too much in double precision where directions nearly agree.
    private static func orthonormalise(_ basis: inout [[Double]]) {
        for index in basis.indices {
            for _ in 0..<2 {
                for earlier in 0..<index {
                    let share = dot(basis[index], basis[earlier])
                    for pixel in basis[index].indices { basis[index][pixel] -= share * basis[earlier][pixel] }
                }
            }
            let norm = dot(basis[index], basis[index]).squareRoot()
            // A direction without variance is left out of every product.
            basis[index] = basis[index].map { norm > 1e-150 ? $0 / norm : 0 }
        }
    }

    /// A sample less its mean, multiplied without making its covariance.
    private struct Centred {
        let mean: [Double]
        private let values: [Double]
        private let rows: Int

        init(_ sample: Tensor) {
            let (count, size) = (sample.rows, sample.rowCount)
            var mean = [Double](repeating: 0, count: size)
            for row in 0..<count {
                for (index, value) in sample.row(row).enumerated() { mean[index] += Double(value) }
            }
            mean = mean.map { $0 / Double(max(1, count)) }
            self.mean = mean
            rows = count
            values = (0..<count).flatMap { row in zip(sample.row(row), mean).map { Double($0) - $1 } }
        }

        func covarianceTimes(_ direction: [Double]) -> [Double] {
            let size = mean.count
            var result = [Double](repeating: 0, count: size)
            values.withUnsafeBufferPointer { values in
                direction.withUnsafeBufferPointer { direction in
                    result.withUnsafeMutableBufferPointer { result in
                        for row in 0..<rows {
                            let at = row * size
                            var share = 0.0
                            for index in 0..<size { share += values[at + index] * direction[index] }
                            for index in 0..<size { result[index] += share * values[at + index] }
                        }
                    }
                }
            }
            return result.map { $0 / Double(max(1, rows - 1)) }
        }
    }
}
