/// What the scorer says about one row, calibrated against benign traffic.
package struct Assessment: Hashable, Sendable {
    /// The raw anomaly score; larger is stranger. Its unit is the scorer's own.
    package var score: Double
    /// The share of benign queries that score lower, in per cent; may lie beyond the calibration data by
    /// extrapolation, so that 99.99987 is legal.
    package var percentile: Double
    /// −ln of the share of benign queries that score at least as high, in nats: p99 is 4.6, p99.9 is 6.9.
    package var surprise: Double

    /// An assessment as given; `isUsable` tells whether it can be compared.
    package init(score: Double, percentile: Double, surprise: Double) {
        self.score = score
        self.percentile = percentile
        self.surprise = surprise
    }

    /// False when a number is NaN or the percentile is outside 0…100: such a row is never waved through.
    package var isUsable: Bool {
        !score.isNaN && !surprise.isNaN && (0...100).contains(percentile)
    }
}
