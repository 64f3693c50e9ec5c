import Observe
import Transport

/// How long the parts of a protected query's way took; nil where it did not go.
struct DecisionLatencies {
    /// Reading the query out of its body.
    var parse: Duration?
    /// Waiting for a scoring worker.
    var queue: Duration?
    /// In the networks.
    var score: Duration?
    /// From the forward to the end of the victim's answer.
    var upstream: Duration?
    /// When deciding began; nil before.
    var decisionBegun: MonotonicTime?

    /// The log's form, in milliseconds, with the whole way so far.
    func record(total: Duration, now: MonotonicTime) -> DecisionRecord.Latencies {
        DecisionRecord.Latencies(
            queue: queue?.milliseconds, score: score?.milliseconds, upstream: upstream?.milliseconds,
            total: total.milliseconds, parse: parse?.milliseconds,
            decide: decisionBegun.map { now.duration(since: $0).milliseconds })
    }
}

extension Duration {
    /// **Units** milliseconds.
    var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
    }
}
