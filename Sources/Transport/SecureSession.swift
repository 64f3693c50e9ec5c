/// What a session made of a call.
package enum SecureStep: Equatable {
    /// That many bytes of plain text; 0 for a handshake that is complete.
    case done(Int)
    /// Nothing before the socket can be read. `socketIsEmpty` is false when the socket itself has not said so.
    case awaitsReading(socketIsEmpty: Bool)
    /// Nothing before the socket takes more.
    case awaitsWriting
    /// The peer has ended its side in due form.
    case endOfFile
    /// The session is over.
    case failed(SecurityFailure)
}

/// Stands between a stream channel's socket and the plain text read from and written to the channel.
///
/// A seam: this room knows descriptors and events and no cryptography. **Runs on** the channel's loop.
package protocol SecureSession: AnyObject {
    /// Set once the handshake is complete.
    var connection: SecureConnection? { get }
    /// Whether bytes of the socket are held that no call has returned yet.
    var hasUnread: Bool { get }
    /// Goes on with the handshake.
    func handshake() -> SecureStep
    /// Reads plain text, after the handshake if that is not complete yet. `peeking` leaves it to be read again.
    func receive(into buffer: UnsafeMutableRawBufferPointer, peeking: Bool) -> SecureStep
    /// Sends some of `bytes`. After `awaitsWriting` the next call must begin with the same bytes.
    func send(_ bytes: UnsafeRawBufferPointer) -> SecureStep
    /// Tells the peer that nothing more comes. Returns false where the socket does not take it now: call it again once it
    /// does.
    @discardableResult
    func sendEnd() -> Bool
    /// Forgets the socket and frees what it can; every call fails from here on.
    func end()
}

/// Makes a session for each connection. What it makes them from may be replaced at any time; sessions that there are
/// stay what they are.
package protocol SessionMaker: Sendable {
    /// How long a handshake may take.
    var handshakeTimeout: Duration { get }
    /// A session over the connected, non-blocking socket `raw`, or nil for want of memory.
    func makeSession(over raw: Int32) -> (any SecureSession)?
}

/// What a handshake has agreed on.
package struct SecureConnection: Equatable, Sendable {
    /// `TLSv1.3`
    package var version: String
    /// By its IANA or OpenSSL name.
    package var cipher: String
    /// The name that the client asked for (RFC 6066 §3), in lower case.
    package var serverName: String?
    /// The application protocol, if both sides named one (RFC 7301).
    package var applicationProtocol: String?
    /// Whether an earlier session was taken up again.
    package var isResumed: Bool
    /// What the peer has proved to be; nil when it showed no certificate.
    package var peer: PeerCertificate?

    /// The parts together.
    package init(
        version: String, cipher: String, serverName: String?, applicationProtocol: String?, isResumed: Bool,
        peer: PeerCertificate?
    ) {
        self.version = version
        self.cipher = cipher
        self.serverName = serverName
        self.applicationProtocol = applicationProtocol
        self.isResumed = isResumed
        self.peer = peer
    }
}

/// A certificate that a peer showed and that was verified.
package struct PeerCertificate: Equatable, Sendable {
    /// Its subject by RFC 2253, with everything outside printable ASCII escaped.
    package var subject: String
    /// Its issuer, likewise.
    package var issuer: String
    /// Its serial number in hexadecimal.
    package var serial: String
    /// The SHA-256 digest of the whole certificate in hexadecimal.
    package var fingerprint: String
    /// The DNS names it is valid for.
    package var dnsNames: [String]
    /// The e-mail addresses in it.
    package var emails: [String]
    /// The URIs in it, such as a SPIFFE identity.
    package var uris: [String]

    /// The parts together.
    package init(
        subject: String, issuer: String, serial: String, fingerprint: String, dnsNames: [String],
        emails: [String], uris: [String]
    ) {
        self.subject = subject
        self.issuer = issuer
        self.serial = serial
        self.fingerprint = fingerprint
        self.dnsNames = dnsNames
        self.emails = emails
        self.uris = uris
    }
}
