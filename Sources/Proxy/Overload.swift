import Transport

/// Why a request was turned away to keep the others going. The names are for metrics, and do not change.
package enum ShedReason: String, Sendable, CaseIterable {
    /// As many requests were under way as may be.
    case requests
    /// The bytes of all connections took as much memory as they may.
    case memory
    /// The loop was too late.
    case lag
}

/// Decides for one loop whether a request is turned away at once: what is answered 503 early costs little, what is taken up
/// and given up late costs everybody.
///
/// Lateness and memory have a hysteresis: shedding that begins at a bound ends only well below it, because it would otherwise
/// begin and end with each request. The bound on requests has none: it is a number that must hold, not a sign of distress.
///
/// Confined to its loop.
struct Overload {
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
    mutating func reason(_ limits: ProxyLimits, lagNanoseconds lag: UInt64) -> ShedReason? {
        if limits.loopLagMax > .zero, updateLate(limits.loopLagMax.nanoseconds, lag) { return .lag }
        if limits.bufferBytesMax < .max, updateFull(limits.bufferBytesMax) { return .memory }
        // Each connection has one request at most.
        guard limits.requestsMax < limits.connectionsMax, requests > limits.requestsMax else { return nil }
        return .requests
    }

    /// Whether the memory that connections' bytes take is more than it may be.
    mutating func isFull(_ limits: ProxyLimits) -> Bool {
        limits.bufferBytesMax < .max && updateFull(limits.bufferBytesMax)
    }

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
