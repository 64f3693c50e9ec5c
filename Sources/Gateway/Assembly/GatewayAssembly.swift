import Digest
import Engine
import Foundation
import Policy
import Proxy
import Query
import SAME
import Settings
import Transport

/// What stands in the way of serving a configuration that is well-formed in itself.
package struct AssemblyProblem: Error, Hashable, Sendable {
    /// Where in the configuration: `models.fashion.bundle`.
    package let path: String
    /// What is wrong, naming the file where there is one.
    package let message: String

    package init(path: String, message: String) {
        self.path = path
        self.message = message
    }
}

/// Everything that stands in the way, not the first thing alone.
package struct AssemblyError: Error, Sendable {
    /// In the order of the configuration; not empty.
    package let problems: [AssemblyProblem]
}

extension AssemblyError: CustomStringConvertible {
    /// One line a problem.
    package var description: String { problems.map { "\($0.path): \($0.message)" }.joined(separator: "\n") }
}

/// Reads what the settings name (bundles, the key) and compiles what they say (routes, policies): the parts of a gateway
/// before anything listens. `samegate check` stops here.
package struct GatewayAssembly: Sendable {
    /// The settings it was made from.
    package let settings: GatewaySettings
    let routes: [Route]
    /// Each ends with the last assembly that has it.
    let leases: [String: Lease<Upstream>]
    var upstreams: [String: Upstream] { leases.mapValues(\.part) }
    private let loaded: [String: LoadedModel]
    let limits: ProxyLimits
    /// Those of listeners that state their own, by their names.
    let listenerLimits: [String: LimitSet]
    let security: GatewaySecurity
    let key: HMACKey
    /// What requests for change through the side door carry; nil where closeness is enough.
    let adminToken: [UInt8]?
    /// Nil when every client is anonymous.
    let authentication: Authentication?
    /// Every value in effect, a line each, for the operator; secrets are paths alone.
    let configuration: String
    /// A line for each model, for the operator.
    package let models: [ModelSummary]
    /// What is known of clients' keys; nil without an identity section.
    package let identity: IdentitySummary?
    /// What is doubtful and does not stand in the way, such as a certificate that ends soon.
    package var warnings: [AssemblyProblem] { security.warnings }

    /// What `check` and the start-up log say about a loaded bundle.
    package struct ModelSummary: Sendable {
        package let name: String
        package let image: String
        package let classes: Int
        package let parameters: Int
        package let calibrationSamples: Int
    }

    /// Reads and compiles everything. **Throws** every problem at once; nothing is half loaded.
    ///
    /// What `earlier` has and what has not changed since is taken over: bundles by the digests of their files, upstreams
    /// with their connections, TLS with its tickets, the key of a gateway without a key file.
    package init(
        _ settings: GatewaySettings, configuration: String = "", reusing earlier: GatewayAssembly? = nil
    ) throws(AssemblyError) {
        var problems: [AssemblyProblem] = []
        var keyProblems: [AssemblyProblem] = []
        let key = Self.readKey(settings.secrets, reusing: earlier, &keyProblems)
        // Without a key nothing is served, but the routes are looked at all the same: every problem is told at once.
        let usable = key ?? HMACKey([UInt8](repeating: 0, count: SecretsSettings.keyBytes.lowerBound))
        let loaded = Self.loadModels(settings, usable, reusing: earlier, &problems)
        let limits = ProxyLimits(settings.limits)
        let limitTable = LimitTable(settings)
        let security = GatewaySecurity(settings, reusing: earlier?.security, &problems)
        let leases = Self.lease(settings, limits, security, reusing: earlier)
        let upstreams = leases.mapValues(\.part)
        let rules = Self.compile(settings.rates, &problems)
        var routes: [Route] = []
        for (index, route) in settings.routes.enumerated() {
            guard let upstream = upstreams[route.upstream] else { continue }
            let path = "routes[\(index)]"
            let charged = route.rates.compactMap { rules[$0] }
            // A price by score is for the whole score.
            let exitsEarly =
                settings.scoring.exitsEarly && !charged.contains { $0.price.dependsOnScore }
            let protection = route.protect.flatMap {
                Self.compile(
                    $0, settings, loaded, usable, exitsEarly: exitsEarly, at: "\(path).protect", &problems)
            }
            guard route.protect == nil || protection != nil else { continue }
            let base = settings.upstreams.first { $0.name == route.upstream }?.url.basePath ?? ""
            routes.append(
                Route(
                    route, number: routes.count, upstream: upstream, basePath: base, rates: charged,
                    limits: limitTable.limits(of: route),
                    compression: CompressionRule(route.compress ?? settings.compress), protection: protection)
            )
        }
        problems += settings.policies.flatMap(Self.problems) + keyProblems
        let identity = Self.loadIdentity(settings, &problems)
        adminToken = Self.readToken(settings.admin, &problems)
        problems += Self.accountProblems(settings.daemon)
        guard problems.isEmpty, let key else { throw AssemblyError(problems: problems) }
        self.settings = settings
        self.configuration = configuration
        self.routes = routes
        self.leases = leases
        self.loaded = loaded
        self.limits = limits
        listenerLimits = limitTable.listeners
        self.security = security
        self.key = key
        authentication = identity?.phase
        self.identity = identity?.summary
        models = loaded.sorted { $0.key < $1.key }.map { ModelSummary(name: $0.key, scorer: $0.value.scorer) }
    }

    /// The networks of a model by its name in the settings.
    func model(_ name: String) -> Plan? { loaded[name]?.plan }

    /// A bundle, ready to score.
    private struct LoadedModel {
        let scorer: Scorer
        let plan: Plan
        let cache: ExaminationCache?

        /// With the cache that the settings ask for: the one it has where it is as large, and what is kept in it would be found
        /// again. Under another key a masked pass hides other patches.
        func caching(_ settings: ScoringSettings, isSameKey: Bool) -> Self {
            if (cache?.capacity ?? 0) == settings.cache, isSameKey || !plan.masks { return self }
            return Self(scorer: scorer, plan: plan, cache: Self.cache(settings))
        }

        static func cache(_ settings: ScoringSettings) -> ExaminationCache? {
            settings.cache > 0 ? ExaminationCache(capacity: settings.cache) : nil
        }
    }

    /// The upstreams of the settings; one that has not changed is the earlier one.
    private static func lease(
        _ settings: GatewaySettings, _ limits: ProxyLimits, _ security: GatewaySecurity,
        reusing earlier: GatewayAssembly?
    ) -> [String: Lease<Upstream>] {
        var leases: [String: Lease<Upstream>] = [:]
        for upstream in settings.upstreams {
            let before = earlier?.settings.upstreams.first { $0.name == upstream.name }
            let tls = security.servers(of: upstream)
            if let earlier, let kept = earlier.leases[upstream.name], before == upstream,
                limits.boundAnswers(as: earlier.limits),
                tls.elementsEqual(earlier.security.servers(of: upstream), by: { $0 === $1 })
            {
                leases[upstream.name] = kept
            } else {
                leases[upstream.name] = Lease(Upstream(upstream, limits: limits, securities: tls)) {
                    $0.close()
                }
            }
        }
        return leases
    }

    private static func loadModels(
        _ settings: GatewaySettings, _ key: HMACKey, reusing earlier: GatewayAssembly?,
        _ problems: inout [AssemblyProblem]
    ) -> [String: LoadedModel] {
        let isSameKey = earlier.map { key.hasSameCodes(as: $0.key) } ?? false
        let precision: Plan.Precision =
            switch settings.scoring.precision {
            case .f32: .f32
            case .bf16: .bf16
            case .int8: .int8
            }
        var models: [String: LoadedModel] = [:]
        for model in settings.models {
            do throws(BundleError) {
                if let earlier, earlier.settings.scoring.precision == settings.scoring.precision,
                    let kept = earlier.loaded[model.name],
                    try ModelBundle.isUnchanged(kept.scorer.manifest, at: model.bundle)
                {
                    models[model.name] = kept.caching(settings.scoring, isSameKey: isSameKey)
                    continue
                }
                let bundle = try ModelBundle(contentsOf: model.bundle)
                if let objection = bundle.objection(to: precision) {
                    let message = "model \(model.name): \(objection)"
                    problems.append(AssemblyProblem(path: "scoring.precision", message: message))
                    continue
                }
                do throws(PlanError) {
                    let plan = try Plan(bundle, precision: precision)
                    models[model.name] = LoadedModel(
                        scorer: Scorer(bundle), plan: plan, cache: LoadedModel.cache(settings.scoring))
                } catch {
                    problems.append(AssemblyProblem(path: "scoring.precision", message: "\(error)"))
                }
            } catch {
                problems.append(
                    AssemblyProblem(path: "models.\(model.name).bundle", message: "\(model.bundle): \(error)")
                )
            }
        }
        return models
    }

    private static func compile(
        _ rates: [RateSettings], _ problems: inout [AssemblyProblem]
    ) -> [String: RateLimitRule] {
        var rules: [String: RateLimitRule] = [:]
        for rate in rates {
            if let rule = RateLimitRule(rate) {
                rules[rate.name] = rule
            } else {
                let message =
                    "cells must take a nanosecond each or longer, and refilling a burst a year at most"
                problems.append(AssemblyProblem(path: "rates.\(rate.name)", message: message))
            }
        }
        return rules
    }

    private static func readKey(
        _ secrets: SecretsSettings, reusing earlier: GatewayAssembly?, _ problems: inout [AssemblyProblem]
    ) -> HMACKey? {
        do {
            guard let file = secrets.keyFile else {
                if let earlier, earlier.settings.secrets.keyFile == nil { return earlier.key }
                return HMACKey(try SecretBytes.random(count: 32))
            }
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
            guard SecretsSettings.keyBytes.contains(bytes.count) else {
                throw AssemblyProblem(path: "", message: "\(file) holds \(bytes.count) bytes")
            }
            return HMACKey(bytes)
        } catch {
            let reason = (error as? AssemblyProblem)?.message ?? "\(error)"
            problems.append(AssemblyProblem(path: "secrets.key_file", message: reason))
            return nil
        }
    }

    private static func compile(
        _ protect: ProtectSettings, _ settings: GatewaySettings, _ models: [String: LoadedModel],
        _ key: HMACKey, exitsEarly: Bool, at path: String, _ problems: inout [AssemblyProblem]
    ) -> Protection? {
        guard let model = models[protect.model],
            let policy = settings.policies.first(where: { $0.name == protect.policy })
        else { return nil }
        let format = QueryFormat(protect, image: model.scorer.manifest.image)
        let tail = model.scorer.manifest.calibration.full
        problems += format.problems.map { AssemblyProblem(path: "\(path).input", message: $0) }
        // What is wrong with the bands is reported once a policy, not once a route.
        guard format.problems.isEmpty,
            let engine = try? PolicyEngine(
                bands: policy.bands.map(Band.init), surpriseOfScore: { tail.surprise($0) })
        else { return nil }
        return Protection(
            protect, scorer: model.scorer, plan: model.plan, key: key, cache: model.cache,
            exitsEarly: exitsEarly, decoder: QueryDecoder(format),
            reader: AnswerReader(AnswerFormat(protect, classes: model.scorer.manifest.classes)),
            policy: engine)
    }

    /// What is wrong with a policy's bands, which no bundle is needed to see.
    private static func problems(of policy: PolicySettings) -> [AssemblyProblem] {
        do throws(PolicyProblems) {
            _ = try PolicyEngine(bands: policy.bands.map(Band.init), surpriseOfScore: { $0 })
            return []
        } catch {
            return error.all.map {
                AssemblyProblem(path: "policies.\(policy.name).bands[\($0.band)]", message: $0.reason)
            }
        }
    }
}

extension GatewayAssembly.ModelSummary {
    init(name: String, scorer: Scorer) {
        let manifest = scorer.manifest
        self.init(
            name: name, image: "\(manifest.image)", classes: manifest.classes,
            parameters: manifest.autoencoder.parameterCount + manifest.auxiliary.parameterCount,
            calibrationSamples: manifest.calibration.full.sampleCount)
    }
}
