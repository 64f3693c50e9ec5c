/// Checks that no single value shows: references, order, shadowing, and choices that fail open.
///
/// A check looks only at values that were read without a mistake, so that one mistake is reported once.
struct CrossCheck {
    private let settings: GatewaySettings
    private let session: Session

    init(_ settings: GatewaySettings, _ session: Session) {
        self.settings = settings
        self.session = session
    }

    func run() {
        checkListeners()
        for (index, route) in settings.routes.enumerated() { check(route, at: "routes[\(index)]") }
        checkRoutesTogether()
        for policy in settings.policies { checkOrder(policy) }
        checkUse()
        checkRates()
        checkLimits()
        checkSecrets()
        checkIdentity()
        checkTLS()
        checkLogs()
    }

    // MARK: Sections

    private func checkListeners() {
        var seen: [(index: Int, address: SocketAddress)] = []
        for (index, listener) in settings.listeners.enumerated() {
            let path = "listen[\(index)].address"
            guard session.trusts(path) else { continue }
            let address = listener.address
            if let first = seen.first(where: { $0.address == address }) {
                error("listens at \(address) as listen[\(first.index)] does already", path)
            } else if let first = seen.first(where: { $0.address.clashes(with: address) }) {
                error(Self.clash(address, first.address, of: "listen[\(first.index)]"), path)
            }
            seen.append((index, address))
        }
        guard let address = settings.admin?.address, session.trusts("admin.address") else { return }
        if seen.contains(where: { $0.address == address }) {
            error("is a data listener's address already; clients have no business there", "admin.address")
        } else if let first = seen.first(where: { $0.address.clashes(with: address) }) {
            error(Self.clash(address, first.address, of: "listen[\(first.index)]"), "admin.address")
        }
    }

    private static func clash(_ address: SocketAddress, _ other: SocketAddress, of owner: String) -> String {
        guard address.isWildcard != other.isWildcard else {
            return "is the address of \(owner) already, in another spelling (\(other))"
        }
        let (all, one) = address.isWildcard ? (address, other) : (other, address)
        return "clashes with \(other) of \(owner): \(all) is every address, \(one) among them;"
            + " give one of the two another port"
    }

    private func check(_ route: RouteSettings, at path: String) {
        resolve(route.upstream, "\(path).upstream", among: settings.upstreams.map(\.name), kind: "upstream")
        checkClients(of: route, at: path)
        checkRates(of: route, at: path)
        guard let protect = route.protect else { return checkBypass(route, at: path) }
        resolve(protect.model, "\(path).protect.model", among: settings.models.map(\.name), kind: "model")
        resolve(
            protect.policy, "\(path).protect.policy", among: settings.policies.map(\.name), kind: "policy")
        if protect.forwardsEncoded, session.trusts("\(path).protect.forward_encoded") {
            warn(
                "lets the upstream's decoder see another query than the one scored, where it reads a coding differently",
                "\(path).protect.forward_encoded")
        }
        checkChanges(protect, at: "\(path).protect")
        guard protect.mode == .enforce else {
            return warn("observes only: verdicts are logged and not carried out", "\(path).protect.mode")
        }
        let clocks = [
            ("on_undecodable", protect.onUndecodable, "a body that cannot be read"),
            ("on_unreadable_answer", protect.onUnreadableAnswer, "an answer that cannot be read"),
            ("on_overload", protect.onOverload, "a client's only query that finds the scoring queue full"),
        ]
        for (key, fallback, what) in clocks
        where fallback == .pass && session.trusts("\(path).protect.\(key)") {
            warn("fails open: \(what) passes unscored, which is logged and counted", "\(path).protect.\(key)")
        }
    }

    private func checkRates(of route: RouteSettings, at path: String) {
        for (index, name) in route.rates.enumerated() {
            let place = "\(path).rates[\(index)]"
            resolve(name, place, among: settings.rates.map(\.name), kind: "rate")
            if route.rates.prefix(index).contains(name) { error("is charged by this route already", place) }
        }
    }

    private func checkClients(of route: RouteSettings, at path: String) {
        if !route.clients.isEmpty, route.authenticate != .required, session.trusts("\(path).authenticate") {
            error("can be held to only with authenticate: required", "\(path).clients")
        }
        guard route.authenticate != .none, settings.identity == nil, session.trusts("\(path).authenticate")
        else { return }
        error(
            "asks for credentials, and there is no identity section to know them by", "\(path).authenticate")
    }

    /// A model that one route protects answers `:classify` and `:regress` as it does `:predict`, and may answer `/infer` too, so a
    /// route that spells out another verb's path would be a way round the score.
    private func checkVerbs(_ route: RouteSettings, at path: String) -> Bool {
        guard let asked = verb(of: route), session.trusts("\(path).path") else { return true }
        let twin = settings.routes.firstIndex {
            $0.protect != nil && $0.upstream == route.upstream
                && verb(of: $0).map { $0.model == asked.model && $0 != asked } ?? false
        }
        guard let twin else { return true }
        error(
            "asks \(asked.call) of the model that routes[\(twin)] protects, unscored; leave the route out"
                + " or give it protect", "\(path).path")
        return false
    }

    private func verb(of route: RouteSettings) -> PredictPath? {
        guard case .exact(let path) = route.path else { return nil }
        let base = settings.upstreams.first { $0.name == route.upstream }?.url.basePath ?? ""
        return PredictPath(base + path)
    }

    /// An unprotected route to an upstream that another route protects lets queries around the score.
    private func checkBypass(_ route: RouteSettings, at path: String) {
        let isProtectedElsewhere = settings.routes.contains {
            $0.protect != nil && $0.upstream == route.upstream
        }
        let reads = !route.methods.isEmpty && Set(route.methods).isSubset(of: ["GET", "HEAD", "OPTIONS"])
        guard isProtectedElsewhere, !reads, checkVerbs(route, at: path), session.trusts("routes"),
            session.trusts(path)
        else { return }
        warn(
            "passes requests unscored to an upstream that another route protects; give it methods: [GET, HEAD]",
            path)
    }

    private func checkRoutesTogether() {
        for (index, route) in settings.routes.enumerated() {
            let path = "routes[\(index)]"
            let earlier = settings.routes.prefix(index).enumerated()
            if session.trusts("\(path).name"),
                let twin = earlier.first(where: { $0.element.name == route.name })
            {
                error("is the name of routes[\(twin.offset)] already", "\(path).name")
            }
            guard session.trusts("\(path).path"), session.trusts("\(path).methods") else { continue }
            let shadow = earlier.first { other in
                session.trusts("routes[\(other.offset)].path")
                    && session.trusts("routes[\(other.offset)].methods")
                    && other.element.covers(route)
            }
            if let shadow {
                let name = "routes[\(shadow.offset)] (\(shadow.element.path))"
                error("is never reached: \(name) before it takes all of its requests", "\(path).path")
            }
        }
    }

    /// An answer that does not tell every class cannot be changed within a bound of its distribution.
    private func checkChanges(_ protect: ProtectSettings, at path: String) {
        guard !protect.answer.kind.isDistribution, session.trusts("\(path).answer.kind"),
            let policy = settings.policies.first(where: { $0.name == protect.policy })
        else { return }
        for (index, band) in policy.bands.enumerated() where band.verdict.name == "perturb" {
            error(
                "tells too little for policies.\(policy.name).bands[\(index)]: perturb changes the probability of every class",
                "\(path).answer.kind")
        }
    }

    private func checkOrder(_ policy: PolicySettings) {
        for (index, pair) in zip(policy.bands, policy.bands.dropFirst()).enumerated() {
            let path = "policies.\(policy.name).bands[\(index + 1)]"
            let before = "policies.\(policy.name).bands[\(index)]"
            guard session.trusts("\(path).above"), session.trusts("\(before).above") else { continue }
            switch (pair.0.above, pair.1.above) {
            case (.percentile(let low), .percentile(let high)), (.raw(let low), .raw(let high)):
                if low >= high {
                    error(
                        "must be above \(pair.0.above) of the band before it; bands ascend", "\(path).above")
                }
            default:
                error(
                    "goes with \(pair.0.above) of the band before it: use percentiles or raw scores, not both",
                    "\(path).above")
            }
            if pair.1.verdict.severity < pair.0.verdict.severity, session.trusts("\(path).verdict"),
                session.trusts("\(before).verdict")
            {
                error(
                    "is milder than \(pair.0.verdict.name) of the band before it: a stranger query would fare better",
                    "\(path).verdict")
            }
        }
    }

    private func checkRates() {
        for rate in settings.rates where session.trusts("rates.\(rate.name)") {
            let isPlain = rate.name.allSatisfy { $0.isLowercase || $0.isNumber || "-_".contains($0) }
            if !isPlain {
                error("is told to clients: use lower-case letters, digits, - and _", "rates.\(rate.name)")
            }
            if rate.cost.base == 0, rate.cost.perSurprise == 0 {
                error("is nothing: give base or per_surprise", "rates.\(rate.name).cost")
            }
        }
    }

    private func checkUse() {
        let protections = settings.routes.compactMap(\.protect)
        let unused =
            settings.upstreams.map(\.name).filter { name in !settings.routes.contains { $0.upstream == name }
            }
            .map { "upstreams.\($0)" }
            + settings.rates.map(\.name).filter { name in
                !settings.routes.contains { $0.rates.contains(name) }
            }
            .map { "rates.\($0)" }
            + settings.models.map(\.name).filter { name in !protections.contains { $0.model == name } }
            .map { "models.\($0)" }
            + settings.policies.map(\.name).filter { name in !protections.contains { $0.policy == name } }
            .map { "policies.\($0)" }
        for path in unused where session.trusts("routes") { warn("is not used by any route", path) }
        if protections.isEmpty, session.trusts("routes"), !settings.routes.isEmpty {
            warn("protect nothing: every request passes unscored", "routes")
        }
    }

    private func checkLimits() {
        let limits = settings.limits
        for (key, timeout) in [
            ("request_head_timeout", limits.requestHeadTimeout),
            ("body_idle_timeout", limits.bodyIdleTimeout),
        ]
        where timeout > limits.requestTimeout && session.trusts("limits") {
            warn(
                "is longer than request_timeout (\(renderDuration(limits.requestTimeout))), which ends first",
                "limits.\(key)")
        }
        if settings.withheld.bytes < limits.answerBytes, session.trusts("limits.answer_bytes"),
            session.trusts("withheld.bytes")
        {
            warn(
                "is less than limits.answer_bytes: an answer may be too long to be withheld", "withheld.bytes"
            )
        }
    }

    /// Keys that others may read, and upstreams that are believed whoever they are.
    private func checkTLS() {
        func checkKey(_ file: String, _ path: String) {
            guard session.trusts(path), case .file(_, let mode) = session.files.look(file), mode & 0o007 != 0
            else { return }
            warn("can be read by other users; protect it with: chmod o= '\(file)'", path)
        }
        for (index, listener) in settings.listeners.enumerated() {
            for (place, pair) in (listener.tls?.certificates ?? []).enumerated() {
                checkKey(pair.key, "listen[\(index)].tls.certificates[\(place)].key")
            }
        }
        for upstream in settings.upstreams {
            guard let tls = upstream.tls else { continue }
            let path = "upstreams.\(upstream.name).tls"
            if let key = tls.key { checkKey(key, "\(path).key") }
            if !tls.isVerified, session.trusts("\(path).verify") {
                warn("fails open: whoever answers is taken for this upstream", "\(path).verify")
            }
        }
    }

    private func checkSecrets() {
        let path = "secrets.key_file"
        guard session.trusts(path) else { return }
        guard let file = settings.secrets.keyFile else {
            let used = Set(settings.routes.compactMap(\.protect?.policy))
            let needsKey = settings.policies.filter { used.contains($0.name) }.flatMap(\.bands).contains {
                band in
                switch band.verdict {
                case .perturb, .proofOfWork: true
                case .pass, .reject: false
                }
            }
            if needsKey {
                warn(
                    "is not given: noise changes and challenges are void after each restart, and replicas disagree",
                    path)
            }
            return
        }
        if case .file(_, let mode) = session.files.look(file), mode & 0o077 != 0 {
            warn("can be read by other users; protect it with: chmod 600 '\(file)'", path)
        }
    }

    private func checkIdentity() {
        guard let identity = settings.identity, session.trusts("identity") else { return }
        if identity.apiKeys == nil, identity.jwt == nil, identity.clientCertificate == nil {
            error("knows nobody; give api_keys, jwt or client_certificate", "identity")
        }
        let asksForCertificates = settings.listeners.contains {
            $0.tls.map { $0.clientCertificates != .none } ?? false
        }
        if identity.clientCertificate != nil, !asksForCertificates, session.trusts("listen") {
            warn(
                "finds no certificate: no listener has tls.client_certificates", "identity.client_certificate"
            )
        }
        if session.trusts("routes"), settings.routes.allSatisfy({ $0.authenticate == .none }) {
            warn("is not used by any route: each has authenticate: none", "identity")
        }
        for (path, file) in [
            ("identity.api_keys", identity.apiKeys), ("identity.jwt.jwks", identity.jwt?.jwks),
        ] {
            guard let file, case .file(_, let mode) = session.files.look(file), mode & 0o022 != 0 else {
                continue
            }
            warn("can be changed by other users, who could let themselves in: chmod go-w '\(file)'", path)
        }
    }

    private func checkLogs() {
        guard let decisions = settings.logs.decisions, let access = settings.logs.access,
            session.trusts("logs.access.path"), session.trusts("logs.decisions.path")
        else { return }
        if decisions.path == access.path {
            error("is the file of logs.decisions already", "logs.access.path")
        }
    }

    // MARK: Parts

    private func resolve(_ name: String, _ path: String, among known: [String], kind: String) {
        guard session.trusts(path), !known.contains(name) else { return }
        let plural = kind == "policy" ? "policies" : kind + "s"
        let hint = didYouMean(name, among: known)
        let rest =
            hint.isEmpty
            ? (known.isEmpty ? "; none is defined" : "; defined: \(known.joined(separator: ", "))") : hint
        error("'\(name)' is not defined under \(plural)\(rest)", path)
    }

    private func error(_ message: String, _ path: String) {
        session.report(.error, message, path: path)
    }

    private func warn(_ message: String, _ path: String) {
        session.report(.warning, message, path: path)
    }
}
