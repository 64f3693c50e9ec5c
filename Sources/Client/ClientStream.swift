import CPosix
import Glibc
import Transport

/// A connection of a client whose thread waits: bytes in clear text or through TLS.
///
/// Not `Sendable`: it belongs to one thread at a time. Only its interruption may come from another.
final class ClientStream {
    private let socket: Int32
    private let session: (any SecureSession)?
    private let interruption: Interruption

    /// Connects, and shakes hands where there is a maker of sessions, by `deadline`.
    init(
        to endpoint: Endpoint, security: (any SessionMaker)?, by deadline: ContinuousClock.Instant,
        _ interruption: Interruption
    ) throws(ClientError) {
        self.interruption = interruption
        socket = try Self.connect(to: endpoint, by: deadline, interruption)
        session = security?.makeSession(over: socket)
        guard security != nil else { return }
        do throws(ClientError) { try shakeHands(by: deadline) } catch {
            close()
            throw error
        }
    }

    /// Ends the connection; nothing may follow.
    func close() {
        session?.sendEnd()
        session?.end()
        Self.close(socket, interruption)
    }

    private static func close(_ socket: Int32, _ interruption: Interruption) {
        interruption.forget()
        cposix_close(socket)
    }

    /// Whether the server has closed meanwhile, or speaks without being asked.
    var isStale: Bool {
        guard let session else { return cposix_is_stale(socket) != 0 }
        var byte: UInt8 = 0
        let step = withUnsafeMutableBytes(of: &byte) { session.receive(into: $0, peeking: true) }
        if case .awaitsReading = step { return false }
        return true
    }

    /// Sends the bytes; false when the server takes no more of them, as one that refuses a request early does: its answer
    /// may have come all the same.
    func write(_ bytes: [UInt8], by deadline: ContinuousClock.Instant) throws(ClientError) -> Bool {
        var sent = 0
        while sent < bytes.count {
            switch send(bytes.span.extracting(sent...)) {
            case .done(let count): sent += count
            case .awaitsReading: try wait(for: POLLIN, by: deadline)
            case .awaitsWriting: try wait(for: POLLOUT, by: deadline)
            case .endOfFile, .failed: return false
            }
        }
        return true
    }

    private func send(_ bytes: Span<UInt8>) -> SecureStep {
        bytes.withUnsafeBytes { bytes in
            if let session { return session.send(bytes) }
            let count = cposix_send(socket, bytes.baseAddress, bytes.count)
            if count >= 0 { return .done(count) }
            return -count == Int(EAGAIN) ? .awaitsWriting : .failed(.system(Int32(-count)))
        }
    }

    /// Appends what has come; false at the end of the stream. **Throws** as `isFirst` says, whether the answer has begun.
    func receive(
        into received: inout [UInt8], isFirst: Bool, by deadline: ContinuousClock.Instant
    ) throws(ClientError) -> Bool {
        while true {
            switch receive(&received) {
            case .done: return true
            case .awaitsReading: try wait(for: POLLIN, by: deadline)
            case .awaitsWriting: try wait(for: POLLOUT, by: deadline)
            case .endOfFile where !isFirst: return false
            case .endOfFile, .failed: throw isFirst ? .closedBeforeAnswer : .closedInAnswer
            }
        }
    }

    private func receive(_ received: inout [UInt8]) -> SecureStep {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            let step = session?.receive(into: buffer, peeking: false) ?? receive(into: buffer)
            if case .done(let count) = step { received.append(contentsOf: buffer.prefix(count)) }
            return step
        }
    }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) -> SecureStep {
        let count = cposix_receive(socket, buffer.baseAddress, buffer.count)
        if count > 0 { return .done(count) }
        if count == 0 { return .endOfFile }
        return -count == Int(EAGAIN) ? .awaitsReading(socketIsEmpty: true) : .failed(.system(Int32(-count)))
    }

    // MARK: Connecting

    /// The most addresses of a name that are tried: `localhost` alone often has two.
    private static let addressesMax = 8

    private static func connect(
        to endpoint: Endpoint, by deadline: ContinuousClock.Instant, _ interruption: Interruption
    ) throws(ClientError) -> Int32 {
        var last = ClientError.unresolved(endpoint.host)
        for address in addresses(of: endpoint) {
            do throws(ClientError) {
                return try connect(to: address, by: deadline, interruption)
            } catch {
                guard case .connectFailed = error else { throw error }
                last = error
            }
        }
        throw last
    }

    private static func addresses(of endpoint: Endpoint) -> [cposix_address] {
        var address = cposix_address()
        if cposix_address_parse(endpoint.host, endpoint.port, &address) == 0 { return [address] }
        var found = [cposix_address](repeating: cposix_address(), count: addressesMax)
        let count = cposix_resolve(endpoint.host, endpoint.port, &found, Int32(found.count))
        return Array(found.prefix(Int(max(0, count))))
    }

    private static func connect(
        to address: cposix_address, by deadline: ContinuousClock.Instant, _ interruption: Interruption
    ) throws(ClientError) -> Int32 {
        var address = address
        let socket = cposix_connect(&address)
        guard socket >= 0 else { throw .connectFailed(errno: -socket) }
        do throws(ClientError) {
            guard interruption.note(socket) else { throw .interrupted }
            try wait(socket, for: POLLOUT, by: deadline, interruption)
            let error = cposix_socket_error(socket)
            guard error == 0 else { throw .connectFailed(errno: -error) }
        } catch {
            close(socket, interruption)
            throw error
        }
        return socket
    }

    private func shakeHands(by deadline: ContinuousClock.Instant) throws(ClientError) {
        guard let session else { throw .handshakeFailed(.unusable) }
        while true {
            switch session.handshake() {
            case .done: return
            case .awaitsReading: try wait(for: POLLIN, by: deadline)
            case .awaitsWriting: try wait(for: POLLOUT, by: deadline)
            case .endOfFile: throw .handshakeFailed(.truncated)
            case .failed(let failure): throw .handshakeFailed(failure)
            }
        }
    }

    // MARK: Waiting

    private func wait(for events: Int32, by deadline: ContinuousClock.Instant) throws(ClientError) {
        try Self.wait(socket, for: events, by: deadline, interruption)
    }

    private static func wait(
        _ socket: Int32, for events: Int32, by deadline: ContinuousClock.Instant, _ interruption: Interruption
    ) throws(ClientError) {
        while true {
            guard !interruption.isRaised else { throw .interrupted }
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw .timeout }
            let (seconds, attoseconds) = left.components
            let milliseconds = min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000 + 1
            var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(milliseconds))
            guard !interruption.isRaised else { throw .interrupted }
            if count > 0 { return }
        }
    }
}
