import HTTPWire
import Policy
import Proxy
import Query
import SAME
import Settings

/// One route, ready to serve: where its requests go, and how they are protected.
final class Route: Sendable {
    let name: String
    let pattern: PathPattern
    /// Method names it takes; empty takes all.
    let methods: Set<String>
    let upstream: Upstream
    /// What comes before a request's path at the upstream; empty or `/…`.
    let basePath: String
    /// Nil streams requests unscored.
    let protection: Protection?

    init(_ settings: RouteSettings, upstream: Upstream, basePath: String, protection: Protection?) {
        name = settings.name
        pattern = settings.path
        methods = Set(settings.methods)
        self.upstream = upstream
        self.basePath = basePath
        self.protection = protection
    }

    /// Whether the route takes this path.
    ///
    /// A protected TensorFlow-Serving route for `/v1/models/M:predict` also takes the spellings of the same model with
    /// `/versions/V` and `/labels/L`: another version's path must not be a way around the score.
    func matches(path: String) -> Bool {
        if pattern.matches(path) { return true }
        guard protection?.decoder.format.wireProtocol == .tensorFlowServing, case .exact(let own) = pattern else {
            return false
        }
        return PredictPath(path).map { $0.unversioned == own } ?? false
    }
}

/// A TensorFlow-Serving model path: `/v1/models/M[/versions/V|/labels/L]:verb`.
struct PredictPath {
    /// The same path without version and label.
    let unversioned: String

    /// Nil when `path` names no version or label.
    init?(_ path: String) {
        guard let colon = path.lastIndex(of: ":") else { return nil }
        let segments = path[..<colon].split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count >= 3, let kind = segments.dropLast().last, kind == "versions" || kind == "labels"
        else { return nil }
        unversioned = segments.dropLast(2).joined(separator: "/") + path[colon...]
    }
}

/// How a route's queries are read, scored and decided.
final class Protection: Sendable {
    /// The model's name in the settings.
    let model: String
    let scorer: Scorer
    let decoder: QueryDecoder
    let reader: AnswerReader
    let policy: PolicyEngine
    let mode: EnforcementMode
    let onUndecodable: ProtectSettings.Fallback
    let onUnreadableAnswer: ProtectSettings.Fallback
    let onOverload: ProtectSettings.Fallback

    init(
        _ settings: ProtectSettings, scorer: Scorer, decoder: QueryDecoder, reader: AnswerReader,
        policy: PolicyEngine
    ) {
        model = settings.model
        self.scorer = scorer
        self.decoder = decoder
        self.reader = reader
        self.policy = policy
        mode = settings.mode == .enforce ? .enforce : .observe
        onUndecodable = settings.onUndecodable
        onUnreadableAnswer = settings.onUnreadableAnswer
        onOverload = settings.onOverload
    }

    /// Whether a fallback refuses: in observe mode nothing is ever refused.
    func refuses(_ fallback: ProtectSettings.Fallback) -> Bool { mode == .enforce && fallback == .reject }
}
