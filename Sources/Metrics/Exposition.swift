/// The two text forms that a scraper may ask for.
package enum ExpositionFormat: Hashable, Sendable {
    /// Prometheus text format 0.0.4.
    case prometheus
    /// OpenMetrics 1.0.0.
    case openMetrics

    /// The `Content-Type` of an answer in this form.
    package var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// OpenMetrics when `accept` names it with a weight above 0 and a version this room writes (or none);
    /// otherwise the older form, which every scraper reads.
    package init(accept: String?) {
        self = .prometheus
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { Self.trimmed($0).lowercased() }
            guard parts.first == "application/openmetrics-text" else { continue }
            let refused = parts.dropFirst().contains { parameter in
                if parameter.hasPrefix("version=") { return parameter != "version=1.0.0" }
                return parameter.hasPrefix("q=") && !(Double(parameter.dropFirst(2)).map { $0 > 0 } ?? false)
            }
            if !refused { self = .openMetrics }
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        text.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
    }
}

/// Text being written.
struct Exposition {
    let format: ExpositionFormat
    private(set) var text = ""

    init(format: ExpositionFormat) {
        self.format = format
        text.reserveCapacity(16384)
    }

    /// The two lines before a family's samples. OpenMetrics names a counter's family without its suffix.
    mutating func begin(_ name: String, help: String, type: String) {
        let isBare = format == .openMetrics && type == "counter" && name.hasSuffix("_total")
        let family = isBare ? String(name.dropLast(6)) : name
        text += "# HELP \(family) \(escaped(help: help))\n# TYPE \(family) \(type)\n"
    }

    /// One sample. Only OpenMetrics knows exemplars.
    mutating func sample(
        _ name: String, _ labels: String, _ value: String, _ exemplar: Exemplars.Exemplar? = nil
    ) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(value)"
        if let exemplar, format == .openMetrics {
            let trace = TraceContext.traceID(exemplar.traceHigh, exemplar.traceLow)
            let seconds = Self.number(Double(exemplar.nanoseconds) / 1e9)
            text += " # {trace_id=\"\(trace)\"} \(seconds)"
        }
        text += "\n"
    }

    /// The end, which OpenMetrics demands so that a cut scrape is noticed.
    mutating func end() { if format == .openMetrics { text += "# EOF\n" } }

    /// A label value: backslash, quote and line feed escaped.
    static func escaped(label: String) -> String { escaped(label, quote: true) }

    private func escaped(help: String) -> String { Self.escaped(help, quote: format == .openMetrics) }

    private static func escaped(_ raw: String, quote: Bool) -> String {
        var text = ""
        for scalar in raw.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where quote: text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// A number as both formats spell it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value.description
    }
}
