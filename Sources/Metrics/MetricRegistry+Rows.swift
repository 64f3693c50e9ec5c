/// Series that are listed one by one, for labels that do not combine freely: each upstream has servers of its own.
package struct MetricRows: Hashable, Sendable {
    /// The labels' names, outermost first.
    package let labels: [String]
    /// The labels' values of each series, in the order in which they are exposed.
    package let values: [[String]]

    /// Series of these values, one for each label.
    package init(_ labels: [String], _ values: [[String]]) {
        self.labels = labels
        self.values = values
    }
}

extension MetricRegistry {
    /// A counter that others keep: `read` is asked for the value of every row at each scrape.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func counter(
        _ name: String, help: String, rows: MetricRows, read: @escaping @Sendable (Int) -> UInt64
    ) throws(MetricError) {
        try demandTotal(name)
        try add(name, help, "counter", rows) { "\(read($0))" }
    }

    /// A gauge that others keep: `read` is asked for the value of every row at each scrape.
    ///
    /// Throws: `MetricError` for a name, label or size that cannot be exposed.
    package func gauge(
        _ name: String, help: String, rows: MetricRows, read: @escaping @Sendable (Int) -> Double
    ) throws(MetricError) {
        try add(name, help, "gauge", rows) { Exposition.number(read($0)) }
    }

    private func add(
        _ name: String, _ help: String, _ type: String, _ rows: MetricRows,
        _ text: @escaping @Sendable (Int) -> String
    ) throws(MetricError) {
        guard Self.isName(name, colons: true) else {
            throw .badName(name, reason: "only letters, digits, _ and : are allowed, and no digit first")
        }
        for (place, label) in rows.labels.enumerated() {
            let isFree = label != "le" && !label.hasPrefix("__") && !rows.labels[..<place].contains(label)
            guard isFree, Self.isName(label, colons: false) else { throw .badLabel(label, metric: name) }
        }
        let isWhole = rows.values.allSatisfy { $0.count == rows.labels.count }
        guard isWhole, Set(rows.values).count == rows.values.count else {
            throw .badValues(label: rows.labels.joined(separator: ", "), metric: name)
        }
        guard rows.values.count <= seriesMax else {
            throw .tooManySeries(metric: name, series: rows.values.count, seriesMax: seriesMax)
        }
        let labels = rows.values.map { values in
            zip(rows.labels, values).map { "\($0)=\"\(Exposition.escaped(label: $1))\"" }.joined(
                separator: ",")
        }
        try add(name, help, type) { exposition, name in
            for (index, labels) in labels.enumerated() { exposition.sample(name, labels, text(index)) }
        }
    }
}
