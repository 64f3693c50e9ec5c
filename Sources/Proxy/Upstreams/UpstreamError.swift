import HTTPWire
import Transport

/// Why an upstream gave no whole answer: type, source, whether a retry is safe, cause, context.
package struct UpstreamError: Error, Sendable, Equatable {
    /// Whose fault it is.
    package enum Source: String, Sendable { case upstream, downstream, `internal` }

    /// What happened.
    package enum Cause: Sendable, Equatable {
        /// All of its servers are down, and the settings say to refuse then.
        case noServer
        /// Its name has no address.
        case unresolved(String)
        /// No connection, with the errno.
        case connectFailed(Int32)
        /// No connection, since this process has no descriptor or no memory left for one, with the errno.
        case exhausted(Int32)
        /// No TLS, and why.
        case handshakeFailed(SecurityFailure)
        /// No connection in time.
        case connectTimeout
        /// As many requests wait as may.
        case queueFull
        /// No connection became free in time.
        case queueTimeout
        /// The connection ended before any byte of the answer.
        case closedBeforeAnswer
        /// The connection ended inside the answer.
        case closedInAnswer
        /// No byte of the answer in time.
        case firstByteTimeout
        /// Silence inside the answer, or a request it does not take.
        case idleTimeout
        /// What it sent is no HTTP/1.1.
        case malformedAnswer(FramingError)
        /// It switched protocols though nobody asked.
        case unexpectedUpgrade
        /// A collected answer that exceeds this many bytes.
        case answerTooLarge(Int)
        /// The whole request took too long.
        case requestTimeout
        /// The client has gone.
        case downstreamGone
        /// This process is ending.
        case shuttingDown
    }

    /// What happened.
    package let cause: Cause
    /// The upstream's name in the settings.
    package let upstream: String
    /// Whether the upstream cannot have acted on the request.
    package let isRetrySafe: Bool

    init(_ cause: Cause, upstream: String, isRetrySafe: Bool = false) {
        self.cause = cause
        self.upstream = upstream
        self.isRetrySafe = isRetrySafe
    }

    /// Whose fault it is.
    package var source: Source {
        switch cause {
        case .downstreamGone: .downstream
        case .queueFull, .queueTimeout, .exhausted, .requestTimeout, .shuttingDown: .internal
        default: .upstream
        }
    }

    /// The status a client is told.
    package var status: Int {
        switch cause {
        case .noServer, .queueFull, .queueTimeout, .exhausted, .shuttingDown: 503
        case .connectTimeout, .firstByteTimeout, .idleTimeout, .requestTimeout: 504
        default: 502
        }
    }

    /// A short constant for metrics and logs.
    package var code: String {
        switch cause {
        case .noServer: "no-server"
        case .unresolved: "unresolved"
        case .connectFailed: "connect-failed"
        case .exhausted: "exhausted"
        case .handshakeFailed(let failure): "tls-\(failure.code)"
        case .connectTimeout: "connect-timeout"
        case .queueFull: "queue-full"
        case .queueTimeout: "queue-timeout"
        case .closedBeforeAnswer: "closed-before-answer"
        case .closedInAnswer: "closed-in-answer"
        case .firstByteTimeout: "first-byte-timeout"
        case .idleTimeout: "idle-timeout"
        case .malformedAnswer: "malformed-answer"
        case .unexpectedUpgrade: "unexpected-upgrade"
        case .answerTooLarge: "answer-too-large"
        case .requestTimeout: "request-timeout"
        case .downstreamGone: "downstream-gone"
        case .shuttingDown: "shutting-down"
        }
    }
}

extension UpstreamError: CustomStringConvertible {
    /// One sentence for the log; never for a client.
    package var description: String {
        switch cause {
        case .unresolved(let reason): "upstream \(upstream): \(reason)"
        case .connectFailed(let code): "upstream \(upstream): connect: \(TransportError.reason(code))"
        case .exhausted(let code):
            "upstream \(upstream): no connection to be had: \(TransportError.reason(code))"
        case .handshakeFailed(let failure): "upstream \(upstream): TLS: \(failure)"
        case .malformedAnswer(let error): "upstream \(upstream): its answer is not HTTP/1.1: \(error)"
        case .answerTooLarge(let limit): "upstream \(upstream): its answer exceeds \(limit) bytes"
        default: "upstream \(upstream): \(code)"
        }
    }
}
