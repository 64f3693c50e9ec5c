import HTTPWire
import Transport

/// A client's and an upstream's connection after a 101: bytes pass both ways, in order and unread, until both have ended.
///
/// Each side is read only while the other has taken most of what it was given, so that neither can make the proxy hold
/// more than a bound. A side that ends is told to the other when that has got everything; the other may go on. **Runs
/// on** the loop of both.
final class Tunnel {
    private let client: ServerConnection
    private let upstream: UpstreamConnection
    private let idleTimeout: Duration
    private let pressureBytes: Int
    private var fromClient = Way()
    private var fromUpstream = Way()
    private var timer: LoopTimer?
    private var moved: UInt64 = 0
    private var isOver = false

    /// One direction.
    private struct Way {
        var bytes = 0
        /// The sender has ended.
        var isEnded = false
        /// The receiver has been told.
        var isEndTold = false
    }

    init(client: ServerConnection, upstream: UpstreamConnection, limits: ProxyLimits) {
        self.client = client
        self.upstream = upstream
        idleTimeout = limits.tunnelIdleTimeout
        pressureBytes = limits.pressureBytes
        let timer = LoopTimer { [unowned self] in end(.cut(.timeout)) }
        self.timer = timer
        client.loop.arm(timer, at: client.loop.now.advanced(by: idleTimeout))
    }

    /// Bytes that had come from the client before the tunnel was one.
    func takeEarly(fromClient bytes: [UInt8]) {
        fromClient.bytes += bytes.count
        bytes.withUnsafeBytes { upstream.write($0) }
    }

    /// Bytes that came from the upstream in one piece with its 101.
    func takeEarly(fromUpstream bytes: UnsafeRawBufferPointer) {
        fromUpstream.bytes += bytes.count
        client.write(bytes)
    }

    /// The memory of what waits for the upstream; what waits for the client is its own connection's.
    var waitingCapacity: Int { upstream.outputCapacity }

    /// Moves what can be moved now. Called at each event of either side.
    func pump() {
        guard !isOver else { return }
        guard move(from: client, to: upstream, &fromClient) else { return end(.cut(.clientGone)) }
        guard move(from: upstream, to: client, &fromUpstream) else { return end(.cut(.upstreamFailed)) }
        guard upstream.writeError == nil else { return end(.cut(.upstreamFailed)) }
        guard client.writeError == nil else { return end(.cut(.clientGone)) }
        if fromClient.isEndTold, fromUpstream.isEndTold { return end(.answered) }
        client.account()
        guard !isOver else { return }
        let sum = client.bytesReceived &+ client.bytesSent &+ upstream.bytesReceived &+ upstream.bytesSent
        guard sum != moved, let timer else { return }
        moved = sum
        client.loop.arm(timer, at: client.loop.now.advanced(by: idleTimeout))
    }

    /// Returns false when `source` is broken.
    private func move(from source: StreamChannel, to sink: StreamChannel, _ way: inout Way) -> Bool {
        // First: what waits may be all that keeps the source from being read, and no event tells of that again.
        sink.flush()
        var reads = 0
        while !way.isEnded, source.canRead, sink.outputCount < pressureBytes, sink.writeError == nil {
            reads += 1
            guard reads <= EventLoop.readsMax else {
                source.loop.resumeLater(source)
                break
            }
            switch source.receive(into: source.loop.scratch) {
            case .bytes(let count):
                way.bytes += count
                sink.write(UnsafeRawBufferPointer(rebasing: source.loop.scratch[..<count]))
            case .endOfFile: way.isEnded = true
            case .wouldBlock: break
            case .failed: return false
            }
            if sink.outputCount >= pressureBytes { sink.flush() }
        }
        sink.flush()
        if way.isEnded, !way.isEndTold, sink.outputCount == 0 {
            way.isEndTold = true
            sink.shutdownWrite()
        }
        return true
    }

    /// Ends both connections: in due form when both have ended so, or else with a reset.
    func end(_ end: ExchangeOutcome.End) {
        guard !isOver else { return }
        isOver = true
        if let timer { client.loop.remove(timer) }
        timer = nil
        client.tunnelEnded(end, received: fromClient.bytes, sent: fromUpstream.bytes)
        if end == .answered {
            client.close()
            upstream.close()
        } else {
            client.abort()
            upstream.abort()
        }
    }
}
