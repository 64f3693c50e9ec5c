import Digest

/// What the key file keeps of a key: one line, from which the key cannot be had.
///
///     ID sha256:SALT:HASH [expires=2027-01-31T12:00:00Z] [routes=predict,metadata] [# comment]
///
/// SALT is 16 bytes and HASH is SHA-256(SALT ‖ whole key), both in hexadecimal. A salted fast hash suffices because the
/// secret has 128 random bits or more: there is no dictionary to search, while scrypt's milliseconds on every request
/// would let anyone with a wrong key exhaust the gateway.
package struct APIKeyRecord: Hashable, Sendable {
    /// The bytes of a salt.
    static let saltBytes = 16

    /// The key's id.
    package let id: String
    /// The time since the start of the Unix era at which the key ends, if it does.
    package let expires: Duration?
    /// The routes that the key opens; nil for all.
    package let routes: Set<String>?
    /// What the operator noted.
    package let comment: String
    let salt: [UInt8]
    let hash: SHA256Digest

    init(
        id: String, salt: [UInt8], hash: SHA256Digest, expires: Duration?, routes: Set<String>?,
        comment: String
    ) {
        self.id = id
        self.salt = salt
        self.hash = hash
        self.expires = expires
        self.routes = routes
        self.comment = comment
    }

    /// The record of `key` under a fresh salt.
    ///
    /// Throws: `APIKeyProblem` for a route or comment that does not fit on the line, or without random bytes.
    package init(
        of key: APIKey, expires: Duration? = nil, routes: Set<String>? = nil, comment: String = ""
    ) throws(APIKeyProblem) {
        for route in routes ?? [] where !Self.isRoute(route) { throw .badRoute(route) }
        if let routes, routes.isEmpty { throw .badRoute("") }
        guard comment.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw .badComment
        }
        let salt: [UInt8]
        do throws(DigestError) {
            salt = try SecretBytes.random(count: Self.saltBytes)
        } catch {
            throw .noRandomBytes(error)
        }
        self.init(
            id: key.id, salt: salt, hash: Self.hash(salt, key.text), expires: expires, routes: routes,
            comment: comment)
    }

    /// A new random key with its record: the key is for the client and is kept nowhere, the record for the key file.
    ///
    /// Throws: `APIKeyProblem` for an id, route or comment that does not fit, or without random bytes.
    package static func make(
        id: String, expires: Duration? = nil, routes: Set<String>? = nil, comment: String = ""
    ) throws(APIKeyProblem) -> (key: APIKey, record: APIKeyRecord) {
        let secret: [UInt8]
        do throws(DigestError) {
            secret = try SecretBytes.random(count: 32)
        } catch {
            throw .noRandomBytes(error)
        }
        let key = try APIKey(id: id, secret: secret)
        return (key, try APIKeyRecord(of: key, expires: expires, routes: routes, comment: comment))
    }

    /// The end that `text` names as key files do (`2027-01-31` or `2027-01-31T12:00:00Z`, UTC), as time since the start of the
    /// Unix era; nil when it is of neither form.
    package static func expiry(parsing text: String) -> Duration? { CalendarTime.parse(text) }

    /// The line of the key file, without its end.
    package var line: String {
        var line = "\(id) sha256:\(Hex.encode(salt)):\(hash.hex)"
        if let expires { line += " expires=\(CalendarTime.format(expires))" }
        if let routes { line += " routes=\(routes.sorted().joined(separator: ","))" }
        return comment.isEmpty ? line : line + " # \(comment)"
    }

    /// True when `key` is this record's, in a time that does not depend on how far they agree.
    func matches(_ key: String) -> Bool { SecretBytes.equal(Self.hash(salt, key).bytes, hash.bytes) }

    /// A name that can stand in a list on the line: printable ASCII without the marks of the form.
    static func isRoute(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "#")
            }
    }

    private static func hash(_ salt: [UInt8], _ key: String) -> SHA256Digest {
        var hasher = SHA256Hasher()
        hasher.update(salt)
        hasher.update(key)
        return hasher.finish()
    }
}
