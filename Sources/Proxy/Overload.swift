import Transport

/// Why a request was turned away to keep the others going. The names are for metrics, and do not change.
package enum ShedReason: String, Sendable, CaseIterable {
    /// As many requests were under way as may be.
    case requests
    /// The bytes of all connections took as much memory as they may.
    case memory
    /// The loop was too late.
    case lag
    /// As many connections were open as may be.
    case connections
    /// As many of the client's connections were open as may be.
    case clientConnections = "client-connections"
}

/// Decides for one loop whether a request is turned away at once: what is answered 503 early costs little, what is taken up
/// and given up late costs everybody.
///
/// Lateness and memory have a hysteresis: shedding that begins at a bound ends only well below it, because it would otherwise
/// begin and end with each request. The bound on requests has none: it is a number that must hold, not a sign of distress.
///
/// Confined to its loop.
struct Overload {
    /// At what it begins; nil for never.
    struct Bounds {
        let lagNanosecondsMax: UInt64?
        let bytesMax: Int?
        let requestsMax: Int?

        init(_ limits: ProxyLimits) {
            lagNanosecondsMax = limits.loopLagMax > .zero ? limits.loopLagMax.nanoseconds : nil
            bytesMax = limits.bufferBytesMax < .max ? limits.bufferBytesMax : nil
            // Each connection has one request at most.
            requestsMax = limits.requestsMax < limits.connectionsMax ? limits.requestsMax : nil
        }
    }

    let cells: ShardCells
    /// Those of all loops of the server.
    let all: [ShardCells]
    private var isLate = false
    private var isFull = false

    init(_ cells: ShardCells, among all: [ShardCells]) {
        self.cells = cells
        self.all = all
    }

    /// Why the request that has just arrived is turned away; nil when it is not. It counts among those under way.
    mutating func reason(_ bounds: Bounds, lagNanoseconds lag: UInt64) -> ShedReason? {
        if let lagMax = bounds.lagNanosecondsMax, updateLate(lagMax, lag) { return .lag }
        if isFull(bounds) { return .memory }
        if let requestsMax = bounds.requestsMax, requests > requestsMax { return .requests }
        return nil
    }

    /// Whether the memory that connections' bytes take is more than it may be.
    mutating func isFull(_ bounds: Bounds) -> Bool { bounds.bytesMax.map { updateFull($0) } ?? false }

    private mutating func updateLate(_ bound: UInt64, _ lag: UInt64) -> Bool {
        isLate = lag > (isLate ? bound / 2 : bound)
        return isLate
    }

    private mutating func updateFull(_ bound: Int) -> Bool {
        isFull = bytes > (isFull ? bound - bound / 8 : bound)
        return isFull
    }

    private var requests: Int { all.reduce(0) { $0 &+ $1.requests } }
    private var bytes: Int { all.reduce(0) { $0 &+ $1.bytes } }
}
