import Synchronization

/// The kinds of failure that are counted apart.
package enum UpstreamFailureKind: Int, CaseIterable, Sendable {
    /// Its name has no address.
    case resolve
    /// No connection, or none in time.
    case connect
    /// No TLS.
    case tls
    /// No answer, or no more of it, in time.
    case timeout
    /// The connection ended before the answer did.
    case closed
    /// What it sent is no answer to the request.
    case malformed
    /// No connection was free: too many requests wait, one waited too long, or there is no descriptor left.
    case queue
    /// 502, 503 or 504 was its answer. Counted of upstreams with several servers.
    case gateway

    /// In metrics.
    package var name: String { "\(self)" }
}

extension UpstreamError {
    /// As what it is counted of its server; nil for what is not the server's doing.
    var kind: UpstreamFailureKind? {
        switch cause {
        case .unresolved: .resolve
        case .connectFailed, .connectTimeout: .connect
        case .handshakeFailed: .tls
        case .firstByteTimeout, .idleTimeout: .timeout
        case .closedBeforeAnswer, .closedInAnswer: .closed
        case .malformedAnswer, .unexpectedUpgrade: .malformed
        case .queueFull, .queueTimeout, .exhausted: .queue
        case .noServer, .answerTooLarge, .requestTimeout, .downstreamGone, .shuttingDown: nil
        }
    }
}

/// What a server of an upstream has done since it was made. Any thread may read.
package final class UpstreamCounters: Sendable {
    private final class Cell: Sendable {
        let value = Atomic<Int>(0)
    }

    /// Connections opened.
    package let opened = Atomic<Int>(0)
    /// Requests sent on a connection that had served another before.
    package let reused = Atomic<Int>(0)
    /// Requests sent to it again after a failure, its own or another server's.
    package let retried = Atomic<Int>(0)
    /// Attempts that got no whole answer.
    package let failed = Atomic<Int>(0)
    /// Times it was left out for its failures.
    package let ejections = Atomic<Int>(0)
    /// Checks of its health that it passed.
    package let checksPassed = Atomic<Int>(0)
    /// Checks of its health that failed.
    package let checksFailed = Atomic<Int>(0)
    private let kinds = UpstreamFailureKind.allCases.map { _ in Cell() }

    init() {}

    /// Failures of a kind.
    package func failures(_ kind: UpstreamFailureKind) -> Int {
        kinds[kind.rawValue].value.load(ordering: .relaxed)
    }

    /// Counts an attempt that failed.
    func count(_ kind: UpstreamFailureKind?) {
        failed.wrappingAdd(1, ordering: .relaxed)
        if let kind { kinds[kind.rawValue].value.wrappingAdd(1, ordering: .relaxed) }
    }

    /// Counts an answer that is one, and says that a server behind the server fails.
    func countGatewayError() {
        kinds[UpstreamFailureKind.gateway.rawValue].value.wrappingAdd(1, ordering: .relaxed)
    }
}
