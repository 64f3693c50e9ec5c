import Identity
import Metrics
import Policy

/// What the handler has learnt of a request and the access log is to say.
struct RequestNote: Sendable {
    /// Who asks.
    var client = ClientIdentity.anonymous
    /// Its place in a trace across services, as it is passed on; nil when it has none.
    var trace: TraceContext?
    /// The content coding that a protected request's body claims; nil for none.
    var requestCoding: String?
    /// The content coding that a protected answer goes out in; nil for none.
    var answerCoding: String?

    /// The client's account, or nil when it is anonymous: its address stands for it then.
    var account: String? { client.kind == .anonymous ? nil : client.account }

    /// Whose rates a request from `address` on `route` is charged to.
    func subject(_ address: String, on route: Route) -> RateLimitSubject {
        RateLimitSubject(account: account, address: address, route: route.name)
    }
}
