import COpenSSL
import Transport

/// One connection's TLS, over a non-blocking socket.
///
/// OpenSSL reads from and writes to the socket itself, through a BIO of ours: with memory BIOs every byte would be
/// copied twice more, and the encrypted bytes would need a bounded queue of their own.
final class TLSSession: SecureSession {
    /// Bytes taken from a peer before its handshake is complete: two ClientHellos and a chain of certificates.
    static let handshakeBytesMax: UInt64 = 128 << 10

    private var ssl: OpaquePointer?
    private let wire: UnsafeMutablePointer<samegate_wire>
    /// Keeps alive what OpenSSL's callbacks use.
    private let context: AnyObject
    private let isServer: Bool
    private let counters: TLSCounters
    private var hasFailed = false
    /// The word of the end waits for room in the socket.
    private var endIsPending = false
    private(set) var connection: SecureConnection?

    /// Made once for the process.
    ///
    /// `@unchecked Sendable` because: a BIO method is never changed once it is made.
    private struct Method: @unchecked Sendable { let pointer: OpaquePointer? }
    private static let method = Method(pointer: samegate_wire_method())

    /// A session of `context` over the socket `raw`. Returns nil for want of memory.
    init?(
        context sslContext: OpaquePointer, owner: AnyObject, counters: TLSCounters, isServer: Bool, raw: Int32
    ) {
        guard let ssl = SSL_new(sslContext) else { return nil }
        wire = .allocate(capacity: 1)
        wire.initialize(to: samegate_wire())
        wire.pointee.fd = raw
        wire.pointee.received_max = Self.handshakeBytesMax
        context = owner
        self.counters = counters
        self.isServer = isServer
        self.ssl = ssl
        guard let method = Self.method.pointer, samegate_ssl_attach(ssl, method, wire) == 1 else {
            return nil
        }
        if isServer { SSL_set_accept_state(ssl) } else { SSL_set_connect_state(ssl) }
    }

    deinit {
        end()
        wire.deallocate()
    }

    /// Lets the maker set names and sessions before the handshake.
    func configure(_ body: (OpaquePointer) -> Bool) -> Bool { ssl.map(body) ?? false }

    // MARK: Steps

    var hasUnread: Bool { ssl.map { SSL_has_pending($0) == 1 } ?? false }

    func handshake() -> SecureStep {
        step { ssl in
            let result = SSL_do_handshake(ssl)
            return (result, 0)
        }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer, peeking: Bool) -> SecureStep {
        step { ssl in
            var count = 0
            let result =
                peeking
                ? SSL_peek_ex(ssl, buffer.baseAddress, buffer.count, &count)
                : SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
            return (result, count)
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> SecureStep {
        step { ssl in
            var count = 0
            let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
            return (result, count)
        }
    }

    func sendEnd() -> Bool {
        guard let ssl, connection != nil, !hasFailed,
            endIsPending || SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0
        else { return true }
        ErrorQueue.clear()
        let result = SSL_shutdown(ssl)
        endIsPending = result < 0 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_WRITE
        ErrorQueue.clear()
        return !endIsPending
    }

    func end() {
        guard let ssl else { return }
        self.ssl = nil
        wire.pointee.fd = -1
        if connection != nil { counters.closed() } else if !hasFailed { counters.failed(.abandoned) }
        // Without this a session would be void for resumption whenever a peer has closed without due form.
        SSL_set_quiet_shutdown(ssl, 1)
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        SSL_free(ssl)
    }

    private func step(_ call: (OpaquePointer) -> (Int32, Int)) -> SecureStep {
        guard let ssl, !hasFailed else { return .failed(.unusable) }
        ErrorQueue.clear()
        wire.pointee.read_blocked = 0
        let (result, count) = call(ssl)
        if connection == nil, SSL_is_init_finished(ssl) == 1 { established(ssl) }
        return result > 0 ? .done(count) : failedStep(ssl, result)
    }

    private func failedStep(_ ssl: OpaquePointer, _ result: Int32) -> SecureStep {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .awaitsReading(socketIsEmpty: wire.pointee.read_blocked != 0)
        case SSL_ERROR_WANT_WRITE: return .awaitsWriting
        case SSL_ERROR_ZERO_RETURN: return .endOfFile
        default:
            hasFailed = true
            let failure = failure(ssl)
            if connection == nil { counters.failed(TLSFailureReason(failure)) }
            return .failed(failure)
        }
    }

    private func failure(_ ssl: OpaquePointer) -> SecurityFailure {
        defer { ErrorQueue.clear() }
        let code = wire.pointee.error
        if code == EMSGSIZE, connection == nil { return .handshakeTooLarge }
        // An alert that could not be sent leaves an errno too; what it was about counts.
        if code != 0, ERR_peek_error() == 0 { return .system(code) }
        return ErrorQueue.failure(verification: SSL_get_verify_result(ssl))
    }

    private func established(_ ssl: OpaquePointer) {
        wire.pointee.received_max = .max
        let isResumed = SSL_session_reused(ssl) == 1
        counters.completed(SSL_version(ssl) == TLS1_3_VERSION ? .v13 : .v12, resumed: isResumed)
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        let selected = UnsafeBufferPointer(start: name, count: Int(length))
        connection = SecureConnection(
            version: String(cString: SSL_get_version(ssl)), cipher: Self.cipher(of: ssl),
            serverName: SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map {
                String(cString: $0).lowercased()
            },
            applicationProtocol: selected.isEmpty ? nil : String(decoding: selected, as: UTF8.self),
            isResumed: isResumed,
            // Nobody asks what an upstream is called: it was asked for by name.
            peer: isServer ? SSL_get0_peer_certificate(ssl).flatMap(PeerCertificate.init) : nil)
    }

    private static func cipher(of ssl: OpaquePointer) -> String {
        guard let cipher = SSL_get_current_cipher(ssl), let name = SSL_CIPHER_get_name(cipher) else {
            return ""
        }
        return String(cString: name)
    }
}
