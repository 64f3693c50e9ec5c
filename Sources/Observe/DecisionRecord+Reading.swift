import Foundation

extension DecisionRecord {
    /// Reads a line of the log; nil when it is not a decision. Unknown fields are left aside, and a field that a later
    /// version adds or an earlier one lacked is nil or empty.
    package init?(line: some Collection<UInt8>) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
            let time = (object["time"] as? String).flatMap({ WallTime(rfc3339: $0) }),
            let route = object["route"] as? String, let verdict = object["verdict"] as? String,
            let mode = object["mode"] as? String, mode == "enforce" || mode == "observe"
        else { return nil }
        let spans = object["latencies_ms"] as? [String: Any] ?? [:]
        self.init(
            time: time, requestID: object["request_id"] as? String ?? "",
            client: object["client"] as? String ?? "", route: route,
            row: object["row"] is NSNull ? nil : object["row"] as? Int ?? 0,
            // A damaged line must not be able to end a sum.
            rows: min(max(0, object["rows"] as? Int ?? 1), 1 << 20),
            reconstruction: object["reconstruction"] as? Double,
            deviation: object["deviation"] as? Double, excess: object["excess"] as? Double,
            perturbation: object["perturbation"] as? Double, score: object["score"] as? Double,
            percentile: object["percentile"] as? Double, verdict: Verdict(rawValue: verdict),
            isEnforced: mode == "enforce", difficulty: (object["difficulty"] as? Int).map(Int64.init),
            latencies: Latencies(
                queue: spans["queue"] as? Double, score: spans["score"] as? Double,
                upstream: spans["upstream"] as? Double, total: spans["total"] as? Double,
                parse: spans["parse"] as? Double, decide: spans["decide"] as? Double),
            digest: object["digest"] as? String, terms: object["terms"] as? [String] ?? [],
            reason: object["reason"] as? String, trace: object["trace"] as? String,
            requestCoding: object["content_encoding"] as? String)
        measures = Measures(
            masked: object["masked"] as? Double, energy: object["energy"] as? Double,
            neighbour: object["neighbour"] as? Double, doubt: object["doubt"] as? Double,
            statistics: object["statistics"] as? Double, frame: object["frame"] as? Double)
    }
}
