/// What computing in a lower precision does to a bundle's scores, measured on its calibration split: whether thresholds
/// still mean what they say, and whether strange queries still stand out.
package struct PrecisionShift: Codable, Hashable, Sendable {
    /// The share of benign queries above a threshold.
    package struct Exceedance: Codable, Hashable, Sendable {
        /// The threshold's percentile.
        package let percentile: Double
        /// In 32 bits, and in the lower precision.
        package let reference: Double
        package let found: Double

        /// Shares of the sample in 0…1.
        package init(percentile: Double, reference: Double, found: Double) {
            self.percentile = percentile
            self.reference = reference
            self.found = found
        }
    }

    /// The percentiles that are held.
    package static let percentiles = [95, 97, 99, 99.9]
    /// How far the area under the curve may fall: half a point, which is what separates two methods in the paper's tables.
    package static let aurocLossMax = 0.005
    /// The least rank correlation: bands order queries, and so must the precision.
    package static let rankCorrelationMin = 0.99
    /// How far the share above a threshold may move, as a part of the share that the percentile states …
    package static let exceedanceChangeMax = 0.2
    /// … or as a number of queries, where the split is too small for the part to be one.
    package static let exceedanceQueriesMax = 2.0

    /// Benign queries measured.
    package let samples: Int
    /// In the order of ``percentiles``.
    package let exceedances: [Exceedance]
    /// The area under the curve of benign queries against the same with noise, in 32 bits and in the lower precision.
    package let referenceAUROC: Double
    package let foundAUROC: Double
    /// Spearman's, of the benign queries' scores in the two precisions.
    package let rankCorrelation: Double

    /// A shift as measured.
    package init(
        samples: Int, exceedances: [Exceedance], referenceAUROC: Double, foundAUROC: Double,
        rankCorrelation: Double
    ) {
        self.samples = samples
        self.exceedances = exceedances
        self.referenceAUROC = referenceAUROC
        self.foundAUROC = foundAUROC
        self.rankCorrelation = rankCorrelation
    }

    /// A shift from the scores of benign and of strange queries, in the same order in both precisions, with the thresholds of
    /// ``percentiles``.
    package init(
        benign: (reference: [Double], found: [Double]), strange: (reference: [Double], found: [Double]),
        thresholds: [Double]
    ) {
        precondition(
            thresholds.count == Self.percentiles.count && benign.reference.count == benign.found.count)
        func share(_ scores: [Double], above threshold: Double) -> Double {
            Double(scores.count { $0 > threshold }) / Double(max(1, scores.count))
        }
        samples = benign.reference.count
        exceedances = zip(Self.percentiles, thresholds).map {
            Exceedance(
                percentile: $0, reference: share(benign.reference, above: $1),
                found: share(benign.found, above: $1))
        }
        referenceAUROC = Ranks.auroc(benign: benign.reference, strange: strange.reference)
        foundAUROC = Ranks.auroc(benign: benign.found, strange: strange.found)
        rankCorrelation = Ranks.correlation(benign.reference, benign.found)
    }

    /// What lies outside the tolerances, in words with figures; empty when the precision may be used.
    package var excesses: [String] {
        var found: [String] = []
        for entry in exceedances {
            let stated = 1 - entry.percentile / 100
            let allowed = max(
                Self.exceedanceChangeMax * stated, Self.exceedanceQueriesMax / Double(max(1, samples)))
            if !(abs(entry.found - entry.reference) <= allowed) {
                found.append(
                    "p\(Self.text(entry.percentile)) is exceeded by \(Self.percent(entry.found)) of benign queries instead of \(Self.percent(entry.reference)); \(Self.percent(allowed)) of difference are allowed"
                )
            }
        }
        if !(foundAUROC >= referenceAUROC - Self.aurocLossMax) {
            found.append(
                "AUROC against noise is \(Self.text(foundAUROC)) instead of \(Self.text(referenceAUROC)); \(Self.aurocLossMax) less are allowed"
            )
        }
        if !(rankCorrelation >= Self.rankCorrelationMin) {
            found.append(
                "scores keep their order with a rank correlation of \(Self.text(rankCorrelation)); \(Self.rankCorrelationMin) is the least"
            )
        }
        return found
    }

    /// What contradicts itself in a shift that was read from a file, or nil.
    package var defect: String? {
        let shares = exceedances.flatMap { [$0.reference, $0.found] } + [referenceAUROC, foundAUROC]
        guard samples > 0, exceedances.map(\.percentile) == Self.percentiles,
            shares.allSatisfy({ (0...1).contains($0) }), (-1...1).contains(rankCorrelation)
        else { return "its figures are no shares of queries" }
        return nil
    }

    /// One line for people.
    package var summary: String {
        let parts = exceedances.map {
            "p\(Self.text($0.percentile)) \(Self.percent($0.reference)) → \(Self.percent($0.found))"
        }
        return parts.joined(separator: ", ")
            + ", AUROC against noise \(Self.text(referenceAUROC)) → \(Self.text(foundAUROC)), rank correlation \(Self.text(rankCorrelation)), \(samples) queries"
    }

    private static func percent(_ share: Double) -> String { text(100 * share) + " %" }

    private static func text(_ value: Double) -> String {
        let rounded = (value * 1e4).rounded() / 1e4
        return rounded == rounded.rounded() && abs(rounded) < 1e6 ? "\(Int(rounded))" : "\(rounded)"
    }
}

/// Statistics of ranks; equal values share the mean of their ranks.
enum Ranks {
    /// The rank of each value, from 1.
    static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = Array(repeating: 0.0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = Double(start + 1 + end) / 2 }
            start = end
        }
        return ranks
    }

    /// Spearman's rank correlation; 1 where nothing varies in either.
    static func correlation(_ left: [Double], _ right: [Double]) -> Double {
        let (a, b) = (ranks(left), ranks(right))
        let mean = Double(a.count + 1) / 2
        let products = zip(a, b).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) }
        let squares = [a, b].map { $0.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } }
        if squares[0] == 0, squares[1] == 0 { return 1 }
        guard squares[0] > 0, squares[1] > 0 else { return 0 }
        return max(-1, min(1, products / (squares[0] * squares[1]).squareRoot()))
    }

    /// The chance that a strange query scores above a benign one, ties counted half: Mann and Whitney's U over the pairs.
    static func auroc(benign: [Double], strange: [Double]) -> Double {
        guard !benign.isEmpty, !strange.isEmpty else { return 0.5 }
        let all = ranks(strange + benign)
        let sum = all.prefix(strange.count).reduce(0, +)
        let count = Double(strange.count)
        return (sum - count * (count + 1) / 2) / (count * Double(benign.count))
    }
}
