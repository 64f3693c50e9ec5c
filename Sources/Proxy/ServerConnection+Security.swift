import HTTPWire
import Transport

/// TLS towards clients. The handshake happens inside the reads; what it takes is bounded by a deadline of its own.
extension ServerConnection {
    /// Whether TLS is spoken and the handshake is not complete.
    var isHandshaking: Bool { isSecure && secureConnection == nil }

    /// Starts TLS. Returns false for want of memory.
    func beginHandshake(_ security: any SessionMaker) -> Bool {
        guard let session = security.makeSession(over: raw) else { return false }
        secure(with: session)
        headDeadline = loop.now.advanced(by: security.handshakeTimeout)
        return true
    }

    /// Lets go of a connection there is no room for.
    func shed(_ room: ServerShard.Room) {
        countRefusal(room)
        shard.counters.shed.count(.connections)
        abort()
    }

    /// The first head is awaited from here on.
    func handshakeCompleted() {
        shard.counters.handshakes.wrappingAdd(1, ordering: .relaxed)
        if secureConnection?.isResumed == true {
            shard.counters.handshakesResumed.wrappingAdd(1, ordering: .relaxed)
        }
        headDeadline = loop.now.advanced(by: limits.headTimeout)
        updateDeadline()
    }

    /// There will be no TLS. OpenSSL has sent its alert; a client that spoke clear text is told in clear text.
    func handshakeFailed() {
        shard.counters.handshakesFailed.wrappingAdd(1, ordering: .relaxed)
        guard securityFailure == .plainHTTP else { return close() }
        dropSecurity()
        refuse(
            ProblemDocument(status: 400, detail: "this port speaks TLS; write https:// in the URL"), nil)
        settle()
    }
}
