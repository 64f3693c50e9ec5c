import Dispatch
import Synchronization

/// How many connections a loop serves, and how late it is; any thread may ask.
package final class LoopLoad: Sendable {
    private let value = Atomic<Int>(0)
    /// The lateness last published, and when. **Units**: nanoseconds.
    private let lag = Atomic<UInt64>(0)
    private let lagTime = Atomic<UInt64>(0)
    /// The share of a processor last published, in thousandths, and when.
    private let share = Atomic<UInt64>(0)
    private let shareTime = Atomic<UInt64>(0)

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

    /// The share of a processor that the loop's thread has had of late, from 0 to 1; of a loop that has not run since, 0.
    package func utilisation(at now: MonotonicTime) -> Double {
        let since = now.nanoseconds &- min(shareTime.load(ordering: .relaxed), now.nanoseconds)
        return since < 3 * LoopUse.window ? Double(share.load(ordering: .relaxed)) / 1000 : 0
    }

    func publish(_ use: LoopUse, at now: MonotonicTime) {
        share.store(use.permille, ordering: .relaxed)
        shareTime.store(now.nanoseconds, ordering: .relaxed)
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

    /// The loop for a new connection, accepted on `local`: the fullest of those that have few and time for more, or else the
    /// one with the fewest.
    ///
    /// Few connections are cheapest together: what is ready for one is found with what is ready for another, in one wait and
    /// with warm caches, while a second loop would be woken for each event of its own. How few depends on whether the
    /// connection can leave again (`canMove`) when its loop turns out to have no rest.
    package func loop(near local: EventLoop, canMove: Bool) -> EventLoop {
        fillingLoop(at: local.clock.now(), below: canMove ? Self.fill : Self.fillForGood)
            ?? emptiestLoop(near: local)
    }

    private func fillingLoop(at now: MonotonicTime, below fill: Int) -> EventLoop? {
        var best: EventLoop?
        var most = -1
        for loop in loops {
            let count = loop.load.count
            guard count < fill, count > most, loop.load.utilisation(at: now) < Self.busy else {
                continue
            }
            best = loop
            most = count
        }
        return best
    }

    /// The loop with the fewest connections, preferring `local` unless it has clearly more than another.
    private func emptiestLoop(near local: EventLoop) -> EventLoop {
        var best = local
        var least = local.load.count - Self.slack
        for loop in loops where loop !== local && loop.load.count < least {
            best = loop
            least = loop.load.count
        }
        return best
    }

    /// Connections that a loop is given before others get any, as long as it has time for them: those that can leave it
    /// again, and those that cannot.
    package static let fill = 256
    package static let fillForGood = 8
    /// The utilisation from which a loop has no time for more.
    private static let busy = 0.6
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
