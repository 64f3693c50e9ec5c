import HTTPWire
import Transport

/// One request and the duty to answer it.
///
/// The handler keeps it for as long as it means to answer. When the last reference goes and nothing has been
/// answered, streamed or asked for, the client gets a 500 and the outcome says `forgotten`: a bug in a handler
/// must not hang a client.
///
/// `@unchecked Sendable` because: it may be carried to another queue and back, but everything it does is
/// confined to its loop, which debug builds check.
package final class Exchange: @unchecked Sendable {
    /// The request. What a handler changes here is what is forwarded. A handler that answers or streams at once reads it
    /// where it was parsed; only one that keeps the exchange, or changes the request, gets a copy.
    package var request: RequestHead {
        get { own?.head ?? connection.parser.head }
        _modify { yield &copy.head }
    }

    /// A copy of the request.
    final class Copy {
        var head: RequestHead
        init(_ head: RequestHead) { self.head = head }
    }
    private var own: Copy?

    /// The request's method.
    package var method: Method { own?.head.method ?? connection.parser.head.method }

    /// The request's target.
    package var target: RequestTarget { own?.head.target ?? connection.parser.head.target }

    /// The path in the form in which routes are matched.
    package var routePath: RoutePath { own?.head.target.routePath ?? connection.parser.head.target.routePath }

    /// Whether the request may have a `traceparent` or `tracestate`.
    package var carriesTrace: Bool { own?.head.carriesTrace ?? connection.parser.head.carriesTrace }

    /// As sent to the client and upstream.
    package private(set) var requestID = RequestID(prefix: 0, counter: 0)
    /// Nil while it rests, which nobody sees who has it.
    private var connection: ServerConnection!
    private var serial: UInt64 = 0

    /// One at rest.
    init() {}

    /// Becomes the duty to answer the connection's present request.
    func begin(requestID: RequestID, connection: ServerConnection, serial: UInt64) {
        self.requestID = requestID
        self.connection = connection
        self.serial = serial
        isSettled = false
    }

    /// Waits for another request, when nobody else has it and all is answered: most are over before the handler returns.
    func rest() {
        connection = nil
        own = nil
        clientKey = nil
    }

    deinit {
        guard !isSettled, let connection else { return }
        let serial = serial
        connection.loop.execute { @Sendable in connection.exchangeForgotten(serial) }
    }

    private(set) var isSettled = true

    /// Copies the request out of the connection, before the next one takes its place.
    func keepRequest() { _ = copy }

    private var copy: Copy {
        if let own { return own }
        let made = Copy(connection.parser.head)
        own = made
        return made
    }

    /// The loop that everything of the exchange runs on; `loop.execute` is the way back from other queues.
    package var loop: EventLoop { connection.loop }

    /// The address of the client's end of the connection.
    package var peer: SocketAddress { connection.peer }

    /// What TLS has agreed on with the client, and the certificate it has shown; nil in clear text.
    package var security: SecureConnection? { connection.secureConnection }

    /// Whose request it is: the peer, or who a trusted proxy says it is. Fields are read anew at each call.
    package var client: SocketAddress { connection.client }

    /// Whether somebody still waits for an answer. **Runs on** the loop.
    package var isAwaited: Bool { connection.isAwaiting(serial) }

    /// Called once on the loop when nobody waits for the answer any more before the handler has given one.
    package func onCancel(_ hook: @escaping (CancelReason) -> Void) {
        loop.assertOnLoop()
        connection.setCancelHook(hook, serial)
    }

    /// Keeps something of the handler's own for `finished`. **Runs on** the loop.
    package func attach(_ note: any Sendable) {
        loop.assertOnLoop()
        connection.attach(note, serial)
    }

    /// Marks the exchange with a number for its outcome, which costs less than a note. **Runs on** the loop.
    package func mark(_ mark: Int) { connection.mark(mark, serial) }

    /// Keeps the request's place in a trace for the upstream and for its outcome. **Runs on** the loop.
    package func attach(trace: TraceParent) { connection.attach(trace: trace, serial) }

    /// A number that differs from all others, but is no secret. **Runs on** the loop.
    package func nextID() -> UInt64 { connection.shard.nextID() }

    /// The name of the listener that the request came in at.
    package var listener: String { connection.source.name }

    /// What holds for the request now.
    package var limits: ProxyLimits { connection.limits }

    /// Holds the request to these limits from here on: those of its route instead of its listener's. Bounds over all
    /// connections and on heads are not among what changes. **Runs on** the loop.
    package func limit(to set: LimitSet) { connection.limit(to: set, serial) }

    /// Answers. Later answers, and answers nobody awaits, are ignored. **Runs on** the loop.
    package func respond(_ response: Response) {
        loop.assertOnLoop()
        isSettled = true
        connection.respond(response, serial)
    }

    /// Answers with a problem document that names the request. **Runs on** the loop.
    package func respond(_ problem: ProblemDocument) {
        respond(Response(problem, requestID))
    }

    /// The number by which an upstream that hashes knows the client; nil for one made from the client's address.
    package var clientKey: UInt64?

    /// Passes the request on and the answer back, neither ever held whole; the proxy answers 502, 503 or 504 when
    /// the upstream fails. `options` say what else the request may do; `shaper` may give the answer's body another form. **Runs on** the loop.
    package func stream(
        to upstream: Upstream, options: StreamOptions = [], shaper: (any AnswerShaper)? = nil
    ) {
        loop.assertOnLoop()
        isSettled = true
        connection.stream(
            own, to: upstream, clientKey: clientKey, options: options, shaper: shaper, serial)
    }

    /// Reads the whole body and gives it to `completion`, on the loop. When it is larger than `bytesMax`, malformed
    /// or too slow, the proxy answers by itself, and the cancel hook is called instead. **Runs on** the loop.
    package func collectBody(bytesMax: Int, _ completion: @escaping ([UInt8]) -> Void) {
        loop.assertOnLoop()
        connection.collectBody(bytesMax: bytesMax, serial, completion)
    }

    /// Counts the memory that the handler holds for the request by now, its body in all its forms, instead of the body that it
    /// was given: `limits.buffer_bytes` bounds it. Returns false when nobody waits for an answer any more, as when the request
    /// has just been shed for want of memory. **Runs on** the loop.
    package func hold(bytes: Int) -> Bool {
        loop.assertOnLoop()
        return connection.hold(bytes: bytes, serial)
    }

    /// Sends the request with this body and collects the answer, on the loop. Call it after `collectBody`; the
    /// completion is not called once the exchange is cancelled. **Runs on** the loop.
    package func forward(
        body: [UInt8], to upstream: Upstream, answerBytesMax: Int,
        _ completion: @escaping (Result<CollectedResponse, UpstreamError>) -> Void
    ) {
        loop.assertOnLoop()
        connection.forward(
            ForwardRequest(
                head: request, body: body, upstream: upstream, answerBytesMax: answerBytesMax,
                clientKey: upstream.isHashed ? clientKey ?? Rendezvous.key(client) : 0),
            serial, completion)
    }
}

/// What `forward` sends.
struct ForwardRequest {
    let head: RequestHead
    let body: [UInt8]
    let upstream: Upstream
    let answerBytesMax: Int
    /// The client's number where the upstream hashes.
    let clientKey: UInt64
    /// Whose it is, where the upstream is told by a PROXY header.
    var origin: ConnectionOrigin?
}

extension Response {
    /// A problem document with the request's identifier as its instance.
    package init(_ problem: ProblemDocument, _ requestID: RequestID) {
        var problem = problem
        problem.instance = requestID.text
        self.init(status: problem.status, contentType: ProblemDocument.mediaType, body: problem.json)
    }
}
