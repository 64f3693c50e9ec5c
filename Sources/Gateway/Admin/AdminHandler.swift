import HTTPWire
import Logging
import Metrics
import Observe
import Proxy
import Synchronization

/// What the side door's requests for change go to.
package struct AdminControls: Sendable {
    let reloader: Reloader
    let level: LogLevelSwitch

    /// The controls of one daemon.
    package init(reloader: Reloader, level: LogLevelSwitch) {
        self.reloader = reloader
        self.level = level
    }
}

/// The operator's side door: health, readiness, metrics, the configuration in effect, a reload and the log's level. It
/// listens apart from the data; who may change something is `AdminGate`'s to say.
final class AdminHandler: RequestHandler {
    private struct Shown {
        var metrics: GatewayMetrics
        /// Every value in effect, secrets masked.
        var configuration: String
        var gate: AdminGate
        /// The upstreams that protected routes need: while one has no server that works, the gateway is not ready.
        var needed: [Upstream]

        init(_ generation: Generation) {
            metrics = generation.services.metrics
            configuration = generation.assembly.configuration
            gate = AdminGate(token: generation.assembly.adminToken)
            needed = generation.assembly.protectedUpstreams
        }
    }

    private let shown: Mutex<Shown>
    private let controls = Mutex<AdminControls?>(nil)
    private let isDraining = Atomic(false)

    init(_ generation: Generation) { shown = Mutex(Shown(generation)) }

    /// From now on this generation's configuration and metrics are shown.
    func show(_ generation: Generation) {
        let next = Shown(generation)
        shown.withLock { $0 = next }
    }

    func attach(_ controls: AdminControls) { self.controls.withLock { $0 = controls } }

    /// From now on the gateway is alive and not ready: a load balancer takes it out before its listener closes.
    func beginDraining() { isDraining.store(true, ordering: .relaxed) }

    /// Why no client should be sent here; nil when nothing speaks against it. Only the checks of the upstreams' health
    /// count: failed requests come from what some client asked.
    private var obstacle: String? {
        if isDraining.load(ordering: .relaxed) { return "draining" }
        let down = shown.withLock(\.needed).filter(\.isDown).map(\.settings.name)
        return down.isEmpty ? nil : "every server is down of: " + down.joined(separator: ", ")
    }

    func handle(_ exchange: Exchange) {
        let path = exchange.request.target.path
        if shown.withLock(\.gate).isRebound(exchange.request.fields) {
            return exchange.respond(ProblemDocument(status: 403, detail: "a web page may read nothing here"))
        }
        switch exchange.request.method {
        case .get, .head: show(path, exchange)
        case .post where path == "/reload": change(exchange) { self.reload(exchange, $0) }
        case .put where path == "/log-level": change(exchange) { self.setLevel(exchange, $0) }
        default: refuseMethod(path, exchange)
        }
    }

    // MARK: Showing

    private func show(_ path: String, _ exchange: Exchange) {
        switch path {
        case "/healthz": exchange.respond(text(200, "alive\n"))
        case "/readyz":
            let obstacle = obstacle
            exchange.respond(text(obstacle == nil ? 200 : 503, (obstacle ?? "ready") + "\n"))
        case "/metrics":
            let format = ExpositionFormat(accept: exchange.request.fields.value("accept"))
            let metrics = shown.withLock(\.metrics)
            exchange.respond(
                Response(
                    status: 200, contentType: format.contentType, body: Array(metrics.exposition(format).utf8)
                ))
        case "/config": showConfiguration(exchange)
        case "/log-level":
            guard let controls = controls.withLock({ $0 }) else { return exchange.respond(Self.uncontrolled) }
            exchange.respond(text(200, "\(controls.level.level)\n"))
        case "/reload": refuseMethod(path, exchange)
        default:
            exchange.respond(
                ProblemDocument(
                    status: 404,
                    detail: "there are /healthz, /readyz, /metrics, /config, /log-level and /reload"))
        }
    }

    private func showConfiguration(_ exchange: Exchange) {
        guard shown.withLock(\.gate).mayShowConfiguration(exchange.request.fields) else {
            return exchange.respond(
                ProblemDocument(
                    status: 403,
                    detail: "Host must be an address or localhost, or send the token of admin.token_file"))
        }
        exchange.respond(text(200, shown.withLock(\.configuration)))
    }

    private func refuseMethod(_ path: String, _ exchange: Exchange) {
        let allowed =
            switch path {
            case "/reload": "POST"
            case "/log-level": "GET, HEAD, PUT"
            default: "GET, HEAD"
            }
        var response = Response(
            ProblemDocument(status: 405, detail: "\(path) takes \(allowed)"), exchange.requestID)
        // Method names are tokens.
        try? response.fields.set("Allow", allowed)
        exchange.respond(response)
    }

    // MARK: Changing

    /// Goes on with a request for change if its sender may make one.
    private func change(_ exchange: Exchange, _ proceed: (AdminControls) -> Void) {
        switch shown.withLock(\.gate).judge(exchange.request.fields, from: exchange.peer) {
        case .refuse(let problem):
            var response = Response(problem, exchange.requestID)
            // The realm is free of quotes.
            if problem.status == 401 {
                try? response.fields.set("WWW-Authenticate", "Bearer realm=\"samegate admin\"")
            }
            exchange.respond(response)
        case .proceed:
            guard let controls = controls.withLock({ $0 }) else { return exchange.respond(Self.uncontrolled) }
            proceed(controls)
        }
    }

    private func reload(_ exchange: Exchange, _ controls: AdminControls) {
        controls.reloader.request { @Sendable outcome in
            exchange.loop.execute { @Sendable in
                switch outcome {
                case .done(let changes):
                    let lines = changes.isEmpty ? ["nothing has changed"] : changes
                    exchange.respond(self.text(200, lines.map { $0 + "\n" }.joined()))
                case .refused(let problems):
                    exchange.respond(self.text(422, problems.map { $0 + "\n" }.joined()))
                }
            }
        }
    }

    private func setLevel(_ exchange: Exchange, _ controls: AdminControls) {
        exchange.collectBody(bytesMax: 64) { body in
            let name = String(decoding: body, as: UTF8.self).filter { !$0.isWhitespace }
            guard let level = Logger.Level(rawValue: name) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                return exchange.respond(
                    ProblemDocument(status: 422, detail: "the body is one of \(levels)"))
            }
            controls.level.level = level
            exchange.respond(self.text(200, "\(level)\n"))
        }
    }

    private static let uncontrolled = ProblemDocument(
        status: 503, detail: "this gateway runs inside another program, which controls it")

    private func text(_ status: Int, _ body: String) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(body.utf8))
    }
}
