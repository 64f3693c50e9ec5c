import HTTPWire
import Transport

/// Sends a request that is whole and puts the answer together, within bounds. **Runs on** one loop.
final class ForwardTask: UpstreamClient {
    /// How much of the body is handed to the socket's queue at a time. **Units**: bytes.
    private static let pieceBytes = 256 << 10

    private let request: ForwardRequest
    private let rewriter: RequestRewriter
    private let loop: EventLoop
    /// What becomes of interim answers.
    private let interim: (ResponseHead) -> Void
    private let completion: (Result<CollectedResponse, UpstreamError>) -> Void
    private let started: MonotonicTime
    private var connection: UpstreamConnection?
    private var waiter: UpstreamWaiter?
    private var sent = 0
    private var head: ResponseHead?
    private var firstByte: MonotonicTime?
    private var answer: [UInt8] = []
    /// Told how much memory the answer takes whenever that has grown; false when there is none and nobody waits any more.
    var grew: ((Int) -> Bool)?
    private(set) var attempts = Attempts()
    private var timer: LoopTimer?
    private var isDone = false

    init(
        request: ForwardRequest, rewriter: RequestRewriter, loop: EventLoop,
        interim: @escaping (ResponseHead) -> Void,
        completion: @escaping (Result<CollectedResponse, UpstreamError>) -> Void
    ) {
        self.request = request
        self.rewriter = rewriter
        self.loop = loop
        self.interim = interim
        self.completion = completion
        started = loop.now
    }

    var origin: ConnectionOrigin? { request.origin }

    /// The memory of bytes between here and the upstream.
    var bufferCapacity: Int { connection?.bufferCapacity ?? 0 }

    /// The request's time is over: see `UpstreamConnection.noteSilence`.
    func noteSilence() { connection?.noteSilence(of: started) }

    func start() {
        if let total = request.upstream.settings.totalTimeout { limit(to: total) }
        guard let server = attempts.begin(request.upstream, on: loop, key: request.clientKey) else {
            return upstreamFailed(
                UpstreamError(.noServer, upstream: request.upstream.settings.name), reused: false)
        }
        acquire(server, fresh: false)
    }

    /// Nobody wants the answer any more.
    func cancel() {
        isDone = true
        release()
    }

    /// Lets go of the connection or the place in the queue, and of the timer.
    private func release() {
        if let timer { loop.remove(timer) }
        timer = nil
        if let waiter { attempts.server?.pool(on: loop).cancel(waiter) }
        waiter = nil
        let upstream = connection
        connection = nil
        upstream?.cancel()
    }

    private func limit(to total: Duration) {
        let timer = LoopTimer { [unowned self] in
            noteSilence()
            finish(.failure(UpstreamError(.requestTimeout, upstream: request.upstream.settings.name)))
        }
        self.timer = timer
        loop.arm(timer, at: loop.now.advanced(by: total))
    }

    private func acquire(_ server: UpstreamServer, fresh: Bool) {
        let pool = server.pool(on: loop)
        switch pool.acquire(for: self, fresh: fresh, verifying: !mayRepeat) {
        case .connection(let connection): upstreamReady(connection)
        // It may have failed already, and the request wait elsewhere.
        case .waiting(let waiter): if waiter.isAwaited { self.waiter = waiter }
        case .failed(let error): upstreamFailed(error, reused: false)
        }
    }

    private func finish(_ result: Result<CollectedResponse, UpstreamError>) {
        guard !isDone else { return }
        isDone = true
        release()
        completion(result)
    }

    // MARK: The request

    func upstreamReady(_ upstream: UpstreamConnection) {
        waiter = nil
        guard !isDone else { return upstream.cancel() }
        connection = upstream
        sent = 0
        upstream.beginRequest(request.head.method)
        let hasBody = !request.body.isEmpty || request.head.framing != .none
        let framing = hasBody ? BodyFraming.length(UInt64(request.body.count)) : .none
        let server = upstream.pool.server
        upstream.compose { rewriter.append(request.head, framing: framing, for: server, to: &$0) }
        sendMore()
    }

    func upstreamWritable() { sendMore() }

    /// The body is whole in memory already: only what the socket takes is queued, not a second copy of it.
    private func sendMore() {
        guard let connection, sent < request.body.count || request.body.isEmpty else { return }
        while sent < request.body.count {
            let end = min(request.body.count, sent + Self.pieceBytes)
            request.body.withUnsafeBytes {
                connection.write(UnsafeRawBufferPointer(rebasing: $0[sent..<end]))
            }
            sent = end
            if connection.outputCount > 0, sent < request.body.count {
                connection.sendNow()
                if connection.outputCount > 0 { return }
            }
        }
        connection.endRequest()
    }

    // MARK: The answer

    var allowsUpstreamReading: Bool { true }

    func upstreamInterim(_ head: ResponseHead) { if !isDone { interim(head) } }

    func upstreamHead(_ upstream: UpstreamConnection) {
        if request.upstream.retriesAnswers, triesElsewhere(upstream) { return }
        firstByte = loop.now
        head = upstream.parser.head
        guard case .length(let count) = upstream.parser.head.framing else { return }
        guard count <= UInt64(max(0, request.answerBytesMax)) else { return tooLarge() }
        answer.reserveCapacity(Int(count))
        _ = grew?(answer.capacity)
    }

    func upstreamBody(_ bytes: UnsafeRawBufferPointer) {
        guard answer.count + bytes.count <= request.answerBytesMax else { return tooLarge() }
        let capacity = answer.capacity
        answer.append(contentsOf: bytes)
        if answer.capacity > capacity { _ = grew?(answer.capacity) }
    }

    private func tooLarge() {
        let name = request.upstream.settings.name
        finish(.failure(UpstreamError(.answerTooLarge(request.answerBytesMax), upstream: name)))
    }

    func upstreamPaused() {}

    func upstreamEnd(_ upstream: UpstreamConnection) {
        connection = nil
        guard let head, let firstByte else { return }
        finish(
            .success(
                CollectedResponse(
                    head: head, body: answer, firstByteLatency: firstByte.duration(since: started),
                    latency: loop.now.duration(since: started))))
    }

    // MARK: Failure

    func upstreamFailed(_ error: UpstreamError, reused: Bool) {
        connection = nil
        waiter = nil
        guard !isDone else { return }
        let next = attempts.next(
            request.upstream, after: error, reused: reused, facts, on: loop, key: request.clientKey)
        guard let next else { return finish(.failure(error)) }
        take(next)
    }

    private var facts: Attempts.Request {
        Attempts.Request(isIdempotent: request.head.method.isIdempotent, isReplayable: true)
    }

    /// Whether the answer that begins is not taken, and another server is asked for one.
    private func triesElsewhere(_ upstream: UpstreamConnection) -> Bool {
        let status = upstream.parser.head.status
        let next = attempts.next(
            request.upstream, answered: status, facts, on: loop, key: request.clientKey)
        guard let next else { return false }
        connection = nil
        upstream.declineAnswer()
        take(next)
        return true
    }

    private func take(_ next: Attempts.Next) {
        switch next {
        case .again(let server): acquire(server, fresh: true)
        case .other(let server): acquire(server, fresh: false)
        }
    }

    private var mayRepeat: Bool { request.upstream.mayRepeat(request.head.method) }
}
