import Synchronization

/// Work that other threads give a loop, and the word that it is there.
///
/// While the loop drains its events, work is kept here and done between two batches: going through the loop's queue
/// would make it hand its thread back for each piece. Otherwise, or behind work that is in the queue already, it goes
/// through the queue, so that everything is done in the order in which it was given.
final class LoopMailbox: Sendable {
    /// Work from elsewhere.
    typealias Work = @Sendable () -> Void

    private struct State {
        /// The loop drains, and will look here.
        var isAttended = false
        /// Work in the queue, which the loop has to get out of the way of.
        var queued = 0
        var kept: [Work] = []
    }

    private let state = Mutex(State())
    /// Pieces that wait, here or in the queue.
    private let waiting = Atomic<Int>(0)
    private let isAsleep = Atomic<Bool>(false)

    /// Whether the loop waits in its epoll and has to be woken. Asked after `keep` or `enqueue`.
    var mustWake: Bool { isAsleep.load(ordering: .sequentiallyConsistent) }

    /// Whether nothing waits.
    var isEmpty: Bool { waiting.load(ordering: .sequentiallyConsistent) == 0 }

    /// Keeps the work if the loop comes by; otherwise it has to go through the queue, and is counted.
    func keep(_ work: @escaping Work) -> Bool {
        // Either the loop sees the count before it sleeps, or `mustWake` sees that it sleeps.
        waiting.add(1, ordering: .sequentiallyConsistent)
        return state.withLock { state in
            guard state.isAttended, state.queued == 0 else {
                state.queued += 1
                return false
            }
            state.kept.append(work)
            return true
        }
    }

    /// Counts work that goes through the queue in any case.
    func enqueue() {
        state.withLock { $0.queued += 1 }
        waiting.add(1, ordering: .sequentiallyConsistent)
    }

    /// Work from the queue is being done.
    func dequeued() {
        state.withLock { $0.queued -= 1 }
        waiting.subtract(1, ordering: .relaxed)
    }

    // MARK: For the loop

    /// The loop drains from now on. False when work in the queue has to be done first.
    func attend() -> Bool {
        state.withLock { state in
            state.isAttended = state.queued == 0
            return state.isAttended
        }
    }

    /// What has been kept, in order; nil when work is in the queue and the loop has to return.
    func collect() -> [Work]? {
        take { $0.queued == 0 }
    }

    /// The loop drains no more; what has been kept is to be done before it returns.
    func leave() -> [Work] {
        take { state in
            state.isAttended = false
            return true
        } ?? []
    }

    private func take(_ condition: (inout State) -> Bool) -> [Work]? {
        var work: [Work] = []
        let isGood = state.withLock { state in
            guard condition(&state) else { return false }
            swap(&work, &state.kept)
            return true
        }
        guard isGood else { return nil }
        waiting.subtract(work.count, ordering: .relaxed)
        return work
    }

    /// Calls `wait` with whether nothing is to be done before; others know meanwhile that they have to wake it.
    func sleep(_ wait: (Bool) -> Int32) -> Int32 {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        defer { isAsleep.store(false, ordering: .relaxed) }
        return wait(isEmpty)
    }
}
