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

    init(metrics: GatewayMetrics, configuration: String) {
        self.metrics = metrics
        self.configuration = configuration
    }

    /// From now on the gateway is alive and not ready: a load balancer takes it out before its listener closes.
    func beginDraining() { isDraining.store(true, ordering: .relaxed) }

    func handle(_ exchange: Exchange) {
        let request = exchange.request
        guard request.method == .get || request.method == .head else {
            return exchange.respond(ProblemDocument(status: 405, detail: "this side door only shows things"))
        }
        switch request.target.path {
        case "/healthz": exchange.respond(text(200, "alive\n"))
        case "/readyz":
            let isReady = !isDraining.load(ordering: .relaxed)
            exchange.respond(isReady ? text(200, "ready\n") : text(503, "draining\n"))
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
