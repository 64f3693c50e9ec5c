import HTTPWire
import Transport

/// What a request has been through: which server works on it, which have failed it, and what may be tried next.
///
/// **Source**: RFC 9110 §9.2.2 and RFC 9112 §9.3.1 for what may be sent again. Once a byte of an answer has come nothing
/// is: a client never gets parts of two answers.
struct Attempts {
    /// The facts of a request that decide whether it may be sent again.
    struct Request {
        /// Its method promises that twice is as good as once.
        let isIdempotent: Bool
        /// All of it can be written once more.
        let isReplayable: Bool
    }

    /// Where to send a request again.
    enum Next {
        /// To the same server, on a connection that nobody has used.
        case again(UpstreamServer)
        /// To another one.
        case other(UpstreamServer)
    }

    /// How often it was sent.
    var count: Int { failed.count + (hasRepeated ? 2 : 1) }

    /// Who works on it.
    private(set) var server: UpstreamServer?
    /// The places of servers that have failed it.
    private var failed: [Int] = []
    private var hasRepeated = false

    /// The first server; nil when none is to be asked.
    mutating func begin(
        _ upstream: Upstream, on loop: EventLoop, key: UInt64
    ) -> UpstreamServer? {
        if let only = upstream.only {
            server = only
            return only
        }
        upstream.retryBudget.countRequest(at: loop.now)
        server = upstream.server(on: loop, key: key, avoiding: [])
        return server
    }

    /// Where to send the request after it has failed; nil when that is final.
    mutating func next(
        _ upstream: Upstream, after error: UpstreamError, reused: Bool, _ request: Request,
        on loop: EventLoop,
        key: UInt64
    ) -> Next? {
        guard let server, request.isReplayable else { return nil }
        let retry = upstream.settings.retry
        let wasIdle = reused && error.cause == .closedBeforeAnswer && retry != .never
        guard wasIdle && !hasRepeated || isSafe(error, request, retry) else { return nil }
        // A connection that the server had closed for want of use says nothing about the server, and happens at any
        // load: it costs no budget, and it cannot happen twice since the next connection is a new one. That holds for every
        // method: a server that closes a kept connection as a request comes has not read it.
        if wasIdle, !hasRepeated {
            hasRepeated = true
            server.counters.retried.wrappingAdd(1, ordering: .relaxed)
            return .again(server)
        }
        return other(upstream, after: server, on: loop, key: key)
    }

    /// Where to send the request that was answered with `status`; nil when that answer is the client's.
    ///
    /// A server that answers has had the request, so its method must allow a second time whatever the status promises.
    mutating func next(
        _ upstream: Upstream, answered status: Int, _ request: Request, on loop: EventLoop, key: UInt64
    ) -> Next? {
        guard let server, request.isReplayable, upstream.settings.retryStatuses.contains(status) else {
            return nil
        }
        switch upstream.settings.retry {
        case .never: return nil
        case .idempotent: guard request.isIdempotent else { return nil }
        case .anyMethod: break
        }
        return other(upstream, after: server, on: loop, key: key)
    }

    /// Another server, if there is one and the bounds allow it. A sole server is not asked again: what it has just
    /// refused it would refuse now, and a request that has felled it would fell it again.
    private mutating func other(
        _ upstream: Upstream, after server: UpstreamServer, on loop: EventLoop, key: UInt64
    ) -> Next? {
        guard upstream.servers.count > 1, failed.count + 1 < upstream.settings.attemptsMax else { return nil }
        failed.append(server.index)
        guard let next = upstream.server(on: loop, key: key, avoiding: failed),
            upstream.retryBudget.spend(at: loop.now)
        else { return nil }
        self.server = next
        next.counters.retried.wrappingAdd(1, ordering: .relaxed)
        return .other(next)
    }

    private func isSafe(
        _ error: UpstreamError, _ request: Request, _ retry: UpstreamSettings.Retry
    ) -> Bool {
        guard error.isRetryUseful else { return false }
        switch retry {
        case .never: return false
        case .idempotent: return request.isIdempotent || error.isRetrySafe
        case .anyMethod: return true
        }
    }
}

extension UpstreamError {
    /// Whether the server failed before a byte of its answer, so that another may still give one.
    fileprivate var isRetryUseful: Bool {
        switch cause {
        case .unresolved, .connectFailed, .handshakeFailed, .connectTimeout, .queueFull, .closedBeforeAnswer,
            .firstByteTimeout:
            true
        case .queueTimeout, .exhausted, .closedInAnswer, .idleTimeout, .malformedAnswer, .unexpectedUpgrade,
            .noServer,
            .answerTooLarge, .requestTimeout, .downstreamGone, .shuttingDown:
            false
        }
    }
}
