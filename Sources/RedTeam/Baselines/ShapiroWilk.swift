import Foundation

/// Whether a sample looks normal: the W statistic, 1 for a perfect fit.
///
/// **Source** Royston 1995, algorithm AS R94: Blom's scores for the expected order statistics, the two outermost weights
/// by polynomials in 1/√n.
package enum ShapiroWilk {
    /// W of a sample of at least 3 values, not all equal; nil otherwise.
    package static func statistic(_ sample: [Double]) -> Double? {
        let count = sample.count
        guard count >= 3, sample.allSatisfy(\.isFinite) else { return nil }
        let sorted = sample.sorted()
        let mean = sorted.reduce(0, +) / Double(count)
        let squares = sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        guard squares > 0 else { return nil }
        let slope = zip(weights(count), sorted).reduce(0) { $0 + $1.0 * ($1.1 - mean) }
        return min(1, slope * slope / squares)
    }

    /// The weights of the order statistics: antisymmetric, of squares summing to 1.
    static func weights(_ count: Int) -> [Double] {
        if count == 3 { return [-0.5.squareRoot(), 0, 0.5.squareRoot()] }
        let scores = (1...count).map { normalQuantile((Double($0) - 0.375) / (Double(count) + 0.25)) }
        let squares = scores.reduce(0) { $0 + $1 * $1 }
        let u = 1 / Double(count).squareRoot()
        let last = polynomial([0, 0.221157, -0.147981, -2.071190, 4.434685, -2.706056], u)
        let nextToLast = polynomial([0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633], u)
        var outer = [last + scores[count - 1] / squares.squareRoot()]
        if count > 5 { outer.append(nextToLast + scores[count - 2] / squares.squareRoot()) }
        let outerScores = outer.indices.reduce(0) { $0 + 2 * scores[count - 1 - $1] * scores[count - 1 - $1] }
        let norm = (squares - outerScores) / (1 - outer.reduce(0) { $0 + 2 * $1 * $1 })
        var weights = scores.map { $0 / norm.squareRoot() }
        for (place, weight) in outer.enumerated() {
            weights[count - 1 - place] = weight
            weights[place] = -weight
        }
        return weights
    }

    private static func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
        coefficients.reversed().reduce(0) { $0 * x + $1 }
    }

    /// Φ⁻¹, by Newton's method from 0: on the tail's side the distribution function bends so that it never overshoots.
    static func normalQuantile(_ share: Double) -> Double {
        if share > 0.5 { return -normalQuantile(1 - share) }
        var x = 0.0
        for _ in 0..<100 {
            let excess = 0.5 * erfc(-x / 2.0.squareRoot()) - share
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            let change = excess / density
            x -= change
            if abs(change) < 1e-14 * max(1, abs(x)) { break }
        }
        return x
    }
}
