/// Why a JSON web token is not accepted.
package enum JWTError: Error, Hashable, Sendable {
    /// Longer than the verifier's bound.
    case tooLong(bytes: Int)
    /// Not three parts joined by dots: only the compact form of a signed token is read.
    case notCompact
    /// A part is not base64url, or not in its one spelling.
    case notBase64URL(Part)
    /// A part is not a JSON object with each member once.
    case notJSON(Part, reason: String)
    /// A member is missing, or has another type than the standard gives it.
    case malformed(member: String)
    /// `typ` names something that is not an access token.
    case wrongType(String)
    /// Neither HS256, RS256 nor ES256; `none` among them.
    case unsupportedAlgorithm(String)
    /// The header has extensions that must be understood; none are.
    case criticalExtensions
    /// No key has the token's `kid`.
    case unknownKey(String)
    /// The token has no `kid`, and not exactly one key has its algorithm.
    case ambiguousKey
    /// The token's algorithm is not its key's own.
    case algorithmMismatch(token: SignatureAlgorithm, key: SignatureAlgorithm)
    /// The signature is not the key's.
    case badSignature
    /// `exp` is over.
    case expired
    /// `nbf` is not reached.
    case notYetValid
    /// `iat` lies in the future.
    case issuedInFuture
    /// `exp` lies further ahead than tokens may live.
    case livesTooLong
    /// `iss` is not one of the accepted issuers.
    case wrongIssuer
    /// `aud` names none of the accepted audiences.
    case wrongAudience

    /// A part of a token.
    package enum Part: String, Hashable, Sendable {
        /// What says how it is signed.
        case header
        /// The claims.
        case payload
        /// The signature.
        case signature
    }

    /// What the client may know. It does not tell an unknown key from a bad signature, so nobody can ask which keys exist.
    package var publicReason: String {
        switch self {
        case .tooLong, .notCompact, .notBase64URL, .notJSON, .malformed, .wrongType, .unsupportedAlgorithm,
            .criticalExtensions:
            "the token is malformed or of a kind that is not accepted"
        case .unknownKey, .ambiguousKey, .algorithmMismatch, .badSignature:
            "the token's signature is not accepted"
        case .expired: "the token has expired"
        case .notYetValid, .issuedInFuture: "the token is not valid yet"
        case .livesTooLong: "the token's lifetime is too long"
        case .wrongIssuer, .wrongAudience: "the token was not issued for this service"
        }
    }
}

extension JWTError: CustomStringConvertible {
    /// The reason in full, for the log.
    package var description: String {
        switch self {
        case .tooLong(let bytes): "the token has \(bytes) bytes"
        case .notCompact: "not three parts joined by dots"
        case .notBase64URL(let part): "the \(part.rawValue) is not strict base64url"
        case .notJSON(let part, let reason): "the \(part.rawValue) is not a JSON object: \(reason)"
        case .malformed(let member): "\"\(member)\" is missing or malformed"
        case .wrongType(let type): "\"typ\" is \"\(type)\""
        case .unsupportedAlgorithm(let name): "\"alg\" is \"\(name)\""
        case .criticalExtensions: "the header has \"crit\" or \"b64\""
        case .unknownKey(let id): "no key has the \"kid\" \"\(id)\""
        case .ambiguousKey: "no \"kid\", and not exactly one key has the token's algorithm"
        case .algorithmMismatch(let token, let key):
            "\"alg\" is \(token.rawValue), the key's is \(key.rawValue)"
        case .badSignature: "the signature is wrong"
        case .expired: "\"exp\" is over"
        case .notYetValid: "\"nbf\" is not reached"
        case .issuedInFuture: "\"iat\" lies in the future"
        case .livesTooLong: "\"exp\" lies further ahead than allowed"
        case .wrongIssuer: "\"iss\" is not accepted"
        case .wrongAudience: "\"aud\" names no accepted audience"
        }
    }
}
