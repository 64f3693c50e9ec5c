import HTTPWire
import Observe
import Proxy

/// Finds each request's route and hands it on: streamed when the route is not protected, through the phases when it is.
final class GatewayHandler: RequestHandler {
    private let routes: RouteTable
    private let services: GatewayServices

    init(routes: RouteTable, services: GatewayServices) {
        self.routes = routes
        self.services = services
    }

    func handle(_ exchange: Exchange) {
        let method = exchange.request.method
        // A tunnel would carry anything past the score, and TRACE shows a client what the gateway adds (RFC 9110 §9.3).
        guard method != .connect, method != .trace else {
            return exchange.respond(ProblemDocument(status: 501, detail: "\(method.name) is not served"))
        }
        switch RoutePath(exchange.request.target) {
        case .refused(let ambiguity):
            exchange.respond(
                ProblemDocument(status: 400, detail: "the path has more than one reading: \(ambiguity)"))
        case .path(let path): handle(exchange, path: path, method: method.name)
        }
    }

    func finished(_ outcome: ExchangeOutcome) {
        services.metrics.record(outcome)
        guard services.journal.keepsAccesses else { return }
        services.journal.record(outcome, route: route(of: outcome))
    }

    /// The route that served the request; found again, since most gateways keep no access log to find it for.
    private func route(of outcome: ExchangeOutcome) -> Route? {
        guard let request = outcome.request, case .path(let path) = RoutePath(request.target),
            case .route(let route) = routes.match(path: path, method: request.method.name)
        else { return nil }
        return route
    }

    private func handle(_ exchange: Exchange, path: String, method: String) {
        switch routes.match(path: path, method: method) {
        case .notFound:
            exchange.respond(ProblemDocument(status: 404, detail: "no route takes this path"))
        case .methodNotAllowed(let allowed):
            var response = Response(
                ProblemDocument(status: 405, detail: "\(method) is not served here"), exchange.requestID)
            // Method names are tokens.
            try? response.fields.set("Allow", allowed.joined(separator: ", "))
            exchange.respond(response)
        case .route(let route): serve(exchange, route)
        }
    }

    private func serve(_ exchange: Exchange, _ route: Route) {
        if !route.basePath.isEmpty {
            var target: [UInt8] = []
            exchange.request.target.appendOriginForm(to: &target)
            let text = route.basePath + String(decoding: target, as: UTF8.self)
            guard let longer = try? RequestTarget(originForm: text) else {
                return exchange.respond(ProblemDocument(status: 414))
            }
            exchange.request.target = longer
        }
        guard let protection = route.protection else { return exchange.stream(to: route.upstream) }
        ProtectedExchange(exchange, route: route, protection: protection, services: services).begin()
    }
}
