import CPosix
import Glibc
import Synchronization

/// A child that was started and has not said yet that it serves, until its end is known.
///
/// A process id is another's once the child's end was asked for: both that and signals happen under one lock.
final class UnreadyProcess: Sendable {
    private struct State {
        /// Its id; 0 for none, or none any more.
        var process: Int32 = 0
        /// What `cposix_child_status` has said of its end.
        var status: Int32 = 0
        var isWithdrawn = false
    }

    private let state = Mutex(State())

    /// From here on it may be ended; at once, when none is wanted any more.
    func begin(_ process: Int32) {
        state.withLock {
            $0.process = process
            $0.status = 0
            if $0.isWithdrawn { kill(process, SIGTERM) }
        }
    }

    /// It serves, or its end was told: it is nobody's to end.
    func forget() { state.withLock { $0.process = 0 } }

    /// How it has ended; 0 when that is not known.
    var status: Int32 { state.withLock { $0.status } }

    /// Whether `withdraw` was called.
    var isWithdrawn: Bool { state.withLock { $0.isWithdrawn } }

    /// Tells the child to end, and every one that begins after. Returns whether there is one.
    func withdraw() -> Bool {
        state.withLock {
            $0.isWithdrawn = true
            if $0.process > 0 { kill($0.process, SIGTERM) }
            return $0.process > 0
        }
    }

    /// Ends the child, by force after `grace`. **Runs on** any queue that may wait so long.
    func end(within grace: Duration) {
        send(SIGTERM)
        if waitForEnd(within: grace) { return }
        send(SIGKILL)
        _ = waitForEnd(within: .seconds(2))
    }

    private func send(_ number: Int32) {
        state.withLock { if $0.process > 0 { kill($0.process, number) } }
    }

    /// Whether it has ended, at the latest after this time.
    func waitForEnd(within limit: Duration) -> Bool {
        let deadline = ContinuousClock.now + limit
        while !hasEnded() {
            guard ContinuousClock.now < deadline else { return false }
            usleep(10_000)
        }
        return true
    }

    private func hasEnded() -> Bool {
        state.withLock { state in
            guard state.process > 0 else { return true }
            let status = cposix_child_status(state.process)
            guard status != 0 else { return false }
            state.process = 0
            state.status = status
            return true
        }
    }
}
