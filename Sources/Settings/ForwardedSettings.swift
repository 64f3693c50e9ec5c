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
    /// What `Via` calls the gateway.
    package var viaName: String

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
        viaName = section.value(
            "via", .pseudonym, default: "samegate",
            "What Via calls this gateway; a request that has passed eight of this name is taken for a loop: 508."
        )
    }
}

extension Kind where Value == String {
    /// A name in `Via` (RFC 9110 §7.6.3).
    static var pseudonym: Kind {
        Kind(
            name: "name", bounds: nameRule, sample: "samegate", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a name") else { return nil }
                return isName(text)
                    ? text : reading.complain("'\(excerpt(text))' is not a name: \(nameRule)")
            })
    }
}
