import HTTPWire
import Policy
import Proxy

// What a query costs of the route's rates. It is admitted when its rows are known and held at its estimate, and settled once:
// by its scores, or by the estimate where there are none. Only what is refused before any work was done costs nothing; a client
// that goes away, or a victim that fails, must not be a way to have queries for free.
extension ProtectedExchange {
    /// Whether the rates have room for `rows` more; otherwise the request has been answered.
    func admit(rows: Int) -> Bool {
        guard !route.rates.isEmpty else { return true }
        switch services.limiter(for: route).admit(note.subject(exchange.client.host, on: route), rows: rows) {
        case .allowed(let ticket, _):
            self.ticket = ticket
            return true
        case .denied(let denial):
            refuse("the rate \(denial.rule) has no room", Response(denial, exchange.requestID))
        case .unknown(let rule):
            refuse("the rate \(rule) is unknown", Response(unknownRate: exchange.requestID))
        }
        return false
    }

    /// Whether a body is worth reading: one that is on its way is not where the rates have no room for a single row, but one with a
    /// proof, which is paid for, as far as that can be judged without the body.
    func admitsBody() -> Bool {
        guard !route.rates.isEmpty, mayBeLong(exchange.request.framing),
            proofField.map({ objection(to: $0) != nil }) ?? true,
            let denial = services.limiter(for: route).foresees(note.subject(exchange.client.host, on: route))
        else { return true }
        refuse("the rate \(denial.rule) has no room", Response(denial, exchange.requestID))
        return false
    }

    private func mayBeLong(_ framing: BodyFraming) -> Bool {
        switch framing {
        case .length(let bytes): bytes > Self.decodeInlineBytesMax
        case .chunked: true
        case .none, .untilClose, .tunnel: false
        }
    }

    private func refuse(_ reason: String, _ response: Response) {
        isOver = true
        services.counters.rateLimited.wrappingAdd(1, ordering: .relaxed)
        recordUnscored(reason, as: .refused)
        reply(response)
    }

    /// Charges what does not depend on scores: the query is worked on from now on.
    func chargeFixed() { ticket = ticket.map { services.limiter(for: route).chargeFixed($0) } }

    /// Replaces the estimate by what the scored rows cost.
    func settle(_ rows: [Assessment]) {
        guard let ticket = takeTicket() else { return }
        services.limiter(for: route).settle(ticket, rows: rows)
    }

    /// Charges the estimate: for a query that gets no score.
    func settleEstimate() {
        guard let ticket = takeTicket() else { return }
        services.limiter(for: route).settleEstimate(ticket)
    }

    /// Charges nothing: for a query that is refused before any work was done for it.
    func cancelTicket() {
        guard let ticket = takeTicket() else { return }
        services.limiter(for: route).cancel(ticket)
    }

    private func takeTicket() -> RateLimitTicket? {
        defer { ticket = nil }
        return ticket
    }
}
