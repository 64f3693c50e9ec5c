import Foundation

/// What a window of queries is judged by; the raw value is the name in reports. Larger is always more suspicious.
package enum WindowMeasure: String, Codable, CaseIterable, Sendable {
    /// The mean of the calibrated surprises.
    case meanSurprise = "mean surprise"
    /// The Fréchet distance between Gaussians fitted to the window's features and to benign ones.
    case frechet = "Fréchet"
    /// The squared maximum mean discrepancy to benign features, with a Gaussian kernel of the median distance.
    case mmd = "MMD"
}

/// Judges windows against benign queries.
package struct WindowJudge: Sendable {
    private let reference: [[Double]]
    private let mean: [Double]
    private let covariance: [[Double]]
    private let root: [[Double]]
    private let inverseWidth: Double
    private let referenceSelf: Double

    /// The most benign queries that the kernel compares a window with.
    private static let referenceMax = 256

    /// A judge who knows these benign features. **Shapes** (N, D), N at least 2.
    package init(benign: [[Double]]) {
        precondition(benign.count >= 2)
        let fit = Self.gaussian(benign)
        (mean, covariance) = (fit.mean, fit.covariance)
        root = Self.squareRoot(fit.covariance)
        let step = max(1, benign.count / Self.referenceMax)
        let reference = stride(from: 0, to: benign.count, by: step).prefix(Self.referenceMax).map {
            benign[$0]
        }
        var distances: [Double] = []
        for (index, a) in reference.enumerated() {
            for b in reference[(index + 1)...] { distances.append(Self.squaredDistance(a, b)) }
        }
        distances.sort()
        let median = distances.isEmpty ? 1 : distances[distances.count / 2]
        inverseWidth = median > 0 ? 1 / median : 1
        let width = inverseWidth
        referenceSelf =
            distances.isEmpty ? 0 : distances.reduce(0) { $0 + exp(-$1 * width) } / Double(distances.count)
        self.reference = reference
    }

    /// The measure of one window. **Shapes** features (n, D), surprises (n); n at least 1.
    package func score(_ measure: WindowMeasure, surprises: [Double], features: [[Double]]) -> Double {
        switch measure {
        case .meanSurprise:
            var statistic = WindowStatistic(size: max(1, surprises.count))
            for surprise in surprises { statistic.observe(surprise) }
            return statistic.mean
        case .frechet: return frechet(features)
        case .mmd: return discrepancy(features)
        }
    }

    /// ‖μ − μ₀‖² + tr(C + C₀ − 2 (C₀^½ C C₀^½)^½).
    ///
    /// **Source** Dowson and Landau, Journal of Multivariate Analysis 12 (1982).
    private func frechet(_ features: [[Double]]) -> Double {
        let fit = Self.gaussian(features)
        let inner = Self.product(Self.product(root, fit.covariance), root)
        let mixed = SymmetricEigen.solve(inner).values.reduce(0) { $0 + max(0, $1).squareRoot() }
        let trace = covariance.indices.reduce(0) { $0 + covariance[$1][$1] + fit.covariance[$1][$1] }
        return Self.squaredDistance(fit.mean, mean) + trace - 2 * mixed
    }

    /// The unbiased estimate, which may be below 0 for windows like the reference.
    ///
    /// **Source** Gretton et al., Journal of Machine Learning Research 13 (2012), Eq. (3).
    private func discrepancy(_ features: [[Double]]) -> Double {
        let count = Double(features.count)
        var own = 0.0, cross = 0.0
        for (index, a) in features.enumerated() {
            for b in features[(index + 1)...] { own += 2 * exp(-Self.squaredDistance(a, b) * inverseWidth) }
            for b in reference { cross += exp(-Self.squaredDistance(a, b) * inverseWidth) }
        }
        let ownMean = count > 1 ? own / (count * (count - 1)) : 1
        return ownMean + referenceSelf - 2 * cross / (count * Double(max(1, reference.count)))
    }

    private static func gaussian(_ features: [[Double]]) -> (mean: [Double], covariance: [[Double]]) {
        let count = Double(max(1, features.count)), size = features.first?.count ?? 0
        var mean = [Double](repeating: 0, count: size)
        for row in features { for k in 0..<size { mean[k] += row[k] / count } }
        var covariance = [[Double]](repeating: mean.map { _ in 0 }, count: size)
        for row in features {
            for a in 0..<size {
                let left = (row[a] - mean[a]) / max(1, count - 1)
                for b in 0..<size { covariance[a][b] += left * (row[b] - mean[b]) }
            }
        }
        return (mean, covariance)
    }

    private static func squareRoot(_ matrix: [[Double]]) -> [[Double]] {
        let (values, vectors) = SymmetricEigen.solve(matrix)
        return matrix.indices.map { row in
            matrix.indices.map { column in
                values.indices.reduce(0) {
                    $0 + max(0, values[$1]).squareRoot() * vectors[row][$1] * vectors[column][$1]
                }
            }
        }
    }

    private static func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
        a.map { row in
            b.indices.map { column in row.indices.reduce(0) { $0 + row[$1] * b[$1][column] } }
        }
    }

    private static func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
        var sum = 0.0
        for index in a.indices { sum += (a[index] - b[index]) * (a[index] - b[index]) }
        return sum
    }
}
