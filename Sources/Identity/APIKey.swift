import Digest

/// An API key as its client holds it: `sg1.ID.SECRET`.
///
/// The id is public and finds the record; the secret is 128 random bits or more in base64url, and is all that has to be
/// guessed. The prefix tells keys from tokens and lets secret scanners find leaked ones.
package struct APIKey: Hashable, Sendable {
    /// What every key begins with.
    package static let prefix = "sg1."
    /// The fewest random bytes of a secret. Below 128 bits a stolen key file could be searched, since its hash is fast.
    package static let secretBytesMin = 16
    /// The most. **Units**: bytes.
    package static let secretBytesMax = 64
    /// The longest id. **Units**: bytes.
    package static let idBytesMax = 64

    /// The public name of the key, and of its client.
    package let id: String
    /// The whole key, for the client alone.
    package let text: String

    /// The key with this id and secret bytes, which must be random.
    ///
    /// Throws: `APIKeyProblem` for an id that is not `[A-Za-z0-9_-]{1,64}`, or a secret that is too short or too long.
    package init(id: String, secret: [UInt8]) throws(APIKeyProblem) {
        guard Self.isID(id) else { throw .badID }
        guard secret.count >= Self.secretBytesMin else { throw .shortSecret(bytes: secret.count) }
        guard secret.count <= Self.secretBytesMax else { throw .longSecret(bytes: secret.count) }
        self.id = id
        text = "\(Self.prefix)\(id).\(Base64URL.encode(secret))"
    }

    /// The key that a request presents, or nil when it is not of the form. The secret is as long as a secret can be.
    init?(presented: String) {
        guard presented.utf8.count <= 256 else { return nil }
        let parts = presented.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "sg1", Self.isID(String(parts[1])),
            let secret = Base64URL.decode(String(parts[2])),
            (Self.secretBytesMin...Self.secretBytesMax).contains(secret.count)
        else { return nil }
        id = String(parts[1])
        text = presented
    }

    /// True for 1 to 64 of letters, digits, `_` and `-`.
    static func isID(_ id: String) -> Bool {
        let utf8 = id.utf8
        guard (1...idBytesMax).contains(utf8.count) else { return false }
        return utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }
}

/// Why a key cannot be made.
package enum APIKeyProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The id has other characters than letters, digits, `_` and `-`, or not 1 to 64 of them.
    case badID
    /// Too few random bytes.
    case shortSecret(bytes: Int)
    /// Too many.
    case longSecret(bytes: Int)
    /// A route's name that cannot stand in a key file.
    case badRoute(String)
    /// A comment with a line break or another control character.
    case badComment
    /// libcrypto gave no random bytes.
    case noRandomBytes(DigestError)

    /// A message for the operator.
    package var description: String {
        switch self {
        case .badID: "a key's id is 1 to \(APIKey.idBytesMax) letters, digits, _ or -"
        case .shortSecret(let bytes):
            "the secret has \(bytes) bytes; \(APIKey.secretBytesMin) random bytes are the least that is safe"
        case .longSecret(let bytes): "the secret has \(bytes) bytes, more than \(APIKey.secretBytesMax)"
        case .badRoute(let route): "the route name \"\(route)\" cannot stand in a key file"
        case .badComment: "a comment is one line without control characters"
        case .noRandomBytes(let error): "\(error)"
        }
    }
}
