import Digest

/// Verifies signed tokens in compact form (RFC 7515 §3.1, RFC 7519) and says whose they are. Usable from any thread.
package struct JWTVerifier: Sendable {
    /// What a token must say.
    package struct Demands: Hashable, Sendable {
        /// The accepted issuers; empty accepts any, and tokens without one.
        package var issuers: Set<String> = []
        /// The accepted audiences; empty accepts only tokens without an audience, since one that names another service
        /// must be refused (RFC 7519 §4.1.3).
        package var audiences: Set<String> = []
        /// How far clocks may differ. **Units**: at most `leewayMax`.
        package var leeway: Duration = .seconds(30)
        /// How far ahead `exp` may lie, if that is bounded.
        package var lifetimeMax: Duration?
        /// Whether a token without `exp` is refused.
        package var needsExpiry = true
        /// The text claim that names the client; `client_id` and `azp` are others in use.
        package var name = "sub"
        /// Text claims that become attributes of the identity; `iss` always does.
        package var attributes: [String] = []

        /// The defaults: 30 s of leeway, `exp` needed.
        package init() {}
    }

    /// The largest leeway: more would make `exp` meaningless for short-lived tokens.
    package static let leewayMax = Duration.seconds(300)
    /// The longest token. **Units**: bytes.
    package static let bytesMax = 8192
    /// The longest name, since it is a log field and an account's name. **Units**: bytes.
    package static let nameBytesMax = 256

    private let keys: JSONWebKeySet
    private let demands: Demands

    /// A verifier with these keys. A leeway beyond `leewayMax`, or below zero, is cut to the bound.
    package init(keys: JSONWebKeySet, demands: Demands) {
        self.keys = keys
        self.demands = demands
        leeway = Self.seconds(min(max(demands.leeway, .zero), Self.leewayMax))
    }

    private let leeway: Double

    /// Whose token this is at `now`, the time since the start of the Unix era.
    ///
    /// The signature is checked before any claim is read, so that nothing of a forged token matters.
    package func verify(_ token: String, now: Duration) throws(JWTError) -> ClientIdentity {
        guard token.utf8.count <= Self.bytesMax else { throw .tooLong(bytes: token.utf8.count) }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .notCompact }
        let key = try key(for: try object(parts[0], .header))
        guard let signature = Base64URL.decode(String(parts[2])) else { throw .notBase64URL(.signature) }
        let signed = Array(token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count))
        guard key.verifies(signature, of: signed) else { throw .badSignature }
        return try identity(of: try object(parts[1], .payload), now: Self.seconds(now))
    }

    // MARK: Header

    private func key(for header: [String: StrictJSON]) throws(JWTError) -> JSONWebKeySet.Key {
        // `b64` changes what is signed (RFC 7797) and is only legal together with `crit`.
        guard header["crit"] == nil, header["b64"] == nil else { throw .criticalExtensions }
        if let type = try text("typ", in: header) {
            guard ["jwt", "at+jwt", "application/jwt", "application/at+jwt"].contains(type.lowercased())
            else {
                throw .wrongType(String(type.prefix(64)))
            }
        }
        guard let name = try text("alg", in: header) else { throw .malformed(member: "alg") }
        guard let algorithm = SignatureAlgorithm(rawValue: name) else {
            throw .unsupportedAlgorithm(String(name.prefix(64)))
        }
        guard let id = try text("kid", in: header) else {
            guard let key = keys.onlyKey(for: algorithm) else { throw .ambiguousKey }
            return key
        }
        guard let key = keys.key(id: id) else { throw .unknownKey(String(id.prefix(64))) }
        guard key.algorithm == algorithm else {
            throw .algorithmMismatch(token: algorithm, key: key.algorithm)
        }
        return key
    }

    // MARK: Claims

    private func identity(
        of claims: [String: StrictJSON], now: Double
    ) throws(JWTError) -> ClientIdentity {
        try checkTimes(claims, now: now)
        let issuer = try text("iss", in: claims)
        if !demands.issuers.isEmpty {
            guard let issuer, demands.issuers.contains(issuer) else { throw .wrongIssuer }
        }
        try checkAudience(claims)
        guard let name = try text(demands.name, in: claims), Self.isName(name) else {
            throw .malformed(member: demands.name)
        }
        var attributes: [String: String] = [:]
        for claim in demands.attributes { attributes[claim] = claims[claim]?.text }
        attributes["iss"] = issuer
        return ClientIdentity(kind: .jwt, name: name, attributes: attributes)
    }

    private func checkTimes(_ claims: [String: StrictJSON], now: Double) throws(JWTError) {
        let expiry = try date("exp", in: claims)
        if let expiry {
            // RFC 7519 §4.1.4: the current time must be before it.
            guard now < expiry + leeway else { throw .expired }
            if let bound = demands.lifetimeMax, expiry > now + Self.seconds(bound) + leeway {
                throw .livesTooLong
            }
        } else if demands.needsExpiry {
            throw .malformed(member: "exp")
        }
        if let begin = try date("nbf", in: claims), now + leeway < begin { throw .notYetValid }
        if let issued = try date("iat", in: claims), now + leeway < issued { throw .issuedInFuture }
    }

    /// `aud` is one name or a list of them (RFC 7519 §4.1.3).
    private func checkAudience(_ claims: [String: StrictJSON]) throws(JWTError) {
        let named: [String]
        switch claims["aud"] {
        case nil: named = []
        case .string(let audience): named = [audience]
        case .array(let list):
            named = list.compactMap(\.text)
            guard named.count == list.count else { throw .malformed(member: "aud") }
        default: throw .malformed(member: "aud")
        }
        if demands.audiences.isEmpty, claims["aud"] == nil { return }
        guard named.contains(where: demands.audiences.contains) else { throw .wrongAudience }
    }

    // MARK: Reading

    private func object(_ part: Substring, _ name: JWTError.Part) throws(JWTError) -> [String: StrictJSON] {
        guard let bytes = Base64URL.decode(String(part)) else { throw .notBase64URL(name) }
        do throws(StrictJSON.Malformed) {
            guard let members = try StrictJSON(bytes).members else { throw StrictJSON.Malformed.notObject }
            return members
        } catch {
            throw .notJSON(name, reason: "\(error)")
        }
    }

    private func text(_ name: String, in members: [String: StrictJSON]) throws(JWTError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.text else { throw .malformed(member: name) }
        return text
    }

    /// Seconds since 1970 (RFC 7519 §2, NumericDate), within the four-digit years.
    private func date(_ name: String, in members: [String: StrictJSON]) throws(JWTError) -> Double? {
        guard let value = members[name] else { return nil }
        guard let seconds = value.double, (0...253_402_300_799).contains(seconds) else {
            throw .malformed(member: name)
        }
        return seconds
    }

    /// Control characters would let a subject forge log lines and terminal output.
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= nameBytesMax
            && name.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}

extension StrictJSON.Malformed {
    static let notObject = StrictJSON.Malformed(reason: "not an object", offset: 0)
}
