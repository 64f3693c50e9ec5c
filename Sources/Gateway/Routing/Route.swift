import Digest
import Engine
import HTTPWire
import Policy
import Proxy
import Query
import SAME
import Settings

/// One route, ready to serve: where its requests go, and how they are protected.
final class Route: Sendable {
    let name: String
    /// Its name and its upstream's, for the access log.
    let logName: LogName
    let logUpstream: LogName
    /// Its place among the routes.
    let number: Int
    let pattern: PathPattern
    /// Method names it takes; empty takes all.
    let methods: [String]
    let upstream: Upstream
    /// What comes before a request's path at the upstream; empty or `/…`.
    let basePath: String
    /// Whether clients say who they are.
    let authenticate: RouteSettings.Authenticate
    /// Who may use it, as accounts are written; empty for whoever `authenticate` lets in.
    private let clients: [String]
    /// What its requests are charged to.
    let rates: [RateLimitRule]
    /// Its own limits by the name of the listener, under an empty name those of any other; empty where it has none.
    let limits: [String: LimitSet]
    /// Which answers are compressed; nil for none.
    let compression: CompressionRule?
    /// Nil streams requests unscored.
    let protection: Protection?
    /// What streamed requests may do.
    let streamOptions: StreamOptions
    /// What the own path of a guarded TensorFlow-Serving route asks for; nil for other routes and for prefixes.
    private let predictPath: PredictPath?

    init(
        _ settings: RouteSettings, number: Int, upstream: Upstream, basePath: String, rates: [RateLimitRule],
        limits: [String: LimitSet] = [:], compression: CompressionRule?, protection: Protection?
    ) {
        self.number = number
        self.limits = limits
        name = settings.name
        logName = LogName(settings.name)
        logUpstream = LogName(upstream.settings.name)
        pattern = settings.path
        methods = settings.methods
        self.upstream = upstream
        self.basePath = basePath
        self.protection = protection
        self.rates = rates
        self.compression = compression
        authenticate = settings.authenticate
        clients = settings.clients
        streamOptions = StreamOptions(settings)
        if protection != nil || authenticate == .required, case .exact(let path) = pattern {
            predictPath = PredictPath(basePath + path)
        } else {
            predictPath = nil
        }
    }

    /// Whether the route holds something back that a request must not get around by falling through to another route.
    var isGuarded: Bool { protection != nil || authenticate == .required }

    /// Its own limits for a request that came in at this listener; nil where it has none.
    func limitSet(at listener: @autoclosure () -> String) -> LimitSet? {
        limits.isEmpty ? nil : limits[listener()] ?? limits[""]
    }

    /// Whether the client of this account may use the route.
    func admits(_ account: String) -> Bool {
        clients.isEmpty
            || clients.contains { $0.hasSuffix("*") ? account.hasPrefix($0.dropLast()) : account == $0 }
    }

    /// Whether the route takes other spellings of its path.
    var protectsModel: Bool { predictPath != nil }

    /// Whether the route takes this path, spelt as the settings spell it.
    func spells(_ path: String) -> Bool { pattern.matches(path) }

    /// Whether the route protects the model that `path` asks, whatever it asks of it.
    func guardsModel(of path: PredictPath) -> Bool { protection != nil && predictPath?.model == path.model }

    /// Whether the route protects the model that `path` asks, spelt in another way: another version's or label's path, or
    /// another case of the fixed words, must not be a way around the score.
    func protectsModel(of path: PredictPath) -> Bool { predictPath == path }
}

/// How a route's queries are read, scored and decided.
final class Protection: Sendable {
    /// The model's name in the settings.
    let model: String
    let scorer: Scorer
    /// The scorer's networks, compiled for this processor.
    let plan: Plan
    /// What decides which patches of a query are hidden; nil where the plan masks nothing.
    private let masks: MaskSecret?
    /// Examinations of earlier queries; nil keeps none.
    let cache: ExaminationCache?
    /// Whether a reconstruction, its loss and roughness, decides alone; nil where whole scores are wanted.
    let settles: (@Sendable (Examination) -> Bool)?
    let decoder: QueryDecoder
    let reader: AnswerReader
    let policy: PolicyEngine
    let mode: EnforcementMode
    let onUndecodable: ProtectSettings.Fallback
    let onUnreadableAnswer: ProtectSettings.Fallback
    let onOverload: ProtectSettings.Fallback
    /// Whether the upstream gets the body as the client coded it.
    let forwardsEncoded: Bool
    /// What the upstream may code answers with.
    let acceptEncoding: ProtectSettings.UpstreamCoding

    init(
        _ settings: ProtectSettings, scorer: Scorer, plan: Plan, key: HMACKey, cache: ExaminationCache?,
        exitsEarly: Bool, decoder: QueryDecoder, reader: AnswerReader, policy: PolicyEngine
    ) {
        masks = plan.masks ? MaskSecret(key) : nil
        model = settings.model
        self.scorer = scorer
        self.plan = plan
        self.decoder = decoder
        self.reader = reader
        self.policy = policy
        self.cache = cache
        settles = exitsEarly && settings.mode == .enforce ? policy.settling(by: scorer) : nil
        mode = settings.mode == .enforce ? .enforce : .observe
        onUndecodable = settings.onUndecodable
        onUnreadableAnswer = settings.onUnreadableAnswer
        onOverload = settings.onOverload
        forwardsEncoded = settings.forwardsEncoded
        acceptEncoding = settings.acceptEncoding
    }

    /// What the masks of some of a batch's rows are drawn from; empty where nothing is masked.
    func seeds(_ batch: QueryBatch, rows: [Int]) -> [UInt64] {
        guard let masks else { return [] }
        return rows.map { masks.seed(batch.digests[$0]) }
    }

    /// Whether a fallback refuses: in observe mode nothing is ever refused.
    func refuses(_ fallback: ProtectSettings.Fallback) -> Bool { mode == .enforce && fallback == .reject }
}

extension PolicyEngine {
    /// Tells of an examination that has a row's reconstruction, statistics and frame whether the row will be rejected whatever else is
    /// found; nil where the policy never rejects.
    func settling(by scorer: Scorer) -> (@Sendable (Examination) -> Bool)? {
        guard let bound = rejectsAbove else { return nil }
        return { begun in
            guard let floor = scorer.floor(begun) else { return false }
            return bound.isExceeded(by: Assessment(floor))
        }
    }
}

extension StreamOptions {
    init(_ route: RouteSettings) {
        self = []
        if route.upgrade.contains(.websocket) { insert(.webSocket) }
        if route.expectContinue == .forward { insert(.forwardsContinue) }
    }
}
