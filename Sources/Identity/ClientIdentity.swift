// The Identity room: who a client is, by API key, JSON web token or certificate. No sockets, no clock.

/// Who sent a request, as far as the gateway knows.
package struct ClientIdentity: Hashable, Sendable {
    /// How the client was recognised.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Not at all.
        case anonymous
        /// By an API key of the key file.
        case apiKey = "api-key"
        /// By a signed JSON web token.
        case jwt
        /// By the certificate of its TLS connection.
        case certificate
    }

    /// How the client was recognised.
    package let kind: Kind
    /// The client's stable name for logs and accounting: a key's id, a token's subject, a certificate's subject.
    package let name: String
    /// What else the credential says, such as a token's issuer.
    package let attributes: [String: String]

    /// An identity as stated.
    package init(kind: Kind, name: String, attributes: [String: String] = [:]) {
        self.kind = kind
        self.name = name
        self.attributes = attributes
    }

    /// A client without credentials. It has no name of its own: limits by client use its network then.
    package static let anonymous = ClientIdentity(kind: .anonymous, name: "anonymous")

    /// A client whose certificate the TLS layer has verified.
    package static func certificate(name: String, fingerprint: String) -> ClientIdentity {
        ClientIdentity(kind: .certificate, name: name, attributes: ["fingerprint": fingerprint])
    }

    /// The name for accounts and for binding challenges. Kinds are kept apart, and tokens of different issuers, so
    /// that nobody can take another's account by choosing the same name.
    package var account: String {
        guard kind == .jwt, let issuer = attributes["iss"] ?? (beginsWithLength ? "" : nil) else {
            return "\(kind.rawValue):\(name)"
        }
        // The length makes the joint unambiguous whatever the issuer contains.
        return "\(kind.rawValue):\(issuer.utf8.count):\(issuer):\(name)"
    }

    /// Whether the name, without an issuer before it, could be taken for one with it.
    private var beginsWithLength: Bool {
        let digits = name.utf8.prefix { (0x30...0x39).contains($0) }
        return !digits.isEmpty && name.utf8.dropFirst(digits.count).first == 0x3A
    }
}
