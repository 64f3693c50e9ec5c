import HTTPWire
import Transport

/// The bounds that connections look at with each request, as words: settings hold 128-bit durations, and strings whose
/// reference counts a copy would touch.
struct UpstreamBounds: Sendable {
    /// **Units** of times: nanoseconds.
    let connect: UInt64
    let queue: UInt64
    let firstByte: UInt64
    let answerIdle: UInt64
    let idle: UInt64
    /// `UInt64.max` for ever.
    let lifetime: UInt64
    let requestsMax: Int
    /// `Int.max` for all.
    let idleMax: Int
    /// The PROXY header that connections begin with.
    let proxyProtocol: ProxyProtocolWriter.Version?

    init(_ settings: UpstreamSettings) {
        connect = settings.connectTimeout.nanoseconds
        queue = (settings.queueTimeout ?? settings.connectTimeout).nanoseconds
        firstByte = settings.firstByteTimeout.nanoseconds
        answerIdle = settings.answerIdleTimeout.nanoseconds
        idle = settings.idleTimeout.nanoseconds
        lifetime = settings.connectionLifetime?.nanoseconds ?? .max
        requestsMax = settings.connectionRequestsMax
        proxyProtocol = settings.proxyProtocol
        idleMax = settings.idleConnectionsMax ?? .max
    }
}
