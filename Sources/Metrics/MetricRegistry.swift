import Synchronization

/// The metrics of one gateway: registered at start, written by any thread, read by a scrape.
///
/// Families are exposed in the order of their names and series in the order of their labels' values, so that two
/// scrapes differ in their numbers alone.
package final class MetricRegistry: Sendable {
    /// The most series of one metric, unless set otherwise.
    package static let seriesMaxDefault = 20_000

    private struct Family: Sendable {
        let name: String
        let help: String
        let type: String
        let write: @Sendable (inout Exposition, String) -> Void
    }

    private let families = Mutex<[String: Family]>([:])
    /// Counted families with their cells, for a registry that continues this one.
    private let counted = Mutex<[String: (series: SeriesSet, cells: AtomicCells)]>([:])
    /// Where counters and histograms go on from.
    private let past: [String: (series: SeriesSet, cells: AtomicCells)]
    private let shards: Int
    let seriesMax: Int

    /// An empty registry.
    ///
    /// - Parameters:
    ///   - shards: the number of loops that write, at least 1. Each has cells of its own.
    ///   - seriesMax: the bound on the series of one metric.
    ///   - earlier: counters and histograms whose name and labels' names are in it go on from its numbers, and count with
    ///     them what is still added there.
    package init(shards: Int, seriesMax: Int = seriesMaxDefault, continuing earlier: MetricRegistry? = nil) {
        past = earlier?.counted.withLock { $0 } ?? [:]
        precondition(shards > 0, "a registry has at least one shard")
        self.shards = shards
        self.seriesMax = seriesMax
    }

    /// A counter; its name ends in `_total`.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func counter(
        _ name: String, help: String, labels: [MetricLabel] = []
    ) throws(MetricError) -> CounterFamily {
        try demandTotal(name)
        let series = try checked(name, labels)
        let cells = cells(name, series, width: 1)
        let texts = series.texts
        try add(name, help, "counter") { exposition, name in
            for (cell, text) in texts.enumerated() { exposition.sample(name, text, "\(cells.sum(of: cell))") }
        }
        return CounterFamily(series: series, cells: cells)
    }

    /// A gauge of whole numbers.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func gauge(
        _ name: String, help: String, labels: [MetricLabel] = []
    ) throws(MetricError) -> GaugeFamily {
        let series = try checked(name, labels)
        let cells = AtomicCells(count: series.count, shards: 1)
        let texts = series.texts
        try add(name, help, "gauge") { exposition, name in
            for (cell, text) in texts.enumerated() {
                exposition.sample(name, text, "\(Int64(bitPattern: cells.sum(of: cell)))")
            }
        }
        return GaugeFamily(series: series, cells: cells)
    }

    /// A histogram; the name of one of latencies ends in `_seconds`. One that keeps exemplars shows them in OpenMetrics.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func histogram(
        _ name: String, help: String, labels: [MetricLabel] = [], buckets: HistogramBuckets = .latency,
        keepsExemplars: Bool = false
    ) throws(MetricError) -> HistogramFamily {
        guard buckets.areSizes || name.hasSuffix("_seconds") else {
            throw .badName(name, reason: "a latency histogram ends in _seconds")
        }
        let series = try checked(name, labels)
        let width = buckets.nanoseconds.count + 2
        let cells = cells(name, series, width: width)
        let family = HistogramFamily(
            series: series, buckets: buckets, cells: cells,
            exemplars: keepsExemplars ? Exemplars(cells: series.count * width) : nil)
        let texts = series.texts
        try add(name, help, "histogram") { exposition, name in
            for (index, text) in texts.enumerated() {
                Self.write(family.histogram(at: index), name, text, to: &exposition)
            }
        }
        return family
    }

    /// A counter that others keep: `read` is asked for the value of every series at each scrape.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func counter(
        _ name: String, help: String, labels: [MetricLabel] = [], read: @escaping @Sendable (Int) -> UInt64
    ) throws(MetricError) {
        try demandTotal(name)
        let texts = try checked(name, labels).texts
        try add(name, help, "counter") { exposition, name in
            for (index, text) in texts.enumerated() { exposition.sample(name, text, "\(read(index))") }
        }
    }

    /// A counter of fractions that others keep: `read` is asked for the value at each scrape.
    ///
    /// Throws: `MetricError` for a name that cannot be exposed.
    package func counter(
        _ name: String, help: String, readFraction read: @escaping @Sendable () -> Double
    ) throws(MetricError) {
        try demandTotal(name)
        _ = try checked(name, [])
        try add(name, help, "counter") { exposition, name in
            exposition.sample(name, "", Exposition.number(read()))
        }
    }

    /// A gauge that others keep: `read` is asked for the value of every series at each scrape.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func gauge(
        _ name: String, help: String, labels: [MetricLabel] = [], read: @escaping @Sendable (Int) -> Double
    ) throws(MetricError) {
        let texts = try checked(name, labels).texts
        try add(name, help, "gauge") { exposition, name in
            for (index, text) in texts.enumerated() {
                exposition.sample(name, text, Exposition.number(read(index)))
            }
        }
    }

    /// Everything registered, as text. Writers are not held up: a scrape sees each number at some moment during it.
    package func exposition(_ format: ExpositionFormat = .prometheus) -> String {
        var exposition = Exposition(format: format)
        for family in families.withLock({ $0.values.sorted { $0.name < $1.name } }) {
            exposition.begin(family.name, help: family.help, type: family.type)
            family.write(&exposition, family.name)
        }
        exposition.end()
        return exposition.text
    }

    private static func write(
        _ histogram: Histogram, _ name: String, _ labels: String, to exposition: inout Exposition
    ) {
        let snapshot = histogram.snapshot
        let prefix = labels.isEmpty ? "" : labels + ","
        var total: UInt64 = 0
        for (bucket, bound) in (histogram.buckets.labels + ["+Inf"]).enumerated() {
            total &+= snapshot.counts[bucket]
            let exemplar = histogram.exemplars?.exemplar(of: histogram.base + bucket)
            exposition.sample("\(name)_bucket", "\(prefix)le=\"\(bound)\"", "\(total)", exemplar)
        }
        exposition.sample("\(name)_sum", labels, Exposition.number(Double(snapshot.nanosecondsSum) / 1e9))
        exposition.sample("\(name)_count", labels, "\(total)")
    }

    /// Cells for `width` numbers a series, which continue those that the earlier registry had for the same series.
    private func cells(_ name: String, _ series: SeriesSet, width: Int) -> AtomicCells {
        var inherited: AtomicCells.Inherited?
        if let (old, source) = past[name], source.count == old.count * width {
            let earlier = Dictionary(uniqueKeysWithValues: zip(old.texts, 0...))
            inherited = AtomicCells.Inherited(
                source,
                places: series.texts.flatMap { text in
                    (0..<width).map { offset in earlier[text].map { $0 * width + offset } }
                })
        }
        let cells = AtomicCells(count: series.count * width, shards: shards, inherited: inherited)
        counted.withLock { $0[name] = (series, cells) }
        return cells
    }

    // MARK: Checks

    func demandTotal(_ name: String) throws(MetricError) {
        guard name.hasSuffix("_total"), name.count > 6 else {
            throw .badName(name, reason: "a counter ends in _total")
        }
    }

    private func checked(_ name: String, _ labels: [MetricLabel]) throws(MetricError) -> SeriesSet {
        guard Self.isName(name, colons: true) else {
            throw .badName(name, reason: "only letters, digits, _ and : are allowed, and no digit first")
        }
        var seen: Set<String> = []
        for label in labels {
            let isFree = label.name != "le" && !label.name.hasPrefix("__") && seen.insert(label.name).inserted
            guard isFree, Self.isName(label.name, colons: false) else {
                throw .badLabel(label.name, metric: name)
            }
            guard !label.values.isEmpty, Set(label.values).count == label.values.count else {
                throw .badValues(label: label.name, metric: name)
            }
        }
        let series = SeriesSet(labels)
        guard series.count <= seriesMax else {
            throw .tooManySeries(metric: name, series: series.count, seriesMax: seriesMax)
        }
        return series
    }

    func add(
        _ name: String, _ help: String, _ type: String,
        write: @escaping @Sendable (inout Exposition, String) -> Void
    ) throws(MetricError) {
        let family = Family(name: name, help: help, type: type, write: write)
        let isFree = families.withLock { families in
            let mine = Self.sampleNames(name, type)
            guard
                !families.values.contains(where: {
                    !Self.sampleNames($0.name, $0.type).isDisjoint(with: mine)
                })
            else { return false }
            families[name] = family
            return true
        }
        guard isFree else { throw .taken(name) }
    }

    /// Every name that a metric's lines begin with.
    private static func sampleNames(_ name: String, _ type: String) -> Set<String> {
        switch type {
        case "histogram": [name, "\(name)_bucket", "\(name)_sum", "\(name)_count"]
        case "counter": [name, String(name.dropLast(6))]
        default: [name]
        }
    }

    static func isName(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }
}
