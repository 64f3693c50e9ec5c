import Buffers
import CPosix
import Glibc

/// What a read brought.
package enum ReadOutcome: Equatable {
    /// That many bytes, at least one.
    case bytes(Int)
    /// The peer has closed its side.
    case endOfFile
    /// Nothing now; an event will tell.
    case wouldBlock
    /// The connection is broken, with its errno.
    case failed(Int32)
}

/// A connected socket with its outgoing queue.
///
/// Edge-triggered: the kernel tells once that there is something, and the channel remembers it in `canRead` and
/// `canWrite` until a call finds the opposite. Back-pressure is then simply not reading: no system call is spent
/// on changing what is watched.
///
/// `@unchecked Sendable` because: confined to its loop, like its base class.
open class StreamChannel: Channel, @unchecked Sendable {
    /// True when a read may bring something.
    package final private(set) var canRead = false
    /// True when a write may take something.
    package final private(set) var canWrite = false
    /// The peer has closed its sending side; end of file follows what is still to be read.
    package final private(set) var sawPeerClose = false
    /// The errno of a failed write, after which nothing more is sent.
    package final private(set) var writeError: Int32?
    private var output = ByteQueue()
    /// TLS, where the channel speaks it. It is never taken away by an end: nothing must go out in clear text then.
    private var session: (any SecureSession)?
    /// A read waits for the socket to take something.
    private var readAwaitsWriting = false
    /// The end of what is sent waits for the socket to take the session's word of it.
    private var endAwaitsWriting = false
    /// The session has taken bytes of the queue that it could not send.
    private var sessionHolds = false
    /// Why the session ended or never came to be.
    package final private(set) var securityFailure: SecurityFailure?
    /// Bytes received and sent so far.
    package final private(set) var bytesReceived: UInt64 = 0
    package final private(set) var bytesSent: UInt64 = 0

    /// Takes over the descriptor `raw` of a connected or connecting socket.
    public override init(loop: EventLoop, owning raw: Int32) { super.init(loop: loop, owning: raw) }

    /// Bytes that wait for room in the socket.
    package final var outputCount: Int { output.count }

    /// Bytes of memory that they take.
    package final var outputCapacity: Int { output.capacity }

    /// Notes what epoll says. Subclasses call this first in `receivedEvent`.
    package final func note(_ readiness: Readiness) {
        if readiness.contains(.readable) { canRead = true }
        if readiness.contains(.writable) {
            canWrite = true
            if readAwaitsWriting { canRead = true }
            readAwaitsWriting = false
            if endAwaitsWriting { shutdownWrite() }
        }
        if !readiness.isDisjoint(with: [.peerClosed, .failed]) { sawPeerClose = true }
    }

    /// Reads at most what `buffer` holds.
    package final func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        if let session { return receive(from: session, into: buffer) }
        let count = cposix_receive(raw, buffer.baseAddress, buffer.count)
        if count > 0 {
            // A short read has emptied the socket; only a close seen before it has still to be read.
            if count < buffer.count, !sawPeerClose { canRead = false }
            bytesReceived += UInt64(count)
            return .bytes(count)
        }
        if count == 0 {
            sawPeerClose = true
            canRead = false
            return .endOfFile
        }
        canRead = false
        return -count == Int(EAGAIN) ? .wouldBlock : .failed(Int32(-count))
    }

    /// Reads what is there and leaves it to be read again; the next event tells of more.
    package final func peek(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        let count = cposix_peek(raw, buffer.baseAddress, buffer.count)
        if count > 0 { return .bytes(count) }
        if count == 0 { return .endOfFile }
        return -count == Int(EAGAIN) ? .wouldBlock : .failed(Int32(-count))
    }

    /// Where an answer or request is put together before `flush`.
    package final func withOutput(_ body: (inout [UInt8]) -> Void) { output.append(body, loop.buffers) }

    /// Queues what `body` puts together.
    package final func compose(_ body: (inout ByteBuffer) -> Void) {
        loop.draft.removeAll()
        body(&loop.draft)
        loop.draft.withBytes { output.append($0, loop.buffers) }
    }

    /// Queues `bytes`; large ones are sent right away together with what waits.
    package final func write(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, writeError == nil else { return }
        if let session { return write(bytes, through: session) }
        guard canWrite, bytes.count >= 8192 else { return output.append(bytes, loop.buffers) }
        let sent = output.withBytes { first in
            cposix_send2(raw, first.baseAddress, first.count, bytes.baseAddress, bytes.count)
        }
        let total = output.count + bytes.count
        guard let taken = accept(sent, of: total) else { return }
        let fromQueue = min(taken, output.count)
        output.consume(fromQueue, loop.buffers)
        let rest = taken - fromQueue
        if rest < bytes.count {
            output.append(UnsafeRawBufferPointer(rebasing: bytes[rest...]), loop.buffers)
        }
    }

    /// Sends what the socket takes. Returns true when nothing is left.
    @discardableResult
    package final func flush() -> Bool {
        if let session { return flush(through: session) }
        while output.count > 0, canWrite, writeError == nil {
            let sent = output.withBytes { cposix_send(raw, $0.baseAddress, $0.count) }
            guard let taken = accept(sent, of: output.count) else { break }
            output.consume(taken, loop.buffers)
        }
        return output.count == 0
    }

    /// Takes back what was queued behind the first `total` bytes ever queued. Returns false where some of it has left, or
    /// lies encrypted already.
    package final func retractOutput(behind total: UInt64) -> Bool {
        guard bytesSent <= total, !sessionHolds, total - bytesSent <= UInt64(output.count) else {
            return false
        }
        output.truncate(to: Int(total - bytesSent), loop.buffers)
        return true
    }

    /// How many of the bytes sent the peer's system has taken: the socket holds the others still. It tells of a slow reader
    /// what events do not, since a socket takes no more until a third of what it holds is gone. With TLS, what is held
    /// counts as long as it is encrypted, so that it may say somewhat too little.
    package final var bytesTaken: UInt64 {
        let held = UInt64(max(0, cposix_unacknowledged(raw)))
        return bytesSent - min(bytesSent, held)
    }

    /// Throws away what has not been sent.
    package final func discardOutput() { output.consume(output.count, loop.buffers) }

    /// Tells the peer that nothing more comes, while still reading.
    package final func shutdownWrite() {
        // Without that word the end would look like a connection that broke off (RFC 8446 §6.1).
        endAwaitsWriting = session?.sendEnd() == false
        if endAwaitsWriting { canWrite = false } else { _ = cposix_shutdown_write(raw) }
    }

    /// The address of this end; nil when the system does not say.
    package final var localAddress: SocketAddress? {
        var system = cposix_address()
        return cposix_local_address(raw, &system) < 0 ? nil : SocketAddress(system)
    }

    /// The error that a connect ended with, 0 for success.
    package final func connectError() -> Int32 { -cposix_socket_error(raw) }

    /// Whether the peer has closed or spoken out of turn since the last event.
    package final var isStale: Bool {
        guard session != nil else { return cposix_is_stale(raw) != 0 }
        return !isQuiet()
    }

    private func accept(_ sent: Int, of total: Int) -> Int? {
        guard sent < 0 else {
            if sent < total { canWrite = false }
            bytesSent += UInt64(sent)
            return sent
        }
        canWrite = false
        if -sent != Int(EAGAIN) {
            writeError = Int32(-sent)
            output.consume(output.count, loop.buffers)
            return nil
        }
        return 0
    }

    // MARK: TLS

    /// Puts TLS between the socket and everything read and written from now on.
    package final func secure(with session: any SecureSession) { self.session = session }

    /// Speaks clear text again: only for telling a peer so that spoke clear text itself.
    package final func dropSecurity() {
        session?.end()
        session = nil
    }

    /// Whether TLS is spoken, or about to be.
    package final var isSecure: Bool { session != nil }

    /// What the handshake has agreed on; nil before it is complete, and without TLS.
    package final var secureConnection: SecureConnection? { session?.connection }

    /// Goes on with the handshake. `bytes(0)` says that it is complete.
    package final func advanceHandshake() -> ReadOutcome {
        guard let session else { return .bytes(0) }
        return outcome(of: session.handshake())
    }

    /// Whether the peer has said nothing that is meant for a reader. With TLS that takes reading: a server sends
    /// tickets when it likes (RFC 8446 §4.6.1).
    package final func isQuiet() -> Bool {
        guard let session else { return !canRead }
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &byte) {
            outcome(of: session.receive(into: $0, peeking: true)) == .wouldBlock
        }
    }

    /// Whether nothing has come that nobody has read. The system is asked where that is not known; from then on an event
    /// tells of whatever comes.
    package final func confirmQuiet() -> Bool {
        if let session {
            guard canRead || session.hasUnread else { return true }
            return isQuiet() && !canRead
        }
        guard canRead else { return true }
        guard cposix_is_stale(raw) == 0 else { return false }
        canRead = false
        return true
    }

    /// Ends the session before the socket goes.
    public final override func descriptorCloses(aborting: Bool) {
        if !aborting { session?.sendEnd() }
        session?.end()
    }

    private func receive(
        from session: any SecureSession, into buffer: UnsafeMutableRawBufferPointer
    ) -> ReadOutcome {
        let wasSecured = session.connection != nil
        let outcome = outcome(of: session.receive(into: buffer, peeking: false))
        if case .bytes(let count) = outcome { bytesReceived += UInt64(count) }
        if !wasSecured, session.connection != nil { channelSecured() }
        return outcome
    }

    private func outcome(of step: SecureStep) -> ReadOutcome {
        switch step {
        case .done(let count): return .bytes(count)
        case .awaitsReading(let socketIsEmpty):
            canRead = !socketIsEmpty
            return .wouldBlock
        case .awaitsWriting:
            canRead = false
            canWrite = false
            readAwaitsWriting = true
            return .wouldBlock
        case .endOfFile:
            sawPeerClose = true
            canRead = false
            return .endOfFile
        case .failed(let failure):
            canRead = false
            securityFailure = failure
            if case .system(let code) = failure { return .failed(code) }
            return .failed(EPROTO)
        }
    }

    /// Small pieces are gathered, since each send is a record of its own; large ones go at once.
    private func write(_ bytes: UnsafeRawBufferPointer, through session: any SecureSession) {
        output.append(bytes, loop.buffers)
        if output.count >= 8192 { flush(through: session) }
    }

    @discardableResult
    private func flush(through session: any SecureSession) -> Bool {
        while output.count > 0, canWrite, writeError == nil {
            switch output.withBytes({ session.send($0) }) {
            case .done(let count):
                sessionHolds = false
                bytesSent += UInt64(count)
                output.consume(count, loop.buffers)
            case .awaitsWriting:
                sessionHolds = true
                canWrite = false
            case .awaitsReading:
                sessionHolds = true
                return false
            case .endOfFile: failOutput(EPIPE)
            case .failed(let failure):
                securityFailure = failure
                failOutput(EPIPE)
            }
        }
        return output.count == 0
    }

    private func failOutput(_ code: Int32) {
        canWrite = false
        writeError = code
        output.consume(output.count, loop.buffers)
    }

    /// The handshake is complete. For subclasses.
    open func channelSecured() {}
}
