import COpenSSL
import Digest
import Transport

/// A listener's certificates and rules, ready for use and never changed.
///
/// `@unchecked Sendable` because: nothing changes after `init`; OpenSSL's callbacks only read.
final class ServerContext: @unchecked Sendable {
    let settings: ServerSecuritySettings
    /// What is to be known of its certificates.
    let terms: CertificateTerms
    /// The context that a session starts with; it becomes another by the name that the client asks for.
    let fallback: SSLContext
    private let index: NameIndex<SSLContext>
    private let keys: TicketKeys

    /// Bytes of a client's certificate chain at most.
    private static let clientChainBytesMax = 32 << 10

    /// Reads and checks every file. **Throws** every problem at once.
    init(_ settings: ServerSecuritySettings, keys: TicketKeys) throws(SecureProblems) {
        precondition(!settings.certificates.isEmpty, "a server has a certificate")
        self.settings = settings
        self.keys = keys
        var problems: [SecureProblem] = []
        let files = Self.load(settings.certificates, &problems)
        let authority = Self.loadAuthority(settings, &problems)
        // A first context shows what is wrong with ciphers and groups even if no certificate can be read.
        do throws(SecureProblem) { _ = try SSLContext(settings.profile, isServer: true) } catch {
            problems.append(error)
        }
        guard problems.isEmpty else { throw SecureProblems(all: problems) }
        var terms = CertificateTerms()
        for file in files { file.tell(&terms) }
        if let doubt = authority?.doubt {
            terms.warnings.append(SecureProblem(path: "client_ca", error: doubt))
        }
        self.terms = terms
        do throws(SecureProblem) {
            let groups = Self.grouped(files)
            var contexts: [SSLContext] = []
            for group in groups { contexts.append(try Self.context(for: group, settings, authority)) }
            fallback = contexts[0]
            var index = NameIndex<SSLContext>()
            for (group, context) in zip(groups, contexts) {
                for name in group[0].names { index.add(context, for: name) }
            }
            self.index = index
            for context in contexts { adopt(context) }
        } catch {
            throw SecureProblems(all: [error])
        }
    }

    // MARK: Files

    private static func load(
        _ pairs: [ServerSecuritySettings.Pair], _ problems: inout [SecureProblem]
    ) -> [CertificateFile] {
        var files: [CertificateFile] = []
        for (index, pair) in pairs.enumerated() {
            do throws(SecureProblems) {
                files.append(
                    try CertificateFile(
                        certificate: pair.certificateFile, key: pair.keyFile, path: "certificates[\(index)]"))
            } catch {
                problems += error.all
            }
        }
        return files
    }

    private static func loadAuthority(
        _ settings: ServerSecuritySettings, _ problems: inout [SecureProblem]
    ) -> Authority? {
        guard settings.clientCertificates != .none, let file = settings.clientAuthorityFile else {
            return nil
        }
        do throws(SecureError) {
            return try Authority(file)
        } catch {
            problems.append(SecureProblem(path: "client_ca", error: error))
            return nil
        }
    }

    /// Certificates with different kinds of key for the same names share a context, which shows each client the one that
    /// it can verify.
    private static func grouped(_ files: [CertificateFile]) -> [[CertificateFile]] {
        var groups: [[CertificateFile]] = []
        for file in files {
            let place = groups.firstIndex { group in
                !file.names.isEmpty && Set(group[0].names) == Set(file.names)
                    && !group.contains { $0.kind == file.kind }
            }
            if let place { groups[place].append(file) } else { groups.append([file]) }
        }
        return groups
    }

    // MARK: Contexts

    private static func context(
        for files: [CertificateFile], _ settings: ServerSecuritySettings, _ authority: Authority?
    ) throws(SecureProblem) -> SSLContext {
        let context = try SSLContext(settings.profile, isServer: true)
        let pointer = context.pointer
        for file in files where !file.install(in: pointer) {
            throw SecureProblem(
                path: "certificates",
                error: .certificateRefused(file: file.names.first ?? "", reason: ErrorQueue.reason()))
        }
        samegate_ctx_set_no_cache(pointer)
        SSL_CTX_set_timeout(pointer, Int(clamping: settings.sessionLifetime.components.seconds))
        try ask(clients: settings.clientCertificates, authority, in: pointer)
        guard samegate_ctx_bound_sessions(pointer) == 1 else {
            throw SecureProblem(path: "", error: .library(ErrorQueue.reason()))
        }
        SSL_CTX_set_alpn_select_cb(
            pointer,
            { _, chosen, length, offered, count, _ in
                ServerContext.choose(chosen, length, UnsafeBufferPointer(start: offered, count: Int(count)))
            }, nil)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(pointer) { ssl, name, iv, cipher, mac, sealing in
            guard let ssl, let name, let iv, let cipher, let mac,
                let owner = samegate_ctx_owner(SSL_get_SSL_CTX(ssl))
            else { return -1 }
            return Unmanaged<ServerContext>.fromOpaque(owner).takeUnretainedValue().keys
                .prepare(
                    name: name, iv: iv, cipher: cipher, mac: mac, sealing: sealing == 1,
                    renewing: SSL_version(ssl) >= TLS1_3_VERSION)
        }
        return context
    }

    /// A ticket is good only where the same is asked of clients: else one got without a certificate, or under an authority
    /// that is trusted no more, would be a way around the question.
    private static func ask(
        clients: ServerSecuritySettings.ClientCertificates, _ authority: Authority?, in context: OpaquePointer
    ) throws(SecureProblem) {
        let rule = SHA256.digest(of: Array(clients.rawValue.utf8) + [0] + (authority?.bytes ?? []))
        let id = rule.bytes
        guard SSL_CTX_set_session_id_context(context, id, UInt32(id.count)) == 1 else {
            throw SecureProblem(path: "", error: .library(ErrorQueue.reason()))
        }
        guard clients != .none, let authority else { return }
        samegate_ctx_set_chain_max(context, clientChainBytesMax)
        guard authority.install(in: context) else {
            throw SecureProblem(path: "client_ca", error: .library(ErrorQueue.reason()))
        }
        let mustShow = clients == .required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | mustShow, nil)
        SSL_CTX_set_verify_depth(context, 8)
    }

    /// Gives the context its way back to this object, which outlives it: every session holds on to it.
    private func adopt(_ context: SSLContext) {
        let owner = Unmanaged.passUnretained(self).toOpaque()
        samegate_ctx_set_owner(context.pointer, owner)
        samegate_ctx_set_name_callback(
            context.pointer,
            { ssl, _, owner in
                guard let ssl, let owner else { return SSL_TLSEXT_ERR_NOACK }
                return Unmanaged<ServerContext>.fromOpaque(owner).takeUnretainedValue().choose(for: ssl)
            }, owner)
    }

    // MARK: Choices of a handshake

    /// Takes the certificate for the name that the client asks for (RFC 6066 §3).
    private func choose(for ssl: OpaquePointer) -> Int32 {
        guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else {
            return SSL_TLSEXT_ERR_NOACK
        }
        guard let context = index.value(for: String(cString: name)) else { return SSL_TLSEXT_ERR_NOACK }
        return SSL_set_SSL_CTX(ssl, context.pointer) == nil ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK
    }

    /// `http/1.1`, whatever else is offered, or `http/1.0`; a client that offers others alone is refused (RFC 7301 §3.2).
    private static func choose(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafeBufferPointer<UInt8>
    ) -> Int32 {
        guard
            let name = offer(of: ApplicationProtocol.http11, offered)
                ?? offer(of: ApplicationProtocol.http10, offered)
        else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen?.pointee = name.baseAddress
        length?.pointee = UInt8(name.count)
        return SSL_TLSEXT_ERR_OK
    }

    /// Where the list of a client names a protocol; nil when it does not.
    private static func offer(
        of wanted: [UInt8], _ offered: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var offset = 0
        while offset < offered.count {
            let count = Int(offered[offset])
            guard offset + 1 + count <= offered.count else { return nil }
            let name = UnsafeBufferPointer(rebasing: offered[offset + 1..<offset + 1 + count])
            if name.elementsEqual(wanted) { return name }
            offset += 1 + count
        }
        return nil
    }
}

/// What is spoken inside TLS.
enum ApplicationProtocol {
    /// By its registered name (RFC 7301 §6).
    static let http11 = Array("http/1.1".utf8)
    /// What clients offer that were told to speak no later version, such as `curl --http1.0`.
    static let http10 = Array("http/1.0".utf8)
}
