/// How clients are told apart.
package struct IdentitySettings: Sendable, Equatable {
    /// The file of API key records, absolute; nil knows no API keys.
    package var apiKeys: String?
    /// The field in which API keys come, beside `Authorization: Bearer`.
    package var apiKeyHeader: String
    /// How tokens are verified; nil accepts none.
    package var jwt: TokenSettings?
    /// How the certificates of TLS clients name them; nil where they name nobody.
    package var clientCertificate: ClientCertificateSettings?

    /// **Units** bytes of a file of keys.
    static let fileBytes = 0...16 << 20

    init(reading section: Section) {
        apiKeys = section.optional(
            "api_keys", .readFile(in: IdentitySettings.fileBytes), absent: "no API keys",
            "The file of API keys, a line each, made by `samegate key new`; it holds hashes, not keys.")
        apiKeyHeader = section.value(
            "api_key_header", .credentialField, default: "X-API-Key",
            "The field in which API keys come, beside `Authorization: Bearer`.")
        jwt = section.optionalSection(
            "jwt", absent: "no tokens", "How signed JSON web tokens in `Authorization: Bearer` are verified.",
            TokenSettings.init(reading:))
        clientCertificate = section.optionalSection(
            "client_certificate", absent: "certificates name nobody",
            "Clients by the certificate of their TLS connection, where a listener asks for one.",
            ClientCertificateSettings.init(reading:))
    }
}

/// How certificates name clients.
package struct ClientCertificateSettings: Sendable, Equatable {
    /// What of a certificate is its client's name.
    package enum Name: String, Sendable, CaseIterable {
        /// Its subject (RFC 4514).
        case subject
        /// The first DNS name in it.
        case dnsName = "san-dns"
        /// The first URI in it, as SPIFFE has it.
        case uri = "san-uri"
        /// SHA-256 of the whole.
        case fingerprint
    }

    /// What of a certificate is its client's name.
    package var name: Name
    /// Whether upstreams are told.
    package var sendsHeaders: Bool

    init(reading section: Section) {
        name = section.value(
            "id", .choice(), default: .subject,
            "What of a certificate is its client's name: the subject, its first DNS name or URI, or the SHA-256 of the whole."
        )
        sendsHeaders = section.value(
            "send_headers", .boolean, default: false,
            "Whether upstreams get X-Client-Cert-Subject, -Fingerprint, -San-Dns and -San-Uri; from clients they never pass."
        )
    }
}

/// What a JSON web token must be signed with, and say.
package struct TokenSettings: Sendable, Equatable {
    /// The file of the JWK set, absolute.
    package var jwks: String
    /// Accepted issuers; empty accepts any.
    package var issuers: [String]
    /// Accepted audiences; empty accepts only tokens that name none.
    package var audiences: [String]
    /// How far clocks may differ.
    package var leeway: Duration

    init(reading section: Section) {
        jwks = section.required(
            "jwks", .readFile(in: 1...1 << 20),
            "The JWK set (RFC 7517) with the keys for HS256, RS256 or ES256; the file's keys choose, never the token."
        )
        issuers =
            section.optional(
                "issuers", .list(of: .text(longest: 1024), count: 1...256), absent: "any issuer",
                "The accepted values of `iss`.") ?? []
        audiences =
            section.optional(
                "audiences", .list(of: .text(longest: 1024), count: 1...256),
                absent: "only tokens that name no audience",
                "The accepted values of `aud`.") ?? []
        leeway = section.value(
            "leeway", .duration(in: .zero ... .seconds(300)), default: .seconds(30),
            "How far the issuer's clock may differ from this machine's.")
    }
}

extension Kind where Value == String {
    /// A file that is there.
    static func readFile(in bytes: ClosedRange<Int>) -> Kind {
        Kind(
            name: "path", bounds: "a file of \(extent(bytes, renderSize)); \(place.bounds)", sample: "",
            render: { $0 },
            read: { reading in
                guard let path = place.read(reading) else { return nil }
                switch reading.session.files.look(path) {
                case .file(let count, _) where bytes.contains(count): return path
                case .file(let count, _):
                    return reading.complain(
                        "\(path) has \(count) bytes; it must have \(extent(bytes, renderSize))")
                case .directory: return reading.complain("\(path) is a directory; name a file in it")
                case .missing: return reading.complain("there is no file \(path)")
                case .unreadable: return reading.complain("\(path) may not be read by this user")
                }
            })
    }

    /// The name of a header field for credentials: it is taken out of what is passed on, so none that carries something else.
    static var credentialField: Kind {
        let expected = "a header field of its own, such as X-API-Key"
        return Kind(
            name: "field name", bounds: "letters, digits and dashes", sample: "X-API-Key", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: expected) else { return nil }
                guard (1...64).contains(text.count),
                    text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }),
                    !takenFields.contains(text.lowercased())
                else { return reading.complain("'\(excerpt(text))' is not \(expected)") }
                return text
            })
    }
}

/// Fields that mean something else to the gateway, or to every server.
private let takenFields: Set<String> = [
    "accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
    "content-type",
    "cookie", "date", "expect", "forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection",
    "range",
    "samegate-proof", "te", "trailer", "traceparent", "tracestate", "transfer-encoding", "upgrade", "via",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
]
