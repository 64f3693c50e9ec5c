import Synchronization
import Transport

/// What a listener's TLS is made of.
package struct ServerSecuritySettings: Equatable, Sendable {
    /// A certificate with its chain, and its key.
    package struct Pair: Equatable, Sendable {
        /// A PEM file: the server's certificate, then what leads from it to an authority.
        package var certificateFile: String
        /// A PEM file.
        package var keyFile: String

        /// The two files.
        package init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// Whether clients have to show certificates.
    package enum ClientCertificates: String, Sendable, CaseIterable {
        /// They are not asked.
        case none
        /// One that is shown is verified; the connection ends when that fails.
        case optional
        /// Without one the handshake fails.
        case required
    }

    /// At least one; the first is for clients that name no host, or one that no certificate is valid for.
    package var certificates: [Pair]
    /// Versions, ciphers, groups.
    package var profile = SecureProfile()
    /// Whether clients have to show certificates.
    package var clientCertificates = ClientCertificates.none
    /// A PEM file of the authorities that clients' certificates may come from.
    package var clientAuthorityFile: String?
    /// How long a handshake may take.
    package var handshakeTimeout = Duration.seconds(10)
    /// How long a session may be taken up again, and how long a ticket key seals.
    package var sessionLifetime = Duration.seconds(12 * 3600)

    /// The defaults with these certificates.
    package init(certificates: [Pair]) { self.certificates = certificates }
}

/// A listener's TLS: makes the session of each connection from contexts that can be replaced while connections are open.
package final class ServerSecurity: SessionMaker {
    private let context: Mutex<ServerContext>
    private let keys: TicketKeys
    /// What its handshakes have come to, whatever certificates it had.
    package let counters: TLSCounters

    /// Reads and checks every file; handshakes are counted in `counters`. **Throws** every problem at once.
    package init(
        _ settings: ServerSecuritySettings, clock: any LoopClock = SystemClock(),
        counters: TLSCounters = TLSCounters()
    ) throws(SecureProblems) {
        self.counters = counters
        keys = TicketKeys(lifetime: settings.sessionLifetime, clock: clock)
        context = Mutex(try ServerContext(settings, keys: keys))
    }

    /// Reads and checks every file again, and returns what puts them into effect: new connections get what is new, open
    /// ones keep what they have. Tickets stay good unless what is asked of clients has changed.
    /// **Throws** every problem at once.
    package func reload(
        _ settings: ServerSecuritySettings
    ) throws(SecureProblems) -> SecurityChange {
        let fresh = try ServerContext(settings, keys: keys)
        return SecurityChange(fresh.terms) { @Sendable [self] in
            keys.change(lifetime: settings.sessionLifetime)
            context.withLock { $0 = fresh }
        }
    }

    private var present: ServerContext { context.withLock { $0 } }

    /// What is to be known of the certificates in effect.
    package var terms: CertificateTerms { present.terms }

    /// How long a handshake may take.
    package var handshakeTimeout: Duration { present.settings.handshakeTimeout }

    /// A session over the connected, non-blocking socket `raw`, or nil for want of memory.
    package func makeSession(over raw: Int32) -> (any SecureSession)? {
        let context = present
        return TLSSession(
            context: context.fallback.pointer, owner: context, counters: counters, isServer: true, raw: raw)
    }
}
