import Dispatch
import HTTPWire
import Synchronization
import Transport

/// A running HTTP/1.1 server: listeners, loops, and a handler that says what each request gets.
package final class ProxyServer: Sendable {
    /// What it has done.
    package let counters: ProxyCounters
    private let group: LoopGroup
    /// Changed by `apply` alone, which its callers serialise.
    private let state: Mutex<(listeners: [Listener], generation: Int)>
    let shards: [ServerShard]

    /// A server that accepts as soon as `start` is called. Its listeners already hold their addresses.
    package init(
        listeners: [Listener], loops: LoopGroup, settings: ProxySettings = ProxySettings(),
        handler: any RequestHandler, counters: ProxyCounters = ProxyCounters()
    ) {
        self.counters = counters
        state = Mutex((listeners, 0))
        group = loops
        let tally = ClientTally()
        let generation = ServerGeneration(number: 0, settings: settings, handler: handler)
        let cells = counters.cells(count: loops.loops.count)
        let family = ShardFamily()
        shards = zip(loops.loops, cells).map {
            ServerShard(
                loop: $0, generation: generation, counters: counters, tally: tally,
                overload: Overload($1, among: cells), family: family)
        }
        family.shards = shards
    }

    /// Where it listens, in the order of its listeners.
    package var addresses: [SocketAddress] { listeners.map(\.localAddress) }

    /// What it accepts from.
    package var listeners: [Listener] { state.withLock { $0.listeners } }

    /// Begins to accept. **Throws** when a loop cannot watch a listener.
    package func start() throws(TransportError) { try accept(from: listeners) }

    /// Serves by other settings and another handler from here on, and accepts from these listeners: those that share a
    /// socket with a present one keep it and what waits in its queue, others are added, and the rest end. Exchanges
    /// under way finish under what they began with. Returns when every loop has changed over.
    /// Connections that are left of generations older than `generationsMax` allows are cut.
    /// **Throws** when a loop cannot watch a new listener; nothing has changed then. **Runs on** any thread but a loop's,
    /// one call at a time.
    package func apply(
        listeners next: [Listener], settings: ProxySettings, handler: any RequestHandler,
        generationsMax: Int = .max
    ) throws(TransportError) {
        let present = listeners
        let added = next.filter { new in !present.contains { $0.isSameSocket(as: new) } }
        let removed = present.filter { old in !next.contains { $0.isSameSocket(as: old) } }
        do throws(TransportError) { try accept(from: added) } catch {
            for shard in shards { shard.loop.sync { @Sendable in shard.stopAccepting(from: added) } }
            throw error
        }
        let number = state.withLock { state in
            state.listeners = next
            state.generation += 1
            return state.generation
        }
        let generation = ServerGeneration(number: number, settings: settings, handler: handler)
        for shard in shards {
            shard.loop.sync { @Sendable in
                shard.change(to: generation, next)
                shard.stopAccepting(from: removed)
                if number >= generationsMax { shard.retire(through: number - generationsMax) }
            }
        }
        for listener in removed { listener.close() }
    }

    private func accept(from listeners: [Listener]) throws(TransportError) {
        let failure = Mutex<TransportError?>(nil)
        for shard in shards {
            shard.loop.sync { @Sendable in
                do throws(TransportError) {
                    try shard.accept(from: listeners) { loop, canMove in
                        self.shards[self.group.loop(near: loop, canMove: canMove).index]
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Stops accepting, answers what is under way with `Connection: close`, closes what is idle after `idleGrace`, and after
    /// `deadline` whatever is left. A client that is sending its next request when the server closes takes that for a
    /// failure: the grace is for its request to arrive and be answered. `completion` runs on one of the loops when no
    /// connection is left.
    package func drain(
        deadline: Duration, idleGrace: Duration = .zero, isHandedOver: Bool = false,
        _ completion: @escaping @Sendable () -> Void
    ) {
        let countdown = Countdown(shards.count, completion)
        for shard in shards {
            shard.loop.execute { @Sendable in
                shard.drain(deadline: deadline, idleGrace: idleGrace, isHandedOver: isHandedOver) {
                    countdown.step()
                }
            }
        }
        for listener in listeners { listener.close() }
    }
}

/// Calls `completion` at the last of so many steps.
final class Countdown: Sendable {
    private let left: Atomic<Int>
    private let completion: @Sendable () -> Void

    init(_ count: Int, _ completion: @escaping @Sendable () -> Void) {
        left = Atomic(count)
        self.completion = completion
    }

    func step() {
        if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
    }
}
