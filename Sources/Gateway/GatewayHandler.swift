import HTTPWire
import Identity
import Observe
import Policy
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
        let method = exchange.method
        // A tunnel would carry anything past the score, and TRACE shows a client what the gateway adds (RFC 9110 §9.3).
        switch method {
        case .connect, .trace:
            return exchange.respond(ProblemDocument(status: 501, detail: "\(method.name) is not served"))
        default: break
        }
        switch exchange.routePath {
        case .refused(let ambiguity):
            let detail =
                exchange.target.form == .asterisk
                ? "no route takes '*'" : "the path has more than one reading: \(ambiguity)"
            exchange.respond(ProblemDocument(status: 400, detail: detail))
        case .path(let path): handle(exchange, path: path, method: method.name)
        }
    }

    func finished(_ outcome: ExchangeOutcome, of request: RequestHead) {
        services.metrics.record(outcome)
        if !outcome.isPlain { tellFailure(outcome) }
        guard services.journal.keepsAccesses else { return }
        services.journal.record(outcome, of: request, route: route(of: outcome))
    }

    /// The one place that every failed request comes by, streamed or scored.
    private func tellFailure(_ outcome: ExchangeOutcome) {
        guard let error = outcome.upstreamError, let route = route(of: outcome) else { return }
        services.upstreamFailures.note(error, route: route.name, requestID: outcome.requestID)
    }

    private func route(of outcome: ExchangeOutcome) -> Route? {
        routes.routes.indices.contains(outcome.mark) ? routes.routes[outcome.mark] : nil
    }

    func acceptPaused() { services.journal.acceptPaused() }

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
        exchange.mark(route.number)
        if let limits = route.limitSet(at: exchange.listener) { exchange.limit(to: limits) }
        var note = RequestNote()
        note.trace = services.tracer.adopt(exchange)
        if let authentication = services.authentication {
            let refusal = authenticate(exchange, route, authentication, &note)
            // The trace is in the outcome besides, so that a note on an anonymous request would say nothing.
            if note.account != nil, services.journal.keepsAccesses { exchange.attach(note) }
            if let refusal {
                // Whoever guesses at credentials pays for each guess as for any request; nobody else does.
                let own = route.rates.filter { !$0.scope.isDisjoint(with: [.client, .network]) }
                guard admits(exchange, note, route, by: own) else { return }
                return refuse(exchange, route, refusal)
            }
            if route.upstream.isHashed, let account = note.account {
                exchange.clientKey = Rendezvous.key(account.utf8)
            }
        }
        if !route.basePath.isEmpty {
            var target: [UInt8] = []
            exchange.target.appendOriginForm(to: &target)
            let text = route.basePath + String(decoding: target, as: UTF8.self)
            guard let longer = try? RequestTarget(originForm: text) else {
                return exchange.respond(ProblemDocument(status: 414))
            }
            exchange.request.target = longer
        }
        guard let protection = route.protection else { return stream(exchange, note, route) }
        // What passes a tunnel is not scored. Other protocols that a client could switch to are not known here and ignored.
        guard !exchange.request.asksForWebSocket else {
            return exchange.respond(
                ProblemDocument(status: 501, detail: "this route does not switch protocols"))
        }
        ProtectedExchange(exchange, note, route: route, protection: protection, services: services).begin()
    }

    /// Passes a request on unscored, charged as one row.
    private func stream(_ exchange: Exchange, _ note: RequestNote, _ route: Route) {
        let compressor = route.compression.map { AnswerCompressor($0, services.codings) }
        guard admits(exchange, note, route, by: route.rates) else { return }
        exchange.stream(to: route.upstream, options: route.streamOptions, shaper: compressor)
    }

    /// Whether rates of the route let one row in, for which there will be no score to wait; where they do not, the client is told.
    private func admits(
        _ exchange: Exchange, _ note: RequestNote, _ route: Route, by rates: [RateLimitRule]
    ) -> Bool {
        guard !rates.isEmpty else { return true }
        let limiter = RateLimiter(rules: rates, store: services.rates)
        switch limiter.admit(note.subject(exchange.client.host, on: route), isFinal: true) {
        case .allowed: return true
        case .denied(let denial): exchange.respond(Response(denial, exchange.requestID))
        case .unknown: exchange.respond(Response(unknownRate: exchange.requestID))
        }
        services.counters.rateLimited.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    /// Finds out who asks; what is wrong with the credentials, if anything is.
    private func authenticate(
        _ exchange: Exchange, _ route: Route, _ authentication: Authentication, _ note: inout RequestNote
    ) -> AuthenticationError? {
        // By the wall: when a key or a token ends was said by another clock, and a correction of this one counts at once.
        let now = Duration.seconds(services.clock.wallSeconds())
        do throws(AuthenticationError) {
            note.client = try authentication.identify(
                &exchange.request.fields, on: route, now: now,
                certificate: authentication.usesCertificates ? exchange.security?.peer : nil)
            return nil
        } catch {
            return error
        }
    }

    /// Answers wrong or missing credentials; what exactly is wrong is for the operator alone.
    private func refuse(_ exchange: Exchange, _ route: Route, _ error: AuthenticationError) {
        services.counters.unauthenticated.wrappingAdd(1, ordering: .relaxed)
        services.log.info(
            "not let in: \(error)",
            metadata: [
                "request_id": "\(exchange.requestID)", "address": "\(exchange.client.host)",
                "route": "\(route.name)",
            ])
        var response = Response(GatewayProblem.unauthenticated(error), exchange.requestID)
        // The realm is free of quotes, and public reasons of control characters.
        try? response.fields.set("WWW-Authenticate", error.challenge(realm: "samegate"))
        exchange.respond(response)
    }
}
