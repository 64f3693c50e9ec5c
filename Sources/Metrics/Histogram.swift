/// Upper bounds of a histogram's buckets, in rising order. **Units**: nanoseconds, exposed as seconds; or sizes.
package struct HistogramBuckets: Hashable, Sendable {
    /// More buckets than this only make scrapes longer.
    package static let countMax = 64

    /// The finite bounds; values above the last are in `+Inf`.
    package let nanoseconds: [UInt64]
    /// The `le` value of each bound.
    let labels: [String]
    /// Whether values are sizes, each unit kept as a second.
    let areSizes: Bool
    /// Whether each bound is twice the one before.
    private let isDoubling: Bool

    /// `count` bounds: `first`, `first · factor`, `first · factor²`, …; nil unless `first` is positive, `factor` is
    /// above 1, all are finite, and they stay apart when rounded to nanoseconds.
    package init?(first: Duration, factor: Double, count: Int) {
        guard factor > 1, factor.isFinite, count > 0, count <= Self.countMax else { return nil }
        let (seconds, attoseconds) = first.components
        let start = Double(seconds) * 1e9 + Double(attoseconds) / 1e9
        guard start >= 1 else { return nil }
        var bounds: [UInt64] = []
        var bound = start
        for _ in 0..<count {
            guard bound < 0x1p63 else { return nil }
            let rounded = UInt64(bound.rounded())
            guard rounded > bounds.last ?? 0 else { return nil }
            bounds.append(rounded)
            bound *= factor
        }
        nanoseconds = bounds
        labels = bounds.map { (Double($0) / 1e9).description }
        areSizes = false
        isDoubling = zip(bounds, bounds.dropFirst()).allSatisfy { $1 == $0 &* 2 }
    }

    /// Whole numbers instead of durations: 1, 2, 4, … up to 2 to the power of `exponent` (at most 32).
    package init(powersOfTwoTo exponent: Int) {
        let bounds = (0...min(max(exponent, 0), 32)).map { UInt64(1) << UInt64($0) }
        nanoseconds = bounds.map { $0 * 1_000_000_000 }
        labels = bounds.map(\.description)
        areSizes = true
        isDoubling = true
    }

    private func doublingIndex(of value: UInt64) -> Int {
        let quotient = value / nanoseconds[0]
        guard quotient > 0 else { return 0 }
        let power = 63 &- quotient.leadingZeroBitCount
        guard power < nanoseconds.count else { return nanoseconds.count }
        return value > nanoseconds[power] ? power &+ 1 : power
    }

    /// From 100 µs to 52 s, each twice the one before: both a pass-through request and a slow victim are resolved.
    package static let latency = HistogramBuckets(first: .microseconds(100), factor: 2, count: 20)!

    /// The number of the bucket for a value: the first whose bound is not below it, or the count of bounds for `+Inf`.
    func index(of value: UInt64) -> Int {
        // Where each bound is twice the one before, the logarithm is one below or right.
        if isDoubling { return doublingIndex(of: value) }
        var low = 0
        var high = nanoseconds.count
        while low < high {
            let middle = (low + high) / 2
            if nanoseconds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// One series of a latency histogram. Any thread may record; recording is two atomic additions.
package struct Histogram: Sendable {
    let buckets: HistogramBuckets
    let cells: AtomicCells
    /// The first of this series' cells: one for each bucket, then `+Inf`, then the sum.
    let base: Int
    /// Requests that fell into the buckets; nil where none are kept.
    let exemplars: Exemplars?

    /// Counts one duration. A negative one counts as zero. `shard` is the number of the calling loop.
    package func record(_ duration: Duration, shard: Int = 0) {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return record(nanoseconds: 0, shard: shard) }
        let (scaled, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        record(
            nanoseconds: overflow ? .max >> 1 : scaled &+ UInt64(attoseconds / 1_000_000_000), shard: shard)
    }

    /// Counts one size, in a histogram of sizes.
    package func record(size: Int) { record(nanoseconds: UInt64(min(max(size, 0), 1 << 32)) * 1_000_000_000) }

    /// Counts one duration in nanoseconds; `trace` may become the bucket's exemplar.
    package func record(nanoseconds: UInt64, shard: Int = 0, trace: TraceMark? = nil) {
        let cell = base + buckets.index(of: nanoseconds)
        cells.add(1, to: cell, shard: shard)
        if let trace, let exemplars {
            let exemplar = Exemplars.Exemplar(
                traceHigh: trace.traceHigh, traceLow: trace.traceLow, nanoseconds: nanoseconds)
            exemplars.offer(exemplar, cell: cell, second: trace.second)
        }
        cells.add(nanoseconds, to: base + buckets.nanoseconds.count + 1, shard: shard)
    }

    /// What has been recorded. The count is the sum of the buckets that were read, so the two always agree; the sum of
    /// durations is read after them and may hold a value whose bucket was not counted yet, or lack one that was.
    package var snapshot: HistogramSnapshot {
        var counts: [UInt64] = []
        counts.reserveCapacity(buckets.nanoseconds.count + 1)
        for bucket in 0...buckets.nanoseconds.count { counts.append(cells.sum(of: base + bucket)) }
        let sum = cells.sum(of: base + buckets.nanoseconds.count + 1)
        return HistogramSnapshot(counts: counts, nanosecondsSum: sum)
    }
}

/// A histogram's numbers at one moment.
package struct HistogramSnapshot: Hashable, Sendable {
    /// Values in each bucket, not cumulated; the last is `+Inf`.
    package let counts: [UInt64]
    /// The sum of all durations.
    package let nanosecondsSum: UInt64

    /// The number of values: the sum of the buckets.
    package var count: UInt64 { counts.reduce(0, &+) }
}

/// A histogram with labels.
package struct HistogramFamily: Sendable {
    /// The series there are.
    package let series: SeriesSet
    let buckets: HistogramBuckets
    let cells: AtomicCells
    let exemplars: Exemplars?

    /// The series with these label values; nil when any is outside its closed set.
    package subscript(_ values: String...) -> Histogram? {
        series.index(of: values).map { histogram(at: $0) }
    }

    /// The series of number `index`.
    package func histogram(at index: Int) -> Histogram {
        Histogram(
            buckets: buckets, cells: cells, base: index * (buckets.nanoseconds.count + 2),
            exemplars: exemplars)
    }
}

extension HistogramFamily {
    /// Counts one duration in the series of number `index`; `trace` may become the bucket's exemplar. **Runs on** the loop of
    /// that number.
    package func record(nanoseconds: UInt64, at index: Int, loop: Int, trace: TraceMark?) {
        let base = index &* (buckets.nanoseconds.count &+ 2)
        let cell = base &+ buckets.index(of: nanoseconds)
        cells.addAlone(1, to: cell, loop: loop)
        cells.addAlone(nanoseconds, to: base &+ buckets.nanoseconds.count &+ 1, loop: loop)
        guard let trace, let exemplars else { return }
        exemplars.offer(
            Exemplars.Exemplar(
                traceHigh: trace.traceHigh, traceLow: trace.traceLow, nanoseconds: nanoseconds),
            cell: cell, second: trace.second)
    }
}
