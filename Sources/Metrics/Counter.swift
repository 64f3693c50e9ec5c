/// One series of a counter: a number that only grows. Any thread may add; adding never allocates or waits.
package struct Counter: Sendable {
    let cells: AtomicCells
    let cell: Int

    /// Adds `amount`. `shard` is the number of the calling loop, so that loops do not share a cache line.
    package func add(_ amount: UInt64 = 1, shard: Int = 0) { cells.add(amount, to: cell, shard: shard) }

    /// The sum over all shards.
    package var value: UInt64 { cells.sum(of: cell) }
}

/// A counter with labels.
package struct CounterFamily: Sendable {
    /// The series there are.
    package let series: SeriesSet
    let cells: AtomicCells

    /// The series with these label values; nil when any is outside its closed set. For start-up: hold on to it.
    package subscript(_ values: String...) -> Counter? {
        series.index(of: values).map { Counter(cells: cells, cell: $0) }
    }

    /// The series of number `index`, for callers that compute it from the positions of the values.
    package func counter(at index: Int) -> Counter { Counter(cells: cells, cell: index) }
}

extension CounterFamily {
    /// Adds to the series of number `index`. **Runs on** the loop of that number.
    package func add(_ amount: UInt64, at index: Int, loop: Int) {
        cells.addAlone(amount, to: index, loop: loop)
    }
}

/// One series of a gauge: a whole number that goes up and down. Any thread may change it.
package struct Gauge: Sendable {
    let cells: AtomicCells
    let cell: Int

    /// Adds `amount`, which may be negative.
    package func add(_ amount: Int64) { cells.add(UInt64(bitPattern: amount), to: cell, shard: 0) }

    /// Replaces the value.
    package func set(_ value: Int64) { cells.set(UInt64(bitPattern: value), at: cell) }

    /// The value now.
    package var value: Int64 { Int64(bitPattern: cells.sum(of: cell)) }
}

/// A gauge with labels.
package struct GaugeFamily: Sendable {
    /// The series there are.
    package let series: SeriesSet
    let cells: AtomicCells

    /// The series with these label values; nil when any is outside its closed set.
    package subscript(_ values: String...) -> Gauge? {
        series.index(of: values).map { Gauge(cells: cells, cell: $0) }
    }

    /// The series of number `index`, for callers that compute it from the positions of the values.
    package func gauge(at index: Int) -> Gauge { Gauge(cells: cells, cell: index) }
}
