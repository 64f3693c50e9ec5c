import Dispatch
import Foundation
import Synchronization

/// A bounded queue before a fixed set of worker threads: the only place where networks run.
///
/// The bound counts rows, not jobs, since a batch of a hundred queries is a hundred times the work of one. A full queue is
/// an answer (`Admission.overloaded`), never a wait: what then happens to the query is the route's `on_overload`.
///
/// **Runs on** `submit` and `stop` on any thread; jobs on the pool's own threads.
package final class ScoringPool: Sendable {
    /// Work for one worker: it gets that worker's private scratch memory.
    package typealias Job = @Sendable (ScoringScratch) -> Void

    /// What became of a submitted job.
    package enum Admission: Sendable, Equatable {
        /// A worker will run it, exactly once.
        case accepted
        /// The queue holds as many rows as it may: the job is dropped.
        case overloaded
        /// The pool is stopping: the job is dropped.
        case stopped
    }

    private struct Waiting {
        var jobs: [(rows: Int, job: Job)?]
        var head = 0
        var count = 0
        var rows = 0
        var isStopped = false
    }

    private let waiting: Mutex<Waiting>
    private let available = DispatchSemaphore(value: 0)
    private let finished = DispatchGroup()
    private let refused = Atomic<UInt64>(0)
    private let workers: Int

    /// The most rows that may wait for a worker.
    package let queueRowsMax: Int

    /// Starts `workers` threads before a queue of at most `queueRowsMax` rows.
    package init(workers: Int, queueRowsMax: Int) {
        precondition(workers > 0 && queueRowsMax > 0, "settings are validated before a pool is made")
        self.workers = workers
        self.queueRowsMax = queueRowsMax
        waiting = Mutex(Waiting(jobs: Array(repeating: nil, count: queueRowsMax)))
        for index in 0..<workers {
            finished.enter()
            let thread = Thread { [self] in
                run()
                finished.leave()
            }
            thread.name = "scorer-\(index)"
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Queues `job`, which stands for `rows` rows (at least 1).
    ///
    /// A job larger than the whole queue is taken when nothing waits: otherwise no batch of that size could ever be scored.
    package func submit(rows: Int, _ job: @escaping Job) -> Admission {
        precondition(rows > 0, "a job has at least one row")
        let admission = waiting.withLock { waiting -> Admission in
            if waiting.isStopped { return .stopped }
            let fits = waiting.rows + rows <= queueRowsMax || waiting.count == 0
            guard fits else { return .overloaded }
            waiting.jobs[(waiting.head + waiting.count) % waiting.jobs.count] = (rows, job)
            waiting.count += 1
            waiting.rows += rows
            return .accepted
        }
        switch admission {
        case .accepted: available.signal()
        case .overloaded, .stopped: refused.add(1, ordering: .relaxed)
        }
        return admission
    }

    /// Rows that wait for a worker now.
    package var queuedRows: Int { waiting.withLock { $0.rows } }

    /// Jobs that were refused since the pool started.
    package var refusedJobs: UInt64 { refused.load(ordering: .relaxed) }

    /// Lets queued jobs finish, takes no more, and waits for the workers to end. May be called more than once.
    package func stop() {
        let first = waiting.withLock { waiting in
            defer { waiting.isStopped = true }
            return !waiting.isStopped
        }
        if first { for _ in 0..<workers { available.signal() } }
        finished.wait()
    }

    private func run() {
        let scratch = ScoringScratch()
        while let job = next() { job(scratch) }
    }

    /// The next job, or nil when the pool is stopped and nothing is left.
    private func next() -> Job? {
        available.wait()
        return waiting.withLock { waiting in
            guard waiting.count > 0, let entry = waiting.jobs[waiting.head] else { return nil }
            waiting.jobs[waiting.head] = nil
            waiting.head = (waiting.head + 1) % waiting.jobs.count
            waiting.count -= 1
            waiting.rows -= entry.rows
            return entry.job
        }
    }
}
