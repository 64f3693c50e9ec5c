import Dispatch
import Synchronization

/// How many connections a loop serves, and how late it is; any thread may ask.
package final class LoopLoad: Sendable {
    private let value = Atomic<Int>(0)
    /// The lateness last published, and when. **Units**: nanoseconds.
    private let lag = Atomic<UInt64>(0)
    private let lagTime = Atomic<UInt64>(0)

    /// Nothing yet.
    package init() {}

    /// The number of connections.
    package var count: Int { value.load(ordering: .relaxed) }

    /// Counts one more or, with -1, one less.
    package func add(_ change: Int) { value.wrappingAdd(change, ordering: .relaxed) }

    /// How late the loop has recently been in taking up what was ready; of a loop that has been idle since, less and less.
    package func lag(at now: MonotonicTime) -> Duration {
        let since = now.nanoseconds &- min(lagTime.load(ordering: .relaxed), now.nanoseconds)
        let recent = LoopLag.decayed(lag.load(ordering: .relaxed), over: since)
        return .nanoseconds(Int64(clamping: recent))
    }

    func publish(_ late: LoopLag, at now: MonotonicTime) {
        lag.store(late.nanoseconds, ordering: .relaxed)
        lagTime.store(now.nanoseconds, ordering: .relaxed)
    }
}

/// The loops of a process, one a core.
package final class LoopGroup: Sendable {
    /// In index order.
    package let loops: [EventLoop]

    /// Starts `count` loops. **Throws** when the system has no descriptor left.
    package init(count: Int, clock: any LoopClock = SystemClock()) throws(TransportError) {
        precondition(count > 0, "a group has a loop")
        var loops: [EventLoop] = []
        for index in 0..<count { loops.append(try EventLoop(index: index, clock: clock)) }
        self.loops = loops
    }

    /// The loop with the fewest connections, preferring `local` unless it has clearly more than another.
    package func loop(near local: EventLoop) -> EventLoop {
        var best = local
        var least = local.load.count - Self.slack
        for loop in loops where loop !== local && loop.load.count < least {
            best = loop
            least = loop.load.count
        }
        return best
    }

    /// Connections one loop may have more than another before new ones are handed over, which costs a hop.
    private static let slack = 2

    /// Calls `completion` once every loop has got round to saying that it is there.
    package func ping(_ completion: @escaping @Sendable () -> Void) {
        let counter = PingCounter(loops.count, completion)
        for loop in loops { loop.execute { @Sendable in counter.answer() } }
    }

    /// Ends every loop; `completion` runs when all descriptors are closed.
    package func shutdown(_ completion: @escaping @Sendable () -> Void = {}) {
        let done = DispatchGroup()
        for loop in loops {
            done.enter()
            loop.shutdown { @Sendable in done.leave() }
        }
        done.notify(queue: .global()) { @Sendable in completion() }
    }
}

/// Counts the loops that have answered a ping.
private final class PingCounter: Sendable {
    private let left: Atomic<Int>
    private let completion: @Sendable () -> Void

    init(_ count: Int, _ completion: @escaping @Sendable () -> Void) {
        left = Atomic(count)
        self.completion = completion
    }

    func answer() {
        if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { completion() }
    }
}
