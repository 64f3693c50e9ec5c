/// What a model's path asks of it, in whatever of its spellings: TensorFlow Serving's `/v1/models/M[/versions/V|/labels/L]:verb`, or
/// the Open Inference Protocol's `/v2/models/M[/versions/V]/verb`.
///
/// TensorFlow Serving matches everything but the model's name without regard to case, so `/V1/Models/m:PREDICT` is another
/// spelling of the same call; the other protocol is read as freely, whose servers differ. Upper case is compared, since a long s
/// (U+017F) folds to S as the server's expressions do. Two paths that are equal here reach the same model.
package struct PredictPath: Hashable, Sendable {
    /// The two ways to ask.
    package enum Dialect: Hashable, Sendable {
        /// `/v1/models/m:predict`
        case tensorFlowServing
        /// `/v2/models/m/infer`
        case openInference
    }

    /// The model's name, case kept.
    package let model: String
    /// What is asked of it, in lower case: `predict`.
    package let verb: String
    /// How it is asked.
    package let dialect: Dialect

    /// What is asked as it stands in the path: `:predict` or `/infer`.
    package var call: String { (dialect == .tensorFlowServing ? ":" : "/") + verb }

    /// Nil when `path`, already decoded, is not of the form, or asks nothing of the model but how it is.
    package init?(_ path: String) {
        // Most paths ask for nothing of a model, and their first bytes say so at once.
        let start = path.utf8.prefix(3)
        guard start.count == 3, start.dropFirst().first.map({ $0 | 0x20 }) == UInt8(ascii: "v") else {
            return nil
        }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count >= 4, segments[0].isEmpty, segments[2].uppercased() == "MODELS" else {
            return nil
        }
        switch segments[1].uppercased() {
        case "V1": self.init(tensorFlowServing: segments)
        case "V2": self.init(openInference: segments)
        default: return nil
        }
    }

    private init?(tensorFlowServing segments: [Substring]) {
        guard segments.count == 4 || segments.count == 6 else { return nil }
        if segments.count == 6 {
            guard ["VERSIONS", "LABELS"].contains(segments[4].uppercased()) else { return nil }
        }
        let last = segments[segments.count - 1].split(separator: ":", omittingEmptySubsequences: false)
        guard last.count == 2, !last[0].isEmpty, !last[1].isEmpty else { return nil }
        model = String(segments.count == 6 ? segments[3] : last[0])
        verb = last[1].uppercased().lowercased()
        dialect = .tensorFlowServing
        guard !model.isEmpty, !model.contains(":") else { return nil }
    }

    /// What tells of a model and asks it nothing.
    private static let states: Set = ["ready", "config", "stats", "trace/setting"]

    private init?(openInference segments: [Substring]) {
        var rest = segments[4...]
        if rest.first?.uppercased() == "VERSIONS" {
            guard rest.count >= 2, !rest[5].isEmpty else { return nil }
            rest = rest.dropFirst(2)
        }
        // Some servers take a path with another slash at its end as well.
        if rest.last?.isEmpty ?? false { rest.removeLast() }
        model = String(segments[3])
        verb = rest.joined(separator: "/").uppercased().lowercased()
        dialect = .openInference
        guard !model.isEmpty, !verb.isEmpty, !Self.states.contains(verb) else { return nil }
    }
}
