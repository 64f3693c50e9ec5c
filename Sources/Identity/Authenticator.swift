/// Says who sent a request, from what its fields and its connection carry. Usable from any thread.
package struct Authenticator: Sendable {
    /// The field for API keys unless set otherwise.
    package static let keyFieldDefault = "X-API-Key"

    /// What one request carries.
    package struct Credentials: Hashable, Sendable {
        /// The values of all `Authorization` fields.
        package var authorization: [String]
        /// The values of all fields named by `keyField`.
        package var apiKey: [String]
        /// The client of the connection's verified certificate, if it has one.
        package var certificate: ClientIdentity?

        /// What was found.
        package init(authorization: [String] = [], apiKey: [String] = [], certificate: ClientIdentity? = nil)
        {
            self.authorization = authorization
            self.apiKey = apiKey
            self.certificate = certificate
        }
    }

    /// The name of the field in which API keys come, beside `Authorization: Bearer`.
    package let keyField: String
    private let keys: APIKeyRing?
    private let tokens: JWTVerifier?

    /// An authenticator that knows these kinds of credentials.
    package init(keys: APIKeyRing?, tokens: JWTVerifier?, keyField: String = keyFieldDefault) {
        self.keys = keys
        self.tokens = tokens
        self.keyField = keyField
    }

    /// Who the client is on `route` at `now`, the time since the start of the Unix era; anonymous without credentials.
    ///
    /// A credential that is presented and wrong is an error on every route, never the same as none. A key or token counts
    /// before the certificate, which may be that of a proxy between.
    package func identify(
        _ credentials: Credentials, route: String, now: Duration
    ) throws(AuthenticationError) -> ClientIdentity {
        guard credentials.authorization.count + credentials.apiKey.count <= 1 else { throw .several }
        if let key = credentials.apiKey.first { return try identify(key: key, route: route, now: now) }
        guard let field = credentials.authorization.first else {
            return credentials.certificate ?? .anonymous
        }
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .scheme }
        let text = String(parts[1].drop { $0 == " " })
        if text.hasPrefix(APIKey.prefix) { return try identify(key: text, route: route, now: now) }
        guard let tokens else { throw .notAccepted(.jwt) }
        do throws(JWTError) { return try tokens.verify(text, now: now) } catch { throw .token(error) }
    }

    private func identify(
        key: String, route: String, now: Duration
    ) throws(AuthenticationError) -> ClientIdentity {
        guard let keys else { throw .notAccepted(.apiKey) }
        do throws(APIKeyError) { return try keys.identify(key, route: route, now: now) } catch {
            throw .key(error)
        }
    }
}

/// Why a request is not let in.
package enum AuthenticationError: Error, Hashable, Sendable {
    /// The route needs a known client, and the request has no credentials. For the caller: `identify` gives anonymous.
    case missing
    /// More than one credential: which of them counts would be a guess.
    case several
    /// `Authorization` is not a bearer token.
    case scheme
    /// This gateway has no keys, or no tokens.
    case notAccepted(ClientIdentity.Kind)
    /// The API key is not accepted.
    case key(APIKeyError)
    /// The token is not accepted.
    case token(JWTError)
    /// The certificate has none of the names that clients are known by here.
    case certificateUnnamed
    /// The client is known, by this account, and the route is not for it.
    case notAdmitted(String)

    /// The status of the answer: 403 for a known client at the wrong door, 400 for a request with two meanings, otherwise
    /// 401 (RFC 9110 §15.5.2, RFC 6750 §3.1).
    package var status: Int {
        switch self {
        case .key(.wrongRoute), .certificateUnnamed, .notAdmitted: 403
        case .several: 400
        default: 401
        }
    }

    /// What the client may know.
    package var publicReason: String {
        switch self {
        case .missing: "this route needs an API key or a token"
        case .several: "the request has more than one credential"
        case .scheme, .notAccepted: "this kind of credential is not accepted"
        case .key(let error): error.publicReason
        case .token(let error): error.publicReason
        case .certificateUnnamed: "the client certificate names no client"
        case .notAdmitted: "this client may not use this route"
        }
    }

    /// The value of `WWW-Authenticate`, which a 401 must have (RFC 9110 §15.5.2); without an error code where no credential
    /// was sent (RFC 6750 §3.1). `realm` must be free of quotes and backslashes.
    package func challenge(realm: String) -> String {
        switch self {
        case .missing, .certificateUnnamed: "Bearer realm=\"\(realm)\""
        case .several: "Bearer realm=\"\(realm)\", error=\"invalid_request\""
        case .key(.wrongRoute), .notAdmitted: "Bearer realm=\"\(realm)\", error=\"insufficient_scope\""
        default: "Bearer realm=\"\(realm)\", error=\"invalid_token\", error_description=\"\(publicReason)\""
        }
    }
}

extension AuthenticationError: CustomStringConvertible {
    /// The reason in full, for the log.
    package var description: String {
        switch self {
        case .missing: "no credentials"
        case .several: "more than one credential"
        case .scheme: "Authorization is not a bearer token"
        case .notAccepted(let kind): "no \(kind.rawValue) credentials are configured"
        case .key(let error): "\(error)"
        case .token(let error): "\(error)"
        case .certificateUnnamed:
            "the client's certificate has no name of the kind that identity.client_certificate asks for"
        case .notAdmitted(let account): "\(account) is not among the route's clients"
        }
    }
}
