/// What a TensorFlow-Serving model path asks for, in whatever of its spellings: `/v1/models/M[/versions/V|/labels/L]:verb`.
///
/// The server matches everything but the model's name without regard to case, so `/V1/Models/m:PREDICT` is another
/// spelling of the same call. Upper case is compared, since a long s (U+017F) folds to S as the server's expressions do.
/// Two paths that are equal here reach the same model.
package struct PredictPath: Hashable, Sendable {
    /// The model's name, case kept.
    package let model: String
    /// What is asked of it, in lower case: `predict`.
    package let verb: String

    /// Nil when `path`, already decoded, is not of the form.
    package init?(_ path: String) {
        // Most paths ask for nothing of a model, and the search for a byte says so at once.
        guard path.utf8.contains(UInt8(ascii: ":")) else { return nil }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count == 4 || segments.count == 6, segments[0].isEmpty,
            segments[1].uppercased() == "V1",
            segments[2].uppercased() == "MODELS"
        else { return nil }
        if segments.count == 6 {
            guard ["VERSIONS", "LABELS"].contains(segments[4].uppercased()) else { return nil }
        }
        let last = segments[segments.count - 1].split(separator: ":", omittingEmptySubsequences: false)
        guard last.count == 2, !last[0].isEmpty, !last[1].isEmpty else { return nil }
        model = String(segments.count == 6 ? segments[3] : last[0])
        verb = last[1].uppercased().lowercased()
        guard !model.isEmpty, !model.contains(":") else { return nil }
    }
}
