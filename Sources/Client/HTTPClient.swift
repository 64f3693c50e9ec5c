import HTTPWire
import Transport

/// A blocking HTTP/1.1 client over one kept-alive connection: for the control plane, where a thread may wait.
///
/// Not `Sendable`: a client belongs to one thread at a time.
package final class HTTPClient {
    private let endpoint: Endpoint
    private let limits: WireLimits
    /// The longest a request may take from connecting to the last byte of its answer.
    private let timeout: Duration
    private let security: (any SessionMaker)?
    /// Ends what another thread waits for here, and all that would follow.
    package let interruption = Interruption()
    private var stream: ClientStream?
    private var parser: ResponseParser
    private var received: [UInt8] = []
    private var deadline = ContinuousClock.now

    /// A client of `endpoint` that has not connected yet, and speaks TLS where `security` makes sessions for it.
    /// `answerBytesMax` bounds an answer's body.
    package init(
        _ endpoint: Endpoint, security: (any SessionMaker)? = nil, timeout: Duration = .seconds(30),
        answerBytesMax: Int = 64 << 20
    ) {
        self.endpoint = endpoint
        self.security = security
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
        if stream?.isStale == true { close() }
        let isReused = stream != nil
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
            // Whoever gave up sees the connection end, and not why.
            throw interruption.isRaised ? .interrupted : error
        }
    }

    /// Ends the connection; the next request makes a new one.
    package func close() {
        stream?.close()
        stream = nil
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
        let stream = try connected()
        let begun = ContinuousClock.now
        let isWritten = try stream.write(bytes, by: deadline)
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
                if try !stream.receive(into: &received, isFirst: isFirst, by: deadline) {
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

    private func connected() throws(ClientError) -> ClientStream {
        if let stream { return stream }
        let made = try ClientStream(to: endpoint, security: security, by: deadline, interruption)
        stream = made
        return made
    }
}
