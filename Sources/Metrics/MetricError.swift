// The Metrics room: counters, gauges and latency histograms of the data plane, their exposition, and W3C trace
// context. Nothing here opens a socket or reads a clock.

/// Why a metric cannot be registered. Each is found when the gateway starts, never while it serves.
package enum MetricError: Error, Hashable, Sendable {
    /// The name is not one of Prometheus's (`[a-zA-Z_:][a-zA-Z0-9_:]*`), or lacks the suffix its type demands.
    case badName(String, reason: String)
    /// A label's name is not `[a-zA-Z_][a-zA-Z0-9_]*`, begins with `__`, is `le`, or comes twice.
    case badLabel(String, metric: String)
    /// A label has no values, or one value twice: two series would have the same name.
    case badValues(label: String, metric: String)
    /// Another metric has this name, or a sample of a histogram would.
    case taken(String)
    /// The product of the label sets exceeds the registry's bound.
    case tooManySeries(metric: String, series: Int, seriesMax: Int)
    /// Bucket bounds that are not finite, positive and rising, or too many.
    case badBuckets(metric: String)
}

extension MetricError: CustomStringConvertible {
    /// A message for the operator or the programmer.
    package var description: String {
        switch self {
        case .badName(let name, let reason): "the metric name \"\(name)\" cannot be used: \(reason)"
        case .badLabel(let label, let metric):
            "the label \"\(label)\" of \(metric) is malformed, reserved or repeated"
        case .badValues(let label, let metric): "the label \"\(label)\" of \(metric) needs values, each once"
        case .taken(let name): "a metric named \(name) is registered already"
        case .tooManySeries(let metric, let series, let bound):
            "\(metric) would have \(series) series, more than \(bound); use fewer routes or upstreams"
        case .badBuckets(let metric): "the bucket bounds of \(metric) must rise and be positive and finite"
        }
    }
}
