import Foundation

/// Quantiles of any number of values in bounded memory, each within 1 % of a value that has that rank.
///
/// Values fall into buckets whose bounds grow by a constant factor, so the error is relative and the buckets few: all
/// doubles from 1e-12 to 1e12 need about 2,760. Smaller ones count as zero, larger ones as 1e12.
package struct QuantileSketch: Sendable, Equatable {
    private static let growth = 1.02
    private static let extent = (least: 1e-12, most: 1e12)

    private var positive: [Int: Int] = [:]
    private var negative: [Int: Int] = [:]
    private var zeros = 0
    /// How many values there are.
    package private(set) var count = 0

    /// A sketch of nothing.
    package init() {}

    /// Adds a value; one that is not finite is left aside.
    package mutating func add(_ value: Double) {
        guard value.isFinite else { return }
        count += 1
        let size = min(abs(value), QuantileSketch.extent.most)
        if size < QuantileSketch.extent.least {
            zeros += 1
        } else {
            let bucket = Int((log(size) / log(QuantileSketch.growth)).rounded(.down))
            if value > 0 { positive[bucket, default: 0] += 1 } else { negative[bucket, default: 0] += 1 }
        }
    }

    /// The value at a quantile from 0 to 1; nil when there are none.
    package func quantile(_ share: Double) -> Double? {
        guard count > 0 else { return nil }
        // The smallest rank with at least that share of values at or below it.
        var rank = max(1, Int((min(max(share, 0), 1) * Double(count)).rounded(.up)))
        for (bucket, amount) in negative.sorted(by: { $0.key > $1.key }) {
            rank -= amount
            if rank <= 0 { return -middle(bucket) }
        }
        rank -= zeros
        if rank <= 0 { return 0 }
        for (bucket, amount) in positive.sorted(by: { $0.key < $1.key }) {
            rank -= amount
            if rank <= 0 { return middle(bucket) }
        }
        return nil
    }

    /// The middle of a bucket by ratio: at most 1 % from both of its ends.
    private func middle(_ bucket: Int) -> Double {
        pow(QuantileSketch.growth, Double(bucket) + 0.5)
    }
}
