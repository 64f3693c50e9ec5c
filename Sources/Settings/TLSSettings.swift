/// A certificate and its key.
package struct CertificateSettings: Sendable, Equatable {
    /// The PEM file of the certificate and its chain.
    package var certificate: String
    /// The PEM file of the private key.
    package var key: String

    init(reading section: Section) {
        certificate = section.required(
            "certificate", .readFile, "PEM: the certificate, then what leads from it to an authority.")
        key = section.required("key", .readFile, "PEM: its private key, without a passphrase.")
    }
}

/// The oldest version of TLS that is spoken.
package enum LeastTLSVersion: String, Sendable, CaseIterable {
    /// TLS 1.2 and 1.3.
    case v12 = "1.2"
    /// TLS 1.3 only.
    case v13 = "1.3"
}

/// TLS for what a listener accepts.
package struct ListenerTLSSettings: Sendable, Equatable {
    /// Whether clients have to show certificates.
    package enum ClientCertificates: String, Sendable, CaseIterable {
        /// They are not asked.
        case none
        /// One that is shown must be valid.
        case optional
        /// Without a valid one there is no connection.
        case required
    }

    /// At least one; the first is for clients that name no host, or one without a certificate.
    package var certificates: [CertificateSettings]
    /// The oldest version spoken.
    package var leastVersion: LeastTLSVersion
    /// TLS 1.2's ciphers in OpenSSL's notation; nil for the defaults.
    package var ciphers: String?
    /// Key-exchange groups in OpenSSL's notation; nil for the defaults.
    package var groups: String?
    /// Whether clients have to show certificates.
    package var clientCertificates: ClientCertificates
    /// The PEM file of the authorities of clients' certificates.
    package var clientAuthority: String?
    /// How long a handshake may take.
    package var handshakeTimeout: Duration
    /// How long a session may be taken up again.
    package var sessionLifetime: Duration

    init(reading section: Section) {
        certificates = section.list(
            "certificates", least: 1,
            "The certificates, chosen by the name that the client asks for (SNI); the first is for all other names.",
            CertificateSettings.init(reading:))
        leastVersion = section.value(
            "minimum_version", .choice(), default: .v12, "The oldest version of TLS spoken.")
        ciphers = section.optional(
            "ciphers", .text(longest: 1_000), absent: "ECDHE with AES-GCM or ChaCha20-Poly1305",
            "The ciphers of TLS 1.2 in OpenSSL's notation.")
        groups = section.optional(
            "groups", .text(longest: 1_000), absent: "X25519:P-256:P-384",
            "The groups of the key exchange in OpenSSL's notation, the best first.")
        clientCertificates = section.value(
            "client_certificates", .choice(), default: .none,
            "Whether clients have to show certificates; one that is shown and not valid ends the connection.")
        clientAuthority = section.optional(
            "client_ca", .readFile, absent: "none",
            "PEM: the authorities that clients' certificates come from.")
        handshakeTimeout = section.value(
            "handshake_timeout", .duration(in: .milliseconds(100) ... .seconds(600)), default: .seconds(10),
            "From the connection to the end of the handshake; past it the connection is closed.")
        sessionLifetime = section.value(
            "session_lifetime", .duration(in: .seconds(60) ... .seconds(604_800)), default: .seconds(43_200),
            "How long a session may be resumed. Ticket keys are made anew as often and forgotten after twice as long."
        )
        if clientCertificates != .none, !section.has("client_ca"), !section.isDocumenting {
            section.complain(
                "needs client_ca: the authorities to verify them by", about: "client_certificates")
        }
        if clientCertificates == .none, section.has("client_ca"), section.trusts("client_certificates") {
            section.complain("has no effect while client_certificates is none", about: "client_ca")
        }
    }
}

/// TLS towards an upstream.
package struct UpstreamTLSSettings: Sendable, Equatable {
    /// The PEM file of the authorities of its certificate; nil for those of the system.
    package var authority: String?
    /// Whether its certificate is verified.
    package var isVerified: Bool
    /// The name its certificate must be valid for; nil for the host of its URL.
    package var serverName: String?
    /// The oldest version spoken.
    package var leastVersion: LeastTLSVersion
    /// Our own certificate with its key, for an upstream that asks for one.
    package var certificate: String?
    /// Its key.
    package var key: String?

    init(reading section: Section) {
        authority = section.optional(
            "ca_file", .readFile, absent: "the system's authorities",
            "PEM: the authorities that its certificate comes from.")
        isVerified = section.value(
            "verify", .boolean, default: true,
            "Whether its certificate must be valid and for its name; `false` protects from nobody on the way."
        )
        serverName = section.optional(
            "server_name", .serverName, absent: "the URL's host",
            "The name asked for (SNI), which its certificate must be valid for.")
        leastVersion = section.value(
            "minimum_version", .choice(), default: .v12, "The oldest version of TLS spoken.")
        certificate = section.optional(
            "certificate", .readFile, absent: "none",
            "PEM: our own certificate and its chain, for an upstream that asks for one.")
        key = section.optional(
            "key", .readFile, absent: "none", "PEM: the private key of `certificate`, without a passphrase.")
        for (given, missing) in [("certificate", "key"), ("key", "certificate")]
        where section.has(given) && !section.has(missing) {
            section.complain("needs \(missing) beside it", about: given)
        }
    }
}
