import Dispatch
import Engine
import Foundation
import SAME
import Synchronization
import Tensor
import Transport

/// A bounded queue before a fixed set of worker threads: the only place where networks run.
///
/// The bound counts rows, not jobs, since a batch of a hundred queries is a hundred times the work of one. A full queue is
/// an answer (`Admission.overloaded`), never a wait: what then happens to the query is the route's `on_overload`, or a refusal
/// where its client has others waiting (`Admission.crowded`).
///
/// A free worker takes what waits then, from several requests where there are several; it waits for more only where
/// `turnWait` says so and all others are busy.
///
/// **Runs on** `submit` and `stop` on any thread; jobs on the pool's own threads.
package final class ScoringPool: Sendable {
    /// Work for one worker: it gets that worker's private scratch memory, by which it `tell`s what it has found.
    package typealias Job = @Sendable (ScoringScratch) -> Void

    /// What became of what was submitted.
    package enum Admission: Sendable, Equatable {
        /// A worker will run it, exactly once.
        case accepted
        /// The queue holds as many rows as it may: the work is dropped.
        case overloaded
        /// The same, and it is not its client's only row.
        case crowded
        /// The pool is stopping: the work is dropped.
        case stopped
    }

    private struct State {
        var queue: ScoringQueue
        /// Workers that sleep; the last to fall asleep, whose caches are warmest, is woken first.
        var idle: [Int] = []
        /// The worker that waits for a fuller turn.
        var gathering: Int?
        var isStopped = false
    }

    private enum Step {
        case run(ScoringQueue.Turn?)
        case sleep
        case gather
        case end
    }

    private let state: Mutex<State>
    /// One for each worker, signalled once each time it is taken out of `idle` or `gathering`.
    private let wake: [DispatchSemaphore]
    private let finished = DispatchGroup()
    private let refused = Atomic<UInt64>(0)
    private let clock: any LoopClock
    private let turnWait: Duration

    /// The most rows that may wait for a worker, those left out that other clients have beyond what a client has.
    package let queueRowsMax: Int

    /// The number of threads.
    package var workers: Int { wake.count }

    /// Starts `workers` threads before a queue of at most `queueRowsMax` rows, of which one takes at most `turnRowsMax` at
    /// once (as many as a plan gains from, where nil), and waits up to `turnWait` for so many while all others work.
    package init(
        workers: Int, queueRowsMax: Int, turnRowsMax: Int? = nil, turnWait: Duration = .zero,
        clock: any LoopClock = SystemClock()
    ) {
        precondition(workers > 0 && queueRowsMax > 0, "settings are validated before a pool is made")
        self.queueRowsMax = queueRowsMax
        self.turnWait = turnWait
        self.clock = clock
        wake = (0..<workers).map { _ in DispatchSemaphore(value: 0) }
        let queue = ScoringQueue(rowsMax: queueRowsMax, turnRowsMax: turnRowsMax)
        state = Mutex(State(queue: queue))
        for index in 0..<workers {
            finished.enter()
            let thread = Thread { [self] in
                run(index)
                finished.leave()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Queues `job`, which stands for `rows` rows (at least 1) and about so many operations: what it counts for beside the
    /// models' rows. A client of nil is not told from others. A job that `mayBeReserved` is accepted by a full queue too, one of a client
    /// and of all no more than the queue has rows.
    package func submit(
        rows: Int, operations: Double = 0, of client: ScoringClient? = nil,
        at place: ScoringPlace = ScoringPlace(), mayBeReserved: Bool = false, _ job: @escaping Job
    ) -> Admission {
        precondition(rows > 0, "a job has at least one row")
        return submit(
            .job(rows: rows, operations: operations, job), client, at: place, mayBeReserved: mayBeReserved)
    }

    /// Queues a query, of a request of so many rows `together` where not all of them are to be examined.
    package func submit(
        _ query: ScoringQuery, of client: ScoringClient? = nil, together: Int = 1
    ) -> Admission {
        submit(.query(query), client, at: query.place, together: together)
    }

    /// Takes back what nobody waits for any more. What waits leaves the queue at once, with all that it holds; what a worker has
    /// counts for nobody from now on; a query of it that is not examined to the end by then is told to nobody.
    package func leave(_ places: [ScoringPlace]) {
        guard !places.isEmpty else { return }
        let left = state.withLock { state in places.compactMap { state.queue.leave($0) } }
        // Whoever goes with it may have something to give back here: not before the lock is free.
        withExtendedLifetime(left) {}
    }

    /// Leave for a row that gets no score to go by; nil where the client has one that does. A client of nil is not told from others,
    /// and always gets it.
    package func letBy(_ client: ScoringClient?) -> ScoringPass? {
        guard let client else { return ScoringPass(nil, of: self) }
        let isFirst = state.withLock { $0.queue.shares.pass(client) }
        return isFirst ? ScoringPass(client, of: self) : nil
    }

    /// What `letBy` allowed is over; for `ScoringPass` alone.
    func passed(_ client: ScoringClient) { state.withLock { $0.queue.shares.endPass(of: client) } }

    /// Rows of clients that go by without a score now.
    var passingRows: Int { state.withLock { $0.queue.shares.passing } }

    private func submit(
        _ work: ScoringQueue.Work, _ client: ScoringClient?, at place: ScoringPlace, together: Int = 1,
        mayBeReserved: Bool = false
    ) -> Admission {
        var displaced: [ScoringQueue.Ended] = []
        var woken: Int?
        let admission = state.withLock { state -> Admission in
            if state.isStopped { return .stopped }
            switch state.queue.add(
                work, at: place, of: client, together: together, mayBeReserved: mayBeReserved)
            {
            case .full: return .overloaded
            case .crowded: return .crowded
            case .queued(let found): displaced = found
            }
            woken = state.idle.popLast() ?? gathered(&state)
            return .accepted
        }
        if let woken { wake[woken].signal() }
        for ended in displaced { ended.query.end(ended.outcome) }
        if admission != .accepted { refused.add(1, ordering: .relaxed) }
        return admission
    }

    /// The worker that waits for a fuller turn, once it need not any more.
    private func gathered(_ state: inout State) -> Int? {
        guard let worker = state.gathering, state.queue.hasWholeTurn else { return nil }
        state.gathering = nil
        return worker
    }

    /// Rows that wait for a worker now.
    package var queuedRows: Int { state.withLock { $0.queue.rows } }

    /// Jobs and queries that were refused since the pool started.
    package var refusedJobs: UInt64 { refused.load(ordering: .relaxed) }

    /// Lets queued work finish, takes no more, and waits for the workers to end. May be called more than once.
    package func stop() {
        let sleepers = state.withLock { state -> [Int] in
            state.isStopped = true
            defer { (state.idle, state.gathering) = ([], nil) }
            return state.idle + (state.gathering.map { [$0] } ?? [])
        }
        for worker in sleepers { wake[worker].signal() }
        finished.wait()
    }

    // MARK: Workers

    /// Names the calling thread as `top -H` and the kernel's files show it, where Foundation's own name does not get; at most
    /// 15 bytes. A thread without a name works as well.
    private static func nameThread(_ name: String) {
        FileHandle(forWritingAtPath: "/proc/thread-self/comm")?.write(Data(name.utf8))
    }

    private func run(_ worker: Int) {
        Self.nameThread("scorer-\(worker)")
        let scratch = ScoringScratch()
        var hasGathered = false
        while true {
            var late: [ScoringQueue.Ended] = []
            switch step(worker, hasGathered, &late) {
            case .end: return
            case .sleep: wake[worker].wait()
            case .gather:
                gather(worker)
                hasGathered = true
                continue
            case .run(let turn):
                for ended in late { ended.query.end(ended.outcome) }
                if let turn { perform(turn, scratch) }
            }
            hasGathered = false
        }
    }

    /// Does a turn, gives its rows back, and then tells of it: a client may ask again the moment that it is answered, and
    /// what it was answered must not count against it.
    private func perform(_ turn: ScoringQueue.Turn, _ scratch: ScoringScratch) {
        switch turn.work {
        case .job(let job): job(scratch)
        case .rows(let plan, let slices): scratch.examine(slices, by: plan, clock)
        }
        let told = scratch.takeTold()
        state.withLock { $0.queue.finish(turn.shares, told: told.compactMap(\.place)) }
        for message in told { message.tell() }
    }

    /// What a worker does next.
    private func step(
        _ worker: Int, _ hasGathered: Bool, _ late: inout [ScoringQueue.Ended]
    ) -> Step {
        let now = clock.now()
        var woken: Int?
        let step = state.withLock { state -> Step in
            if state.queue.isEmpty {
                if state.isStopped { return .end }
                state.idle.append(worker)
                return .sleep
            }
            if !hasGathered, turnWait > .zero, mayGather(state) {
                state.gathering = worker
                return .gather
            }
            let turn = state.queue.take(now: now, workers: 1 + state.idle.count, late: &late)
            // Work that is left over is another's: a submission wakes one worker, though it may have brought many rows.
            if !state.queue.isEmpty { woken = state.idle.popLast() }
            return .run(turn)
        }
        if let woken { wake[woken].signal() }
        return step
    }

    /// A query is held back only where no worker is free for the next one, and others are at work.
    private func mayGather(_ state: borrowing State) -> Bool {
        wake.count > 1 && state.idle.isEmpty && state.gathering == nil && !state.isStopped
            && !state.queue.hasWholeTurn
    }

    private func gather(_ worker: Int) {
        let nanoseconds = Int(clamping: turnWait.nanoseconds)
        guard wake[worker].wait(timeout: .now() + .nanoseconds(nanoseconds)) == .timedOut else { return }
        let isSignalled = state.withLock { state in
            guard state.gathering == worker else { return true }
            state.gathering = nil
            return false
        }
        // Whoever took it out of `gathering` signals, if it has not yet.
        if isSignalled { wake[worker].wait() }
    }
}
