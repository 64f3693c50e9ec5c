import SAME

/// A stated false-positive rate and what test pictures make of it.
package struct CalibrationPoint: Codable, Hashable, Sendable {
    /// The share of benign queries that the calibration says lie above.
    package var nominal: Double
    /// The share of test pictures that did.
    package var measured: Double
    /// The interval that holds the true share with 95 % confidence.
    package var low: Double
    package var high: Double

    /// The rates that reports look at.
    package static let nominalRates = [0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001]

    /// The points of benign queries' surprises. **Units** nats.
    package static func points(surprises: [Double]) -> [CalibrationPoint] {
        guard !surprises.isEmpty else { return [] }
        return nominalRates.map { rate in
            let bound = AnomalyScore.surprise(percentile: 100 - 100 * rate)
            let above = surprises.count { $0 > bound }
            let (low, high) = wilson(above, of: surprises.count)
            return CalibrationPoint(
                nominal: rate, measured: Double(above) / Double(surprises.count), low: low, high: high)
        }
    }

    /// Wilson's interval of a share, at 95 %.
    ///
    /// **Source** Wilson, Journal of the American Statistical Association 22 (1927).
    package static func wilson(_ hits: Int, of count: Int) -> (low: Double, high: Double) {
        guard count > 0 else { return (0, 1) }
        let z = 1.959_963_984_540_054
        let n = Double(count), share = Double(hits) / n
        let scale = 1 + z * z / n
        let middle = (share + z * z / (2 * n)) / scale
        let half = z / scale * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return (max(0, middle - half), min(1, middle + half))
    }
}
