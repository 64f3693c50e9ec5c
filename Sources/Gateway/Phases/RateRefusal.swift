import HTTPWire
import Policy
import Proxy

extension Response {
    /// The answer to a request for which a rate has no room (RFC 6585 §4), with where the client stands.
    init(_ denial: RateLimitDenial, _ requestID: RequestID) {
        self.init(GatewayProblem.rateLimited(denial), requestID)
        // Names of rates are free of quotes, and the rest are numbers.
        try? fields.set("Retry-After", String(denial.retryAfterSeconds))
        guard let (limit, policy) = RateLimitStanding.fields(denial.standings) else { return }
        try? fields.set("RateLimit", limit)
        try? fields.set("RateLimit-Policy", policy)
    }

    /// The answer to a request of which nobody can say whether there is room for it.
    init(unknownRate requestID: RequestID) {
        self.init(GatewayProblem.rateUnknown, requestID)
        try? fields.set("Retry-After", "1")
    }
}
