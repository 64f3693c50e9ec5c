import HTTPWire
import Metrics
import Proxy
import Synchronization

/// The operator's side door: health, readiness, metrics and the configuration in effect. It listens apart from the data.
final class AdminHandler: RequestHandler {
    private let metrics: GatewayMetrics
    /// Every value in effect, secrets masked.
    private let configuration: String
    private let isDraining = Atomic(false)
    /// The upstreams that protected routes need: while one has no server that works, the gateway is not ready.
    private let needed: [Upstream]

    init(metrics: GatewayMetrics, configuration: String, needed: [Upstream] = []) {
        self.needed = needed
        self.metrics = metrics
        self.configuration = configuration
    }

    /// From now on the gateway is alive and not ready: a load balancer takes it out before its listener closes.
    func beginDraining() { isDraining.store(true, ordering: .relaxed) }

    /// Why no client should be sent here; nil when nothing speaks against it. Only the checks of the upstreams' health
    /// count: failed requests come from what some client asked.
    private var obstacle: String? {
        if isDraining.load(ordering: .relaxed) { return "draining" }
        let down = needed.filter(\.isDown).map(\.settings.name)
        return down.isEmpty ? nil : "every server is down of: " + down.joined(separator: ", ")
    }

    func handle(_ exchange: Exchange) {
        let request = exchange.request
        guard request.method == .get || request.method == .head else {
            return exchange.respond(ProblemDocument(status: 405, detail: "this side door only shows things"))
        }
        switch request.target.path {
        case "/healthz": exchange.respond(text(200, "alive\n"))
        case "/readyz":
            let obstacle = obstacle
            exchange.respond(text(obstacle == nil ? 200 : 503, (obstacle ?? "ready") + "\n"))
        case "/metrics":
            let format = ExpositionFormat(accept: request.fields.value("accept"))
            exchange.respond(
                Response(
                    status: 200, contentType: format.contentType, body: Array(metrics.exposition(format).utf8)
                ))
        case "/config": exchange.respond(text(200, configuration))
        default:
            exchange.respond(
                ProblemDocument(status: 404, detail: "there are /healthz, /readyz, /metrics and /config"))
        }
    }

    private func text(_ status: Int, _ body: String) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(body.utf8))
    }
}
