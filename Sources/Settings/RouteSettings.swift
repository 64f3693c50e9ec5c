/// Which upstream answers which requests, and how they are protected.
package struct RouteSettings: Sendable, Equatable {
    /// The name in logs and metrics.
    package var name: String
    /// The paths it takes.
    package var path: PathPattern
    /// The methods it takes; empty takes all.
    package var methods: [String]
    /// The name of the upstream that answers.
    package var upstream: String
    /// Whether clients say who they are.
    package var authenticate: Authenticate
    /// The accounts that may use it, an asterisk at the end standing for anything; empty for every client.
    package var clients: [String]
    /// The names of the rates that its requests are charged to.
    package var rates: [String]
    /// The protocols that its connections may be switched to.
    package var upgrade: [Upgrade]
    /// Who answers `Expect: 100-continue`.
    package var expectContinue: ExpectContinue
    /// Bounds that hold here instead of the listener's; nil where it has none of its own.
    package var limits: LimitOverrides?
    /// Which answers are compressed; nil is what the whole gateway has.
    package var compress: CompressSettings?
    /// How queries are scored; nil passes every request on unscored.
    package var protect: ProtectSettings?

    /// A protocol that a connection may be switched to (RFC 9110 §7.8).
    package enum Upgrade: String, Sendable, CaseIterable {
        /// RFC 6455
        case websocket
    }

    /// Who answers `Expect: 100-continue` (RFC 9110 §10.1.1).
    package enum ExpectContinue: String, Sendable, CaseIterable {
        /// The gateway, when it wants the body.
        case answer
        /// The upstream.
        case forward
    }

    /// Whether clients say who they are.
    package enum Authenticate: String, Sendable, CaseIterable {
        /// Credentials are none of the gateway's business here.
        case none
        /// A client with credentials is known by them, one without is anonymous; wrong ones are refused.
        case optional
        /// A client without credentials is refused.
        case required
    }

    init(reading section: Section) {
        name = section.required("name", .name, "The name in logs and metrics; each once.")
        path = section.required(
            "path", .pathPattern,
            "The request paths it takes, decoded as those of requests are; the first route that takes a request has it."
        )
        methods =
            section.optional(
                "methods", .list(of: .method, count: 1...32), absent: "all methods", "The methods it takes.")
            ?? []
        upstream = section.required("upstream", .name, "The upstream that answers.")
        authenticate = section.value(
            "authenticate", .choice(), default: .none,
            "Whether clients show an API key or a token; wrong credentials are refused where they are looked at."
        )
        clients =
            section.optional(
                "clients", .list(of: .text(longest: 1024), count: 1...10_000), absent: "every client",
                "The clients that may use it, as the access log names them (api-key:lab-1, certificate:CN=alice, jwt:…); `*` at the end"
                    + " stands for anything. Others are answered 403.") ?? []
        rates =
            section.optional(
                "rates", .list(of: .name, count: 1...16), absent: "no limits",
                "The rates its requests are charged to; each must have room.") ?? []
        upgrade =
            section.optional(
                "upgrade", .list(of: .choice(), count: 1...1), absent: "none",
                "Protocols that the upstream may switch a connection to: `websocket`. Not on protected routes: what passes"
                    + " a tunnel is not scored.") ?? []
        expectContinue = section.value(
            "expect_continue", .choice(), default: .answer,
            "Who answers `Expect: 100-continue`; `forward` lets the upstream refuse a body before it is sent."
        )
        limits = section.optionalSection(
            "limits", absent: "those of the listener", "Bounds that hold for requests of this route."
        ) {
            LimitOverrides(reading: $0, forRoute: true)
        }
        compress = section.optionalSection(
            "compress", absent: "as the gateway's own",
            "Which answers of this route are compressed; stands for the gateway's own section as a whole.",
            CompressSettings.init(reading:))
        protect = section.optionalSection(
            "protect", absent: "not protected", "How queries on this route are scored and decided.",
            ProtectSettings.init(reading:))
        guard protect != nil, !section.isDocumenting else { return }
        if section.has("upgrade") {
            section.complain("goes round the score: not on a protected route", about: "upgrade")
        }
        if expectContinue == .forward {
            section.complain(
                "has no effect on a protected route, whose bodies are read first", about: "expect_continue")
        }
    }

    /// Whether every request that `other` takes is taken here too.
    package func covers(_ other: RouteSettings) -> Bool {
        guard path.covers(other.path) else { return false }
        return methods.isEmpty || !other.methods.isEmpty && Set(other.methods).isSubset(of: methods)
    }
}
