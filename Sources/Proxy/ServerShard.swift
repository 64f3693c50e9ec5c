import HTTPWire
import Transport

/// One loop's part of a server: its connections, and what they share.
///
/// `@unchecked Sendable` because: confined to its loop.
final class ServerShard: @unchecked Sendable {
    let loop: EventLoop
    /// What new exchanges are served by; those under way keep what they began with.
    private(set) var generation: ServerGeneration
    let counters: ProxyCounters
    let tally: ClientTally
    var overload: Overload
    private(set) var isDraining = false
    /// An exchange that is over, for the next request.
    var spareExchange: Exchange?
    /// Connections whose PROXY header is awaited.
    var unnamed: [ObjectIdentifier: ProxyHeaderChannel] = [:]
    /// How long a connection between requests is kept while draining.
    private(set) var idleGrace = Duration.zero
    private var listeners: [ListenerShare] = []
    private var connections: [ServerConnection] = []
    /// Those it serves now.
    var present: [ServerConnection] { connections }
    /// The parts of all loops, this one's too; set before anything is accepted.
    private let family: ShardFamily
    private var relief = Relief()
    private var drained: (() -> Void)?
    private var drainTimer: LoopTimer?
    private var idleTimer: LoopTimer?
    private let idPrefix = UInt64.random(in: .min ... .max)
    private var idCounter: UInt64 = 0
    private var idState = UInt64.random(in: .min ... .max)
    private var dateSecond: Int64 = .min
    private var dateCheck = MonotonicTime(nanoseconds: 0)
    private var dateBytes: [UInt8] = []

    init(
        loop: EventLoop, generation: ServerGeneration, counters: ProxyCounters, tally: ClientTally,
        overload: Overload, family: ShardFamily
    ) {
        self.family = family
        self.loop = loop
        self.generation = generation
        self.counters = counters
        self.tally = tally
        self.overload = overload
    }

    var limits: ProxyLimits { generation.settings.limits }

    // MARK: Connections

    /// Accepts from every listener; `chosen` says which shard a new connection goes to.
    func accept(
        from sources: [Listener], chosen: @escaping (_ near: EventLoop, _ canMove: Bool) -> ServerShard
    ) throws(TransportError) {
        loop.assertOnLoop()
        for source in sources {
            let share = ListenerShare(source)
            share.channel = try source.attach(to: loop) { [unowned self, unowned share] raw, peer in
                counters.accepted.wrappingAdd(1, ordering: .relaxed)
                guard let count = enter(raw) else { return }
                // What the end of accepting brings stays here: the others may have counted what they have to wait for.
                let shard = isDraining ? self : chosen(loop, share.listener.security == nil)
                shard.loop.load.add(1)
                let source = share.listener
                source.load.add(1)
                if let intake = source.intake {
                    if shard === self { return awaitHeader(raw, peer, source, intake, count) }
                    shard.loop.execute { @Sendable in shard.awaitHeader(raw, peer, source, intake, count) }
                    return
                }
                if shard === self { return adopt(raw, peer, source, count) }
                shard.loop.execute { @Sendable in shard.adopt(raw, peer, source, count) }
            }
            share.channel?.onExhaustion = { [unowned self] in acceptPaused() }
            listeners.append(share)
        }
    }

    /// Accepts no longer from these; their connections end with their present request, or now where none is under way.
    func stopAccepting(from sources: [Listener]) {
        loop.assertOnLoop()
        for share in listeners where sources.contains(where: { $0.isSameSocket(as: share.listener) }) {
            share.channel?.stop()
        }
        listeners.removeAll { share in sources.contains { $0.isSameSocket(as: share.listener) } }
        for connection in connections where !serves(connection.source) {
            connection.drain(keepingIdle: false)
        }
    }

    /// Whether a listener's connections may bring requests after the present one: a reload may have removed it. A drain sees to
    /// them itself.
    func serves(_ source: Listener) -> Bool {
        isDraining || listeners.contains { $0.listener.isSameSocket(as: source) }
    }

    /// Serves new exchanges by `next` from here on, and new connections by the TLS of `kept`. Connections between two
    /// requests change over at once, the others with their next request.
    func change(to next: ServerGeneration, _ kept: [Listener]) {
        loop.assertOnLoop()
        generation = next
        for share in listeners {
            if let listener = kept.first(where: { $0.isSameSocket(as: share.listener) }) {
                share.listener = listener
            }
        }
        for connection in connections { connection.changeGeneration() }
    }

    /// Cuts what is left of the generations up to `number`: a client that takes its time must not keep alive as many
    /// configurations, with their models, as there are reloads meanwhile.
    func retire(through number: Int) {
        for connection in connections where connection.generation.number <= number {
            counters.retired.wrappingAdd(1, ordering: .relaxed)
            connection.abort()
        }
    }

    private func acceptPaused() {
        counters.acceptPauses.wrappingAdd(1, ordering: .relaxed)
        generation.handler.acceptPaused()
    }

    /// Counts a connection that has just been accepted; nil where there are too many even to be told so, and it is closed.
    private func enter(_ raw: Int32) -> Int? {
        let count = counters.connections.wrappingAdd(1, ordering: .relaxed).newValue
        guard count - limits.connectionsMax > generation.settings.refusalsMax else { return count }
        counters.refused.wrappingAdd(1, ordering: .relaxed)
        counters.shed.count(.connections)
        counters.connections.wrappingSubtract(1, ordering: .relaxed)
        Descriptor(owning: raw).abort()
        return nil
    }

    /// Takes a connection, with which there are `count`.
    private func adopt(_ raw: Int32, _ peer: SocketAddress, _ source: Listener, _ count: Int) {
        let connection = ServerConnection(shard: self, owning: raw, peer: peer, source: source)
        connection.closesAfterAnswer = !serves(source)
        connection.place = connections.count
        connections.append(connection)
        do throws(TransportError) {
            try connection.register()
        } catch {
            return remove(connection)
        }
        let room = Room(
            server: count <= limits.connectionsMax,
            listener: source.load.count <= connection.limits.connectionsMax)
        if let security = source.security {
            // A handshake only to say that there is no room would cost more than what it refuses.
            guard room.server, room.listener else { return connection.shed(room) }
            guard connection.beginHandshake(security) else { return connection.abort() }
        }
        connection.begin(room)
    }

    /// Where there is room for one more connection.
    struct Room {
        let server: Bool
        let listener: Bool
    }

    func remove(_ connection: ServerConnection) {
        connection.source.load.add(-1)
        counters.connections.wrappingSubtract(1, ordering: .relaxed)
        release(connection)
        tellDrained()
    }

    /// Forgets a connection that goes on elsewhere.
    func release(_ connection: ServerConnection) {
        loop.load.add(-1)
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.place] = last
            last.place = connection.place
        }
    }

    /// Goes on with a connection of another loop.
    func take(_ moved: MovedConnection) {
        let connection = ServerConnection(
            shard: self, owning: moved.raw, peer: moved.peer, source: moved.source, continuing: moved)
        connection.place = connections.count
        connections.append(connection)
        do throws(TransportError) {
            try connection.register()
        } catch {
            if let tallied = moved.tallied { tally.leave(tallied) }
            return remove(connection)
        }
        connection.resume()
        if isDraining || !serves(moved.source) {
            connection.drain(keepingIdle: isDraining && idleGrace > .zero)
        }
    }

    /// Gives a connection between two requests to another loop where this one has no rest and the other has.
    func relieve(by connection: ServerConnection) {
        guard relief.isDue(on: loop), !isDraining, connection.mayMove,
            let heir = relief.next(from: self, among: family.shards, count: connections.count)
        else { return }
        connection.move(to: heir)
    }

    // MARK: Draining

    /// `isHandedOver` leaves what waits to be accepted to another process, which accepts from the same sockets.
    func drain(
        deadline: Duration, idleGrace: Duration, isHandedOver: Bool, _ completion: @escaping () -> Void
    ) {
        isDraining = true
        self.idleGrace = idleGrace
        drained = completion
        for share in listeners { share.channel?.stop(acceptsWhatWaits: !isHandedOver) }
        listeners = []
        drainIdle(keepingIdle: idleGrace > .zero)
        if idleGrace > .zero, idleGrace < deadline { closeIdle(after: idleGrace) }
        let timer = LoopTimer { [unowned self] in
            for connection in connections { connection.abort() }
            for channel in unnamed.values { channel.abort() }
        }
        drainTimer = timer
        loop.arm(timer, at: loop.now.advanced(by: deadline))
        tellDrained()
    }

    private func closeIdle(after grace: Duration) {
        let timer = LoopTimer { [unowned self] in drainIdle(keepingIdle: false) }
        idleTimer = timer
        loop.arm(timer, at: loop.now.advanced(by: grace))
    }

    /// Connections end with their present request, or now where none is under way and they are not kept. Who has not said
    /// whose it is, and is not about to, is asking for nothing.
    private func drainIdle(keepingIdle: Bool) {
        for connection in connections { connection.drain(keepingIdle: keepingIdle) }
        for channel in unnamed.values where !keepingIdle && !channel.isStale { channel.abort() }
    }

    /// Takes a connection that has just said whose it is.
    func adoptNamed(_ raw: Int32, _ client: SocketAddress, _ source: Listener) {
        adopt(raw, client, source, counters.connections.load(ordering: .relaxed))
        guard isDraining else { return }
        connections.last?.drain(keepingIdle: idleGrace > .zero)
        tellDrained()
    }

    /// Says once that nothing is left, where that is so.
    func tellDrained() {
        guard let drained, connections.isEmpty, unnamed.isEmpty else { return }
        self.drained = nil
        if let drainTimer { loop.remove(drainTimer) }
        drainTimer = nil
        if let idleTimer { loop.remove(idleTimer) }
        idleTimer = nil
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

    /// A number that differs from all others of the shard, and by its seed from those of others: the system's randomness is
    /// asked once and not for every request.
    ///
    /// **Source**: Steele, Lea, Flood 2014, SplitMix64.
    func nextID() -> UInt64 {
        idState &+= 0x9E37_79B9_7F4A_7C15
        var bits = idState
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }

    /// `Date`, written anew each second; the clock is read a hundred times a second at most.
    var dateLine: [UInt8] {
        guard loop.now >= dateCheck else { return dateBytes }
        dateCheck = loop.now.advanced(byNanoseconds: 10_000_000)
        let second = loop.clock.wallSeconds()
        if second != dateSecond {
            dateSecond = second
            dateBytes = Array("Date: \(HTTPDate.imfFixdate(unixSeconds: second))\r\n".utf8)
        }
        return dateBytes
    }
}

/// The parts of one server on all its loops.
///
/// `@unchecked Sendable` because: set once, before anything is accepted, and only read afterwards. They do not keep each other: the server does.
final class ShardFamily: @unchecked Sendable {
    private struct Member {
        unowned let shard: ServerShard
    }
    private var members: [Member] = []

    /// Those of a server.
    var shards: [ServerShard] {
        get { members.map(\.shard) }
        set { members = newValue.map { Member(shard: $0) } }
    }
}
