import Foundation

/// The upper tail of a benign distribution: a value → how surprising it is, −ln P(benign ≥ value), and back.
///
/// Up to the 98th percentile of the calibration sample it is the empirical tail, kept as quantile knots and
/// joined by lines in surprise. Past it a generalised Pareto tail is fitted to the excesses by
/// probability-weighted moments; it starts at the surprise of there being one at all. So a score far past the
/// data keeps growing instead of saturating at 1/n. A negative shape would give the tail an end point and an infinite surprise behind it; it is read as
/// an exponential instead, which is the cautious choice.
package struct TailFunction: Codable, Hashable, Sendable {
    /// Ascending values at which the surprise is stored.
    package let values: [Double]
    /// Strictly ascending surprises, one a value.
    package let surprises: [Double]
    /// The surprise right above the last knot, where it is not the last knot's own: of values that tie with it, as many as
    /// there are lie neither below nor above. Bundles that were calibrated without it are judged as they were.
    package let tailStart: Double?
    /// Scale of the excesses over the last knot. Units: those of the value.
    package let tailScale: Double
    /// Shape of the tail: 0 is exponential, larger is heavier.
    package let tailShape: Double
    /// How many benign values it was made from.
    package let sampleCount: Int

    /// A surprise never exceeds this, so that every score stays a finite number in logs and in sums.
    package static let surpriseMax = 1e6
    /// The fewest values a calibration accepts: fewer cannot say anything about a 99th percentile.
    package static let sampleCountMin = 100
    private static let bodyKnots = 192
    private static let tailShare = 0.02

    /// The tail of `sample`, in any order.
    ///
    /// **Throws** when there are too few values, or one is not finite.
    package init(sample: [Float]) throws(CalibrationError) {
        guard sample.count >= Self.sampleCountMin else {
            throw .tooFewValues(count: sample.count, minimum: Self.sampleCountMin)
        }
        if let bad = sample.firstIndex(where: { !$0.isFinite }) { throw .notFinite(index: bad) }
        let sorted = sample.map(Double.init).sorted()
        let count = sorted.count
        let excessCount = max(10, Int((Double(count) * Self.tailShare).rounded()))
        let last = count - excessCount - 1
        var values: [Double] = [], surprises: [Double] = []
        var isTied = false
        for index in Self.knotIndices(last: last) {
            let surprise = -log((Double(count - index) - 0.5) / Double(count))
            if let previous = values.last {
                guard sorted[index] > previous else {
                    // Tied values share the least surprise among them: the chance of a value at least as large.
                    isTied = true
                    continue
                }
                let above = previous.nextUp
                if isTied, above < sorted[index] {
                    // Right above them it is the chance of a value that is larger.
                    let larger = count - Self.firstIndex(in: sorted, above: previous)
                    values.append(above)
                    surprises.append(-log((Double(larger) + 0.5) / Double(count)))
                }
            }
            isTied = false
            values.append(sorted[index])
            surprises.append(surprise)
        }
        let excesses = sorted[(last + 1)...].map { $0 - sorted[last] }.filter { $0 > 0 }
        let (scale, shape) = Self.paretoFit(excesses: excesses)
        let start = -log((Double(excesses.count) + 0.5) / Double(count))
        self.values = values
        self.surprises = surprises
        tailStart = start > surprises[surprises.count - 1] ? start : nil
        self.tailScale = scale
        self.tailShape = shape
        self.sampleCount = count
    }

    /// −ln P(benign ≥ value): 0 for anything below the sample, growing without a plateau above it. A value
    /// that is not a number is as surprising as can be.
    package func surprise(_ value: Double) -> Double {
        guard !value.isNaN else { return Self.surpriseMax }
        guard value >= values[0] else { return 0 }
        let last = values.count - 1
        guard value != values[last] else { return surprises[last] }
        guard value < values[last] else { return tailSurprise(value) }
        let right = Self.firstIndex(in: values, above: value)
        let share = (value - values[right - 1]) / (values[right] - values[right - 1])
        return surprises[right - 1] + share * (surprises[right] - surprises[right - 1])
    }

    /// The least value with at least this surprise: the inverse of ``surprise(_:)``.
    package func value(surprise: Double) -> Double {
        guard surprise > surprises[0] else { return values[0] }
        let last = surprises.count - 1
        guard surprise > surprises[last] else { return bodyValue(surprise) }
        guard surprise > start else { return values[last].nextUp }
        let excess = min(surprise, Self.surpriseMax) - start
        let steps = tailShape > 0 ? expm1(min(tailShape * excess, 600)) / tailShape : excess
        return values[last] + tailScale * steps
    }

    /// That value where it is not past the last knot.
    private func bodyValue(_ surprise: Double) -> Double {
        let last = surprises.count - 1
        guard surprise < surprises[last] else { return values[last] }
        let right = Self.firstIndex(in: surprises, above: surprise)
        // Above a tie there is no value between.
        guard values[right - 1].nextUp < values[right] else {
            return surprise > surprises[right - 1] ? values[right] : values[right - 1]
        }
        let share = (surprise - surprises[right - 1]) / (surprises[right] - surprises[right - 1])
        return values[right - 1] + share * (values[right] - values[right - 1])
    }

    private func tailSurprise(_ value: Double) -> Double {
        let steps = (value - values[values.count - 1]) / tailScale
        let excess = tailShape > 0 ? log1p(tailShape * steps) / tailShape : steps
        return min(start + excess, Self.surpriseMax)
    }

    /// The surprise right above the last knot.
    private var start: Double { tailStart ?? surprises[surprises.count - 1] }

    /// Which order statistics become knots: evenly spaced over the body, all distinct, the last one included.
    private static func knotIndices(last: Int) -> [Int] {
        guard last > bodyKnots else { return Array(0...last) }
        return (0...bodyKnots).map { $0 * last / bodyKnots }
    }

    /// Probability-weighted moments of a generalised Pareto tail; the shape is held in 0…0.5, where the mean
    /// and the variance of the excesses exist.
    ///
    /// **Source** Hosking and Wallis, Technometrics 29 (1987), the estimators from a₀ and a₁.
    private static func paretoFit(excesses: [Double]) -> (scale: Double, shape: Double) {
        let count = Double(excesses.count)
        let mean = excesses.isEmpty ? 0 : excesses.reduce(0, +) / count
        guard mean > 0 else { return (Double.leastNormalMagnitude.squareRoot(), 0) }
        var weighted = 0.0
        for (index, excess) in excesses.enumerated() {
            weighted += excess * (count - Double(index) - 0.65) / count
        }
        weighted /= count
        let spread = mean - 2 * weighted
        guard spread > 0 else { return (mean, 0) }
        let shape = 2 - mean / spread
        guard shape > 0 else { return (mean, 0) }
        let held = min(shape, 0.5)
        return (mean * (1 - held), held)
    }

    private static func firstIndex(in ascending: [Double], above value: Double) -> Int {
        var low = 0, high = ascending.count
        while low < high {
            let middle = (low + high) / 2
            if ascending[middle] > value { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension TailFunction {
    /// What is wrong with a tail read from a file, or nil when every invariant holds.
    package var defect: String? {
        if values.isEmpty || values.count != surprises.count { return "knots and surprises differ in number" }
        if values.count > 4096 { return "more than 4096 knots" }
        let finite = (values + surprises + [tailScale, tailShape, start]).allSatisfy(\.isFinite)
        if !finite { return "a knot is not finite" }
        for index in values.indices.dropFirst() {
            if values[index] <= values[index - 1] { return "values do not ascend" }
            if surprises[index] <= surprises[index - 1] { return "surprises do not ascend" }
        }
        if start < surprises[surprises.count - 1] { return "the tail starts below the last knot" }
        if surprises[0] < 0 || tailScale <= 0 { return "a surprise or the tail's scale is not positive" }
        if tailShape < 0 || tailShape > 0.5 { return "the tail's shape is outside 0…0.5" }
        if sampleCount < Self.sampleCountMin { return "made from fewer than \(Self.sampleCountMin) values" }
        return nil
    }
}
