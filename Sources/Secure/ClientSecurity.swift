import COpenSSL
import Synchronization
import Transport

/// What the TLS towards an upstream is made of.
package struct ClientSecuritySettings: Equatable, Sendable {
    /// The host name or address that the upstream's certificate must be valid for; a name is asked for by SNI.
    package var serverName: String
    /// Versions, ciphers, groups.
    package var profile = SecureProfile()
    /// A PEM file of the authorities that its certificate may come from; nil for those of the system.
    package var authorityFile: String?
    /// False believes any certificate, which protects from nobody on the way.
    package var isVerified = true
    /// Our own certificate, for upstreams that ask for one.
    package var certificate: ServerSecuritySettings.Pair?

    /// The defaults for a server of this name.
    package init(serverName: String) { self.serverName = serverName }
}

/// The TLS towards an upstream: makes the session of each connection from a context that can be replaced.
package final class ClientSecurity: SessionMaker {
    private let context: Mutex<ClientContext>
    /// What the handshakes have come to, whatever certificates there were.
    package let counters: TLSCounters

    /// Reads and checks every file; handshakes are counted in `counters`. **Throws** every problem at once.
    package init(
        _ settings: ClientSecuritySettings, counters: TLSCounters = TLSCounters()
    ) throws(SecureProblems) {
        self.counters = counters
        context = Mutex(try ClientContext(settings))
    }

    /// Reads and checks every file again, and returns what puts them into effect for new connections.
    /// **Throws** every problem at once.
    package func reload(
        _ settings: ClientSecuritySettings
    ) throws(SecureProblems) -> SecurityChange {
        let fresh = try ClientContext(settings)
        return SecurityChange(fresh.terms) { @Sendable [self] in context.withLock { $0 = fresh } }
    }

    /// What is to be known of the certificates in effect.
    package var terms: CertificateTerms { context.withLock { $0 }.terms }

    /// The time for making a connection bounds its handshake too.
    package var handshakeTimeout: Duration { .seconds(10) }

    /// A session over the connected, non-blocking socket `raw`, or nil for want of memory.
    package func makeSession(over raw: Int32) -> (any SecureSession)? {
        context.withLock { $0 }.makeSession(over: raw, counters: counters)
    }
}

/// Trust, name and certificate towards one upstream, ready for use; only the session to be taken up again changes.
///
/// `@unchecked Sendable` because: but for that session, which is behind a lock, nothing changes after `init`.
final class ClientContext: @unchecked Sendable {
    private let settings: ClientSecuritySettings
    private let context: SSLContext
    /// What is to be known of the certificates; only written in `init`.
    private(set) var terms = CertificateTerms()
    /// The newest ticket, which is used once (RFC 8446 §C.4).
    private let session = Mutex<Ticket?>(nil)

    /// Owns a reference to an `SSL_SESSION`.
    ///
    /// `@unchecked Sendable` because: OpenSSL counts its references atomically, and a session is not changed.
    private final class Ticket: @unchecked Sendable {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { SSL_SESSION_free(pointer) }
    }

    init(_ settings: ClientSecuritySettings) throws(SecureProblems) {
        self.settings = settings
        var problems: [SecureProblem] = []
        do throws(SecureProblem) { context = try SSLContext(settings.profile, isServer: false) } catch {
            throw SecureProblems(all: [error])
        }
        trust(&problems)
        if let pair = settings.certificate { show(pair, &problems) }
        guard problems.isEmpty else { throw SecureProblems(all: problems) }
        offerProtocol()
        keepSessions()
    }

    private func trust(_ problems: inout [SecureProblem]) {
        guard settings.isVerified else { return }
        SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_verify_depth(context.pointer, 8)
        guard let file = settings.authorityFile else {
            if SSL_CTX_set_default_verify_paths(context.pointer) != 1 {
                problems.append(SecureProblem(path: "", error: .library(ErrorQueue.reason())))
            }
            return
        }
        do throws(SecureError) {
            let authority = try Authority(file)
            guard authority.install(in: context.pointer) else {
                throw .certificateRefused(file: file, reason: ErrorQueue.reason())
            }
            if let doubt = authority.doubt {
                terms.warnings.append(SecureProblem(path: "ca_file", error: doubt))
            }
        } catch {
            problems.append(SecureProblem(path: "ca_file", error: error))
        }
    }

    private func show(_ pair: ServerSecuritySettings.Pair, _ problems: inout [SecureProblem]) {
        do throws(SecureProblems) {
            let file = try CertificateFile(certificate: pair.certificateFile, key: pair.keyFile, path: "")
            guard file.install(in: context.pointer) else {
                throw SecureProblems(all: [
                    SecureProblem(
                        path: "certificate",
                        error: .certificateRefused(file: pair.certificateFile, reason: ErrorQueue.reason()))
                ])
            }
            file.tell(&terms)
        } catch {
            problems += error.all.map {
                SecureProblem(
                    path: $0.path.hasPrefix(".") ? String($0.path.dropFirst()) : $0.path, error: $0.error)
            }
        }
    }

    private func offerProtocol() {
        let offer = [UInt8(ApplicationProtocol.http11.count)] + ApplicationProtocol.http11
        SSL_CTX_set_alpn_protos(context.pointer, offer, UInt32(offer.count))
    }

    private func keepSessions() {
        samegate_ctx_set_client_cache(context.pointer)
        samegate_ctx_set_owner(context.pointer, Unmanaged.passUnretained(self).toOpaque())
        SSL_CTX_sess_set_new_cb(context.pointer) { ssl, session in
            guard let ssl, let session, let owner = samegate_ctx_owner(SSL_get_SSL_CTX(ssl)) else { return 0 }
            let ticket = Ticket(session)
            Unmanaged<ClientContext>.fromOpaque(owner).takeUnretainedValue().session.withLock { $0 = ticket }
            return 1
        }
    }

    func makeSession(over raw: Int32, counters: TLSCounters) -> (any SecureSession)? {
        guard
            let made = TLSSession(
                context: context.pointer, owner: self, counters: counters, isServer: false, raw: raw),
            made.configure(prepare)
        else { return nil }
        return made
    }

    /// The name to ask for and to verify. An address is verified as one and never asked for (RFC 6066 §3).
    private func prepare(_ ssl: OpaquePointer) -> Bool {
        let name = settings.serverName
        let isAddress = SocketAddress(host: name, port: 0) != nil
        if !isAddress, samegate_ssl_set_name(ssl, name) != 1 { return false }
        if settings.isVerified {
            if isAddress {
                guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 else { return false }
            } else {
                SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
                guard SSL_set1_host(ssl, name) == 1 else { return false }
            }
        }
        let ticket = session.withLock { session in
            defer { session = nil }
            return session
        }
        if let ticket { SSL_set_session(ssl, ticket.pointer) }
        return true
    }
}
