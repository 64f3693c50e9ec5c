import Synchronization

/// A clock that stands still until it is told otherwise: every deadline can be tested without waiting for it.
package final class ManualClock: LoopClock {
    private struct State {
        var time = MonotonicTime(nanoseconds: 1_000_000_000)
        var loops: [EventLoop] = []
    }

    private let state = Mutex(State())

    /// A clock at one second past its start.
    package init() {}

    /// Where the clock stands.
    package func now() -> MonotonicTime { state.withLock(\.time) }

    /// A fixed day plus what has been advanced.
    package func wallSeconds() -> Int64 { 784_111_777 + Int64(now().nanoseconds / 1_000_000_000) }

    /// Itself.
    package var manual: ManualClock? { self }

    func register(_ loop: EventLoop) { state.withLock { $0.loops.append(loop) } }

    func unregister(_ loop: EventLoop) { state.withLock { $0.loops.removeAll { $0 === loop } } }

    /// Moves the time forward and returns when every loop has fired the timers that became due. What is ready before is
    /// taken up in the time before.
    /// **Runs on** any thread but a loop's own.
    package func advance(by duration: Duration) {
        let loops = state.withLock { $0.loops }
        for loop in loops { loop.sync { @Sendable in loop.settle() } }
        state.withLock { $0.time = $0.time.advanced(by: duration) }
        for loop in loops {
            loop.sync { @Sendable in loop.fireTimers() }
        }
    }
}
