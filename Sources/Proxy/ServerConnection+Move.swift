import HTTPWire
import Transport

/// A connection on its way from one loop to another.
struct MovedConnection: Sendable {
    let raw: Int32
    let peer: SocketAddress
    let source: Listener
    let begun: MonotonicTime
    let serial: UInt64
    let tallied: AddressPrefix?
}

extension ServerConnection {
    /// Whether it may go on on another loop: nothing is under way, and TLS keeps nothing of it.
    var mayMove: Bool {
        phase == .reading && held.isEmpty && parser.isBetweenMessages && outputCount == 0 && !isSecure
            && !closesAfterAnswer && !sawPeerClose
    }

    /// Ends here and goes on as another object on the loop of `heir`, to its client and to all counts the same connection.
    func move(to heir: ServerShard) {
        loop.assertOnLoop()
        if let timer { loop.remove(timer) }
        forgetBuffers()
        let moved = MovedConnection(
            raw: raw, peer: peer, source: source, begun: begun, serial: serial, tallied: tallied)
        letGo()
        shard.release(self)
        heir.loop.load.add(1)
        heir.loop.execute { @Sendable in heir.take(moved) }
    }
}

/// Which loop's connections go where: decided anew in each window over which the loops' use is measured.
struct Relief {
    /// By how much of a processor another loop has to have less.
    static let gap = 0.4
    /// How many processors have to stand idle. Where none does, a second loop gets its time from those that the first one
    /// waits for, and both are woken more often for the same work.
    static let spare = 0.5

    private var idle = IdleProcessors()
    private var window = -1
    private var surplus = 0
    private weak var heir: ServerShard?

    init() {}

    /// Whether anything may come of asking where a connection goes: a window has ended, or its plan is not carried out yet.
    func isDue(on loop: EventLoop) -> Bool { surplus > 0 || window != loop.useWindows }

    /// Where the next connection goes; nil when it stays.
    mutating func next(from shard: ServerShard, among siblings: [ServerShard], count: Int) -> ServerShard? {
        if window != shard.loop.useWindows {
            window = shard.loop.useWindows
            plan(from: shard, among: siblings, count: count)
        }
        guard surplus > 0 else { return nil }
        surplus -= 1
        return heir
    }

    /// So many as make both loops as busy as each other, where the difference is worth the moves.
    private mutating func plan(from shard: ServerShard, among siblings: [ServerShard], count: Int) {
        surplus = 0
        let now = shard.loop.now
        let own = shard.loop.load.utilisation(at: now)
        let others = siblings.filter { $0 !== shard }
        heir = others.min { $0.loop.load.utilisation(at: now) < $1.loop.load.utilisation(at: now) }
        guard let heir, count > 1, idle.measure(at: now) >= Self.spare else { return }
        surplus = Self.surplus(of: count, own: own, other: heir.loop.load.utilisation(at: now))
    }

    /// How many of `count` connections a loop gives to another, by the use of both.
    static func surplus(of count: Int, own: Double, other: Double) -> Int {
        guard count > 1, own - other >= gap else { return 0 }
        return max(1, Int(Double(count) * (own - other) / (2 * own)))
    }
}
