/// What a TensorFlow-Serving model path asks for, in whatever of its spellings: `/v1/models/M[/versions/V|/labels/L]:verb`.
///
/// The server matches everything but the model's name without regard to case, so `/V1/Models/m:PREDICT` is another
/// spelling of the same call. Two paths that are equal here reach the same model.
struct PredictPath: Hashable, Sendable {
    /// The model's name, case kept.
    let model: String
    /// What is asked of it, in lower case: `predict`.
    let verb: String

    /// Nil when `path`, already decoded, is not of the form.
    init?(_ path: String) {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count == 4 || segments.count == 6, segments[0].isEmpty,
            segments[1].lowercased() == "v1",
            segments[2].lowercased() == "models"
        else { return nil }
        if segments.count == 6 {
            guard ["versions", "labels"].contains(segments[4].lowercased()) else { return nil }
        }
        let last = segments[segments.count - 1].split(separator: ":", omittingEmptySubsequences: false)
        guard last.count == 2, !last[0].isEmpty, !last[1].isEmpty else { return nil }
        model = String(segments.count == 6 ? segments[3] : last[0])
        verb = last[1].lowercased()
        guard !model.isEmpty, !model.contains(":") else { return nil }
    }
}
