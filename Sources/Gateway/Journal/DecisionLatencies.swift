import Observe

/// How long the parts of a protected query's way took; nil where it did not go.
struct DecisionLatencies {
    /// Waiting for a scoring worker.
    var queue: Duration?
    /// In the networks.
    var score: Duration?
    /// From the forward to the end of the victim's answer.
    var upstream: Duration?

    /// The log's form, in milliseconds, with the whole way so far.
    func record(total: Duration) -> DecisionRecord.Latencies {
        DecisionRecord.Latencies(
            queue: queue?.milliseconds, score: score?.milliseconds, upstream: upstream?.milliseconds,
            total: total.milliseconds)
    }
}

extension Duration {
    /// **Units** milliseconds.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
    }
}
