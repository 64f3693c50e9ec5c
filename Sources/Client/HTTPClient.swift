import CPosix
import Glibc
import HTTPWire
import Transport

/// A blocking HTTP/1.1 client over one kept-alive connection: for the control plane, where a thread may wait.
///
/// Plain HTTP alone. Not `Sendable`: a client belongs to one thread at a time.
package final class HTTPClient {
    private let endpoint: Endpoint
    private let limits: WireLimits
    /// The longest a request may take from connecting to the last byte of its answer.
    private let timeout: Duration
    private var descriptor: Int32?
    private var parser: ResponseParser
    private var received: [UInt8] = []
    private var deadline = ContinuousClock.now

    /// A client of `endpoint` that has not connected yet. `answerBytesMax` bounds an answer's body.
    package init(_ endpoint: Endpoint, timeout: Duration = .seconds(30), answerBytesMax: Int = 64 << 20) {
        self.endpoint = endpoint
        self.timeout = timeout
        var limits = WireLimits()
        limits.bodyBytesMax = UInt64(answerBytesMax)
        self.limits = limits
        parser = ResponseParser(limits: limits)
    }

    deinit { close() }

    /// Sends the request and waits for its whole answer.
    ///
    /// `Host` and the length are added. A kept-alive connection that turns out to be closed before a byte of the answer is
    /// replaced once, and only when the request is idempotent or `repeatable` says that sending it twice is harmless.
    package func send(
        _ method: Method, _ target: String, fields: HeaderList = HeaderList(), body: [UInt8] = [],
        repeatable: Bool = false
    ) throws(ClientError) -> ClientResponse {
        let bytes = try message(method, target, fields, body)
        deadline = ContinuousClock.now + timeout
        // Closed meanwhile, or speaking without being asked: nothing has been sent on it yet, so any request may do without.
        if let descriptor, cposix_is_stale(descriptor) != 0 { close() }
        let isReused = descriptor != nil
        do throws(ClientError) {
            return try attempt(bytes, method)
        } catch {
            guard isReused, error == .closedBeforeAnswer, method.isIdempotent || repeatable else {
                throw error
            }
            return try attempt(bytes, method)
        }
    }

    /// Sends and receives once. A connection that has failed is never used again.
    private func attempt(_ bytes: [UInt8], _ method: Method) throws(ClientError) -> ClientResponse {
        do throws(ClientError) {
            return try exchange(bytes, method)
        } catch {
            close()
            throw error
        }
    }

    /// Ends the connection; the next request makes a new one.
    package func close() {
        if let descriptor { cposix_close(descriptor) }
        descriptor = nil
        received.removeAll(keepingCapacity: true)
        parser = ResponseParser(limits: limits)
    }

    private func message(
        _ method: Method, _ target: String, _ fields: HeaderList, _ body: [UInt8]
    ) throws(ClientError) -> [UInt8] {
        do {
            var head = RequestHead(
                method: method, target: try RequestTarget(originForm: target), fields: fields)
            if !head.fields.contains("host") { try head.fields.add("Host", endpoint.description) }
            var bytes: [UInt8] = []
            let hasBody = !body.isEmpty || method == .post || method == .put
            WireWriter.append(head, framing: hasBody ? .length(UInt64(body.count)) : .none, to: &bytes)
            return bytes + body
        } catch {
            throw ClientError.badRequest("\(error)")
        }
    }

    private func exchange(_ bytes: [UInt8], _ method: Method) throws(ClientError) -> ClientResponse {
        if descriptor == nil { descriptor = try connect() }
        guard let socket = descriptor else { throw .closedBeforeAnswer }
        let begun = ContinuousClock.now
        let isWritten = try write(bytes, socket)
        parser.begin(method: method)
        var body: [UInt8] = []
        var head: ResponseHead?
        var consumed = 0
        while true {
            let step = parser.next(received.span.extracting(consumed...))
            switch step.event {
            case .needMoreBytes:
                received.removeFirst(consumed)
                consumed = 0
                let isFirst = head == nil && received.isEmpty
                if try !receive(socket, isFirst: isFirst) {
                    guard let head, case .completesMessage = parser.endOfInput(unconsumed: received.count)
                    else {
                        throw .closedInAnswer
                    }
                    return finish(head, body, begun, mayGoOn: false)
                }
                continue
            case .interimHead: break
            case .head: head = parser.head
            case .body(let range): body += received[consumed + range.lowerBound..<consumed + range.upperBound]
            case .end:
                received.removeFirst(consumed + step.consumed)
                guard let head else { throw .closedInAnswer }
                // Bytes that nobody asked for would be taken for the next answer.
                return finish(head, body, begun, mayGoOn: isWritten && received.isEmpty)
            case .failure(let error): throw .malformedAnswer(error)
            }
            consumed += step.consumed
        }
    }

    private func finish(
        _ head: ResponseHead, _ body: [UInt8], _ begun: ContinuousClock.Instant, mayGoOn: Bool
    ) -> ClientResponse {
        if !mayGoOn || !head.keepsAlive || head.framing == .tunnel { close() }
        return ClientResponse(
            status: head.status, fields: head.fields, body: body, latency: ContinuousClock.now - begun)
    }

    // MARK: The socket

    /// The most addresses of a name that are tried: `localhost` alone often has two.
    private static let addressesMax = 8

    private func connect() throws(ClientError) -> Int32 {
        var last = ClientError.unresolved(endpoint.host)
        for address in addresses() {
            do throws(ClientError) {
                return try connect(to: address)
            } catch {
                guard case .connectFailed = error else { throw error }
                last = error
            }
        }
        throw last
    }

    private func addresses() -> [cposix_address] {
        var address = cposix_address()
        if cposix_address_parse(endpoint.host, endpoint.port, &address) == 0 { return [address] }
        var found = [cposix_address](repeating: cposix_address(), count: Self.addressesMax)
        let count = cposix_resolve(endpoint.host, endpoint.port, &found, Int32(found.count))
        return Array(found.prefix(Int(max(0, count))))
    }

    private func connect(to address: cposix_address) throws(ClientError) -> Int32 {
        var address = address
        let socket = cposix_connect(&address)
        guard socket >= 0 else { throw .connectFailed(errno: -socket) }
        do throws(ClientError) {
            try wait(socket, for: POLLOUT)
            let error = cposix_socket_error(socket)
            guard error == 0 else { throw .connectFailed(errno: -error) }
        } catch {
            cposix_close(socket)
            throw error
        }
        return socket
    }

    /// Sends the bytes; false when the server takes no more of them, as one that refuses a request early does: its answer
    /// may have come all the same.
    private func write(_ bytes: [UInt8], _ socket: Int32) throws(ClientError) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = bytes.span.extracting(sent...)
            let count = rest.withUnsafeBytes { cposix_send(socket, $0.baseAddress, $0.count) }
            switch count {
            case -Int(EAGAIN): try wait(socket, for: POLLOUT)
            case ..<0: return false
            default: sent += count
            }
        }
        return true
    }

    /// Appends what has come; false at the end of the stream.
    private func receive(_ socket: Int32, isFirst: Bool) throws(ClientError) -> Bool {
        while true {
            let count = withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
                let count = cposix_receive(socket, buffer.baseAddress, buffer.count)
                if count > 0 { received.append(contentsOf: buffer.prefix(count)) }
                return count
            }
            switch count {
            case -Int(EAGAIN): try wait(socket, for: POLLIN)
            case ..<0 where isFirst, 0 where isFirst: throw .closedBeforeAnswer
            case ..<0: throw .closedInAnswer
            case 0: return false
            default: return true
            }
        }
    }

    private func wait(_ socket: Int32, for events: Int32) throws(ClientError) {
        while true {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw .timeout }
            let (seconds, attoseconds) = left.components
            let milliseconds = min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000 + 1
            var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(milliseconds))
            if count > 0 { return }
        }
    }
}
