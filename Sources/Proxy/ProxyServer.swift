import Dispatch
import HTTPWire
import Synchronization
import Transport

/// A running HTTP/1.1 server: listeners, loops, and a handler that says what each request gets.
package final class ProxyServer: Sendable {
    /// The settings it was started with.
    package let settings: ProxySettings
    /// What it has done.
    package let counters = ProxyCounters()
    private let group: LoopGroup
    private let listeners: [Listener]
    private let shards: [ServerShard]

    /// A server that accepts as soon as `start` is called. Its listeners already hold their addresses.
    package init(
        listeners: [Listener], loops: LoopGroup, settings: ProxySettings = ProxySettings(),
        handler: any RequestHandler
    ) {
        self.settings = settings
        self.listeners = listeners
        group = loops
        let counters = counters
        let tally = ClientTally()
        shards = loops.loops.map {
            ServerShard(loop: $0, settings: settings, handler: handler, counters: counters, tally: tally)
        }
    }

    /// Where it listens, in the order of its listeners.
    package var addresses: [SocketAddress] { listeners.map(\.localAddress) }

    /// Begins to accept. **Throws** when a loop cannot watch a listener.
    package func start() throws(TransportError) {
        let failure = Mutex<TransportError?>(nil)
        for shard in shards {
            shard.loop.sync { @Sendable in
                do throws(TransportError) {
                    try shard.accept(from: listeners) { loop in self.shards[self.group.loop(near: loop).index]
                    }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// Stops accepting, answers what is under way with `Connection: close`, closes what is idle, and after
    /// `deadline` whatever is left. `completion` runs on one of the loops when no connection is left.
    package func drain(deadline: Duration, _ completion: @escaping @Sendable () -> Void) {
        let countdown = Countdown(shards.count, completion)
        for listener in listeners { listener.close() }
        for shard in shards {
            shard.loop.execute { @Sendable in shard.drain(deadline: deadline) { countdown.step() } }
        }
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
