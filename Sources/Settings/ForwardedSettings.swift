/// Whose word is taken on who asked, and what the upstreams are told.
package struct ForwardedSettings: Sendable, Equatable {
    /// The field that trusted proxies write.
    package enum Field: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        case forwarded
    }

    /// Networks of proxies in front, as `10.0.0.0/8` or one address.
    package var trustedProxies: [String]
    /// Which field names the client behind them.
    package var clientFrom: Field
    /// Whether upstreams get `Forwarded` (RFC 7239) beside X-Forwarded-*.
    package var sendsForwarded: Bool

    init(reading section: Section) {
        trustedProxies =
            section.optional(
                "trusted_proxies", .list(of: .network, count: 0...1_000), absent: "nobody",
                "Networks of proxies in front whose forwarding fields are believed and appended to; from everybody else they are replaced."
            ) ?? []
        clientFrom = section.value(
            "client_from", .choice(Field.self), default: .xForwardedFor,
            "The one field that the trusted proxies write; the client is its right-most address that is no trusted proxy."
        )
        sendsForwarded = section.value(
            "send_forwarded", .boolean, default: true,
            "Whether upstreams get Forwarded (RFC 7239) beside X-Forwarded-For, -Proto and -Host.")
    }
}
