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
    /// Bytes received and sent so far.
    package final private(set) var bytesReceived: UInt64 = 0
    package final private(set) var bytesSent: UInt64 = 0

    /// Takes over the descriptor `raw` of a connected or connecting socket.
    public override init(loop: EventLoop, owning raw: Int32) { super.init(loop: loop, owning: raw) }

    /// Bytes that wait for room in the socket.
    package final var outputCount: Int { output.count }

    /// Notes what epoll says. Subclasses call this first in `receivedEvent`.
    package final func note(_ readiness: Readiness) {
        if readiness.contains(.readable) { canRead = true }
        if readiness.contains(.writable) { canWrite = true }
        if !readiness.isDisjoint(with: [.peerClosed, .failed]) { sawPeerClose = true }
    }

    /// Reads at most what `buffer` holds.
    package final func receive(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
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

    /// Where an answer or request is put together before `flush`.
    package final func withOutput(_ body: (inout [UInt8]) -> Void) { output.append(body, loop.buffers) }

    /// Queues `bytes`; large ones are sent right away together with what waits.
    package final func write(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0, writeError == nil else { return }
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
        while output.count > 0, canWrite, writeError == nil {
            let sent = output.withBytes { cposix_send(raw, $0.baseAddress, $0.count) }
            guard let taken = accept(sent, of: output.count) else { break }
            output.consume(taken, loop.buffers)
        }
        return output.count == 0
    }

    /// Throws away what has not been sent.
    package final func discardOutput() { output.consume(output.count, loop.buffers) }

    /// Tells the peer that nothing more comes, while still reading.
    package final func shutdownWrite() { _ = cposix_shutdown_write(raw) }

    /// The error that a connect ended with, 0 for success.
    package final func connectError() -> Int32 { -cposix_socket_error(raw) }

    /// Whether the peer has closed or spoken out of turn since the last event.
    package final var isStale: Bool { cposix_is_stale(raw) != 0 }

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
}
