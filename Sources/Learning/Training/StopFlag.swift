import Synchronization

/// Whether someone asked training to stop: set from a signal, read between steps, and waited for where a step would be long.
package final class StopFlag: Sendable {
    private struct Waiters {
        var count = 0
        var continuations: [Int: CheckedContinuation<Void, Never>] = [:]
    }
    private let raised = Atomic(false)
    private let waiters = Mutex(Waiters())

    /// A flag that nobody has raised.
    package init() {}

    /// Asks to stop at the next step, and wakes whoever waits.
    package func raise() {
        let woken = waiters.withLock { waiters in
            raised.store(true, ordering: .relaxed)
            defer { waiters.continuations = [:] }
            return Array(waiters.continuations.values)
        }
        woken.forEach { $0.resume() }
    }

    /// True once ``raise()`` was called.
    package var isRaised: Bool { raised.load(ordering: .relaxed) }

    /// Returns once ``raise()`` was called or the task is cancelled.
    package func wait() async {
        let number = waiters.withLock { waiters in
            waiters.count += 1
            return waiters.count
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = waiters.withLock { waiters in
                    // A cancellation is noted before its handler takes the lock.
                    if isRaised || Task.isCancelled { return true }
                    waiters.continuations[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            waiters.withLock { $0.continuations.removeValue(forKey: number) }?.resume()
        }
    }
}
