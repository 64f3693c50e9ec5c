import HTTPWire
import Synchronization

/// A deadline that a client let pass. The names are for metrics, and do not change.
package enum TimeoutKind: String, Sendable, CaseIterable {
    /// The head was not complete in time.
    case head
    /// The body fell silent.
    case bodyIdle = "body-idle"
    /// The body came too slowly.
    case bodyRate = "body-rate"
    /// The whole request took too long.
    case request
    /// No byte of the answer was taken.
    case answerIdle = "answer-idle"
    /// The answer was taken too slowly.
    case answerRate = "answer-rate"
}

/// What a server has done since it started. Any thread may read.
package final class ProxyCounters: Sendable {
    /// Connections open now.
    package let connections = Atomic<Int>(0)
    /// Connections accepted.
    package let accepted = Atomic<Int>(0)
    /// Connections refused because as many were open as may be.
    package let refused = Atomic<Int>(0)
    /// Connections refused because their listener had as many open as it may.
    package let refusedByListener = Atomic<Int>(0)
    /// How often accepting paused because the process had no descriptor or memory left for a connection.
    package let acceptPauses = Atomic<Int>(0)
    /// Requests turned away to keep the others going.
    package let shed = KindCounts<ShedReason>()
    /// Deadlines that clients let pass.
    package let timeouts = KindCounts<TimeoutKind>()
    /// Requests that broke the protocol, by how.
    package let framingErrors = KindCounts<FramingError>()
    private let load = Mutex<[ShardCells]>([])
    /// Connections refused because their client had as many open as it may.
    package let refusedByClient = Atomic<Int>(0)
    /// Requests ended because their body came too slowly or not at all.
    package let slowBodies = Atomic<Int>(0)
    /// Requests answered 4xx by the proxy itself because they broke the protocol or a limit.
    package let badRequests = Atomic<Int>(0)
    /// Connections refused because they did not begin with a PROXY header, or came from nobody who may send one.
    package let proxyHeadersRefused = Atomic<Int>(0)
    /// Tunnels open now.
    package let tunnels = Atomic<Int>(0)
    /// Connections that have become tunnels.
    package let tunnelsOpened = Atomic<Int>(0)
    /// Requests for a tunnel refused because their handshake was not in order.
    package let tunnelsRefused = Atomic<Int>(0)
    /// Connections cut because they belonged to a configuration that was too old.
    package let retired = Atomic<Int>(0)
    /// Exchanges a handler forgot.
    package let forgotten = Atomic<Int>(0)

    /// TLS handshakes completed.
    package let handshakes = Atomic<Int>(0)
    /// Those of them that took up an earlier session.
    package let handshakesResumed = Atomic<Int>(0)
    /// TLS handshakes that failed or took too long.
    package let handshakesFailed = Atomic<Int>(0)

    /// All zero.
    package init() {}

    /// Requests whose head was complete.
    package var requests: Int { load.withLock { $0.reduce(0) { $0 + $1.count } } }

    /// Requests under way now.
    package var requestsUnderWay: Int { load.withLock { $0.reduce(0) { $0 + $1.requests } } }

    /// Memory that connections' bytes take now. **Units**: bytes.
    package var bufferedBytes: Int { load.withLock { $0.reduce(0) { $0 + $1.bytes } } }

    /// Cells for the loops of a server that counts here.
    func cells(count: Int) -> [ShardCells] {
        let cells = (0..<count).map { _ in ShardCells() }
        load.withLock { $0 += cells }
        return cells
    }
}
