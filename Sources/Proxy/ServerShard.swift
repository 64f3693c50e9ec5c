import HTTPWire
import Transport

/// One loop's part of a server: its connections, and what they share.
///
/// `@unchecked Sendable` because: confined to its loop.
final class ServerShard: @unchecked Sendable {
    let loop: EventLoop
    let settings: ProxySettings
    let handler: any RequestHandler
    let counters: ProxyCounters
    let tally: ClientTally
    private(set) var isDraining = false
    /// Connections whose PROXY header is awaited.
    var unnamed: [ObjectIdentifier: ProxyHeaderChannel] = [:]
    private var listeners: [ListenerChannel] = []
    private var connections: [ServerConnection] = []
    private var drained: (() -> Void)?
    private var drainTimer: LoopTimer?
    private let idPrefix = UInt64.random(in: .min ... .max)
    private var idCounter: UInt64 = 0
    private var dateSecond: Int64 = .min
    private var dateBytes: [UInt8] = []

    init(
        loop: EventLoop, settings: ProxySettings, handler: any RequestHandler, counters: ProxyCounters,
        tally: ClientTally
    ) {
        self.loop = loop
        self.settings = settings
        self.handler = handler
        self.counters = counters
        self.tally = tally
    }

    var limits: ProxyLimits { settings.limits }

    // MARK: Connections

    /// Accepts from every listener; `chosen` says which shard a new connection goes to.
    func accept(
        from sources: [(Listener, ProxyHeaderIntake?)], chosen: @escaping (EventLoop) -> ServerShard
    ) throws(TransportError) {
        loop.assertOnLoop()
        for (source, intake) in sources {
            let channel = try source.attach(to: loop) { [unowned self] raw, peer in
                counters.accepted.wrappingAdd(1, ordering: .relaxed)
                let shard = chosen(loop)
                shard.loop.load.add(1)
                let security = source.security
                if let intake {
                    shard.loop.execute { @Sendable in shard.awaitHeader(raw, peer, security, intake) }
                    return
                }
                if shard === self { return adopt(raw, peer, security) }
                shard.loop.execute { @Sendable in shard.adopt(raw, peer, security) }
            }
            listeners.append(channel)
        }
    }

    func adopt(_ raw: Int32, _ peer: SocketAddress, _ security: (any SessionMaker)?) {
        let count = counters.connections.wrappingAdd(1, ordering: .relaxed).newValue
        let connection = ServerConnection(shard: self, owning: raw, peer: peer)
        connection.place = connections.count
        connections.append(connection)
        do throws(TransportError) {
            try connection.register()
        } catch {
            return remove(connection)
        }
        if isDraining { return connection.close() }
        if let security {
            // A handshake only to say that there is no room would cost more than what it refuses.
            guard count <= limits.connectionsMax else { return connection.shed() }
            guard connection.beginHandshake(security) else { return connection.abort() }
        }
        connection.begin(isRefused: count > limits.connectionsMax)
    }

    func remove(_ connection: ServerConnection) {
        counters.connections.wrappingSubtract(1, ordering: .relaxed)
        loop.load.add(-1)
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.place] = last
            last.place = connection.place
        }
        if connections.isEmpty { tellDrained() }
    }

    // MARK: Draining

    func drain(deadline: Duration, _ completion: @escaping () -> Void) {
        isDraining = true
        drained = completion
        for listener in listeners { listener.stop() }
        listeners = []
        for connection in connections { connection.drain() }
        for channel in unnamed.values { channel.abort() }
        if connections.isEmpty { return tellDrained() }
        let timer = LoopTimer { [unowned self] in
            for connection in connections { connection.abort() }
        }
        drainTimer = timer
        loop.arm(timer, at: loop.now.advanced(by: deadline))
    }

    private func tellDrained() {
        guard let drained else { return }
        self.drained = nil
        if let drainTimer { loop.remove(drainTimer) }
        drainTimer = nil
        drained()
    }

    // MARK: What answers share

    /// The client's own identifier if it is well-formed, or a new one.
    func requestID(for fields: HeaderList) -> RequestID {
        if let index = fields.firstIndex(of: "x-request-id"),
            let given = fields.withValue(at: index, { RequestID(given: $0) })
        {
            return given
        }
        return newRequestID()
    }

    func newRequestID() -> RequestID {
        idCounter += 1
        return RequestID(prefix: idPrefix, counter: idCounter)
    }

    /// `Date`, written anew each second.
    var dateLine: [UInt8] {
        let second = loop.clock.wallSeconds()
        if second != dateSecond {
            dateSecond = second
            dateBytes = Array("Date: \(HTTPDate.imfFixdate(unixSeconds: second))\r\n".utf8)
        }
        return dateBytes
    }
}
