/// A label with every value it will ever have: cardinality is bounded when the gateway starts, so no client can
/// grow a scrape by what it sends.
package struct MetricLabel: Hashable, Sendable {
    /// The label's name.
    package let name: String
    /// All of its values, in the order in which they are exposed.
    package let values: [String]

    /// A label of these values.
    package init(_ name: String, _ values: [String]) {
        self.name = name
        self.values = values
    }
}

/// The closed set of series that a metric's labels span.
package struct SeriesSet: Hashable, Sendable {
    /// The labels, outermost first.
    package let labels: [MetricLabel]
    /// How many series there are; 1 without labels.
    package let count: Int

    init(_ labels: [MetricLabel]) {
        self.labels = labels
        // A product past any bound is cut off rather than overflowing; the registry refuses it then.
        count = labels.reduce(1) { product, label in
            let (next, overflow) = product.multipliedReportingOverflow(by: label.values.count)
            return overflow ? .max : next
        }
    }

    /// The number of the series with these values, one for each label in order; nil when any is not in its set.
    package func index(of values: [String]) -> Int? {
        guard values.count == labels.count else { return nil }
        var index = 0
        for (label, value) in zip(labels, values) {
            guard let position = label.values.firstIndex(of: value) else { return nil }
            index = index * label.values.count + position
        }
        return index
    }

    /// The values of series `index`, in label order.
    func values(of index: Int) -> [String] {
        var rest = index
        var values: [String] = []
        for label in labels.reversed() {
            values.append(label.values[rest % label.values.count])
            rest /= label.values.count
        }
        return values.reversed()
    }

    /// `a="x",b="y"` for each series, escaped once and kept.
    var texts: [String] {
        (0..<count).map { index in
            zip(labels, values(of: index)).map { "\($0.name)=\"\(Exposition.escaped(label: $1))\"" }
                .joined(separator: ",")
        }
    }
}
