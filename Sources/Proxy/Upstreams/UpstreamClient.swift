import HTTPWire
import Transport

/// Who a request to an upstream is made for: a client connection that streams, or a collector.
/// **Runs on** the loop of both.
protocol UpstreamClient: AnyObject {
    /// False while the other side has not taken what it was given.
    var allowsUpstreamReading: Bool { get }
    /// Whose requests they are, where the upstream is told by a PROXY header.
    var origin: ConnectionOrigin? { get }
    /// A connection is there; the request is to be written now.
    func upstreamReady(_ upstream: UpstreamConnection)
    /// Everything written so far has been sent.
    func upstreamWritable()
    /// An interim answer, which another head follows.
    func upstreamInterim(_ head: ResponseHead)
    /// The head of the answer is in the connection's parser.
    func upstreamHead(_ upstream: UpstreamConnection)
    /// A piece of the answer's body, valid during the call.
    func upstreamBody(_ bytes: UnsafeRawBufferPointer)
    /// What was read has been told; a good time to send.
    func upstreamPaused()
    /// The upstream has switched protocols. Returns the tunnel that takes both connections over, or nil when that was not
    /// asked for so.
    func upstreamSwitched(_ upstream: UpstreamConnection) -> Tunnel?
    /// The answer is complete.
    func upstreamEnd(_ upstream: UpstreamConnection)
    /// There will be no (more) answer.
    func upstreamFailed(_ error: UpstreamError, reused: Bool)
}

extension UpstreamClient {
    func upstreamSwitched(_ upstream: UpstreamConnection) -> Tunnel? { nil }
}

/// A request in the queue for a connection.
final class UpstreamWaiter {
    private(set) var client: (any UpstreamClient)?
    /// Whether only a connection that has served nobody will do.
    let needsFresh: Bool
    /// Whose connection it has to be.
    let origin: ConnectionOrigin?
    /// A connection of that origin is being made.
    var isServed = false
    /// When it began to wait.
    let since: MonotonicTime
    var timer: LoopTimer?

    init(client: any UpstreamClient, needsFresh: Bool, since: MonotonicTime) {
        self.since = since
        origin = client.origin
        self.client = client
        self.needsFresh = needsFresh
    }

    /// Whether its client still waits.
    var isAwaited: Bool { client != nil }

    /// The client, which stops waiting.
    func take() -> (any UpstreamClient)? {
        defer { client = nil }
        return client
    }
}
