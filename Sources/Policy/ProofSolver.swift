import Dispatch
import Synchronization

/// The reference client of proof-of-work: finds a solution with several threads, knowing only the token.
package enum ProofSolver {
    /// Why no solution was found.
    package enum Failure: Error, Hashable, Sendable {
        /// The text is not a challenge token.
        case malformedToken
        /// The caller asked to stop.
        case cancelled
        /// The bound on hashes was reached.
        case gaveUp(hashes: UInt64)
    }

    /// How often a thread looks up from its work, in hashes.
    static let stride: UInt64 = 4096

    /// What the threads share.
    private struct Shared: ~Copyable {
        let stop = Atomic(false)
        let hashes = Atomic<UInt64>(0)
        let found = Mutex<Solution?>(nil)
        let cancelled = Atomic(false)
    }

    /// A solution of the challenge `token`, after any number of hashes up to about `hashesMax`.
    ///
    /// - Parameters:
    ///   - threads: how many search at once; the calling thread is one of them and waits for the others.
    ///   - hashesMax: where to give up; the expected number for the target is `Challenge.target.expectedHashes`.
    ///   - isCancelled: asked every few thousand hashes, on any of the threads.
    ///   - progress: told the hashes so far, every few thousand, on one thread at a time.
    /// Throws: `Failure`.
    /// Runs on: Dispatch's global threads; blocks the caller.
    package static func solve(
        token: String, threads: Int, hashesMax: UInt64 = .max, isCancelled: @Sendable () -> Bool = { false },
        progress: @Sendable (UInt64) -> Void = { _ in }
    ) throws(Failure) -> Solution {
        guard let challenge = Challenge(unverifiedToken: token) else { throw .malformedToken }
        let threads = max(1, min(threads, 1024))
        let shared = Shared()
        DispatchQueue.concurrentPerform(iterations: threads) { lane in
            var work = ProofWork(token: token)
            var counter = UInt64(lane)
            while !shared.stop.load(ordering: .relaxed) {
                if let solution = search(
                    &work, from: &counter, step: UInt64(threads), target: challenge.target)
                {
                    shared.found.withLock { $0 = solution }
                    shared.stop.store(true, ordering: .relaxed)
                }
                let total = shared.hashes.wrappingAdd(stride, ordering: .relaxed).newValue
                if lane == 0 { progress(total) }
                if total >= hashesMax { shared.stop.store(true, ordering: .relaxed) }
                if isCancelled() {
                    shared.cancelled.store(true, ordering: .relaxed)
                    shared.stop.store(true, ordering: .relaxed)
                }
            }
        }
        if let solution = shared.found.withLock({ $0 }) { return solution }
        throw shared.cancelled.load(ordering: .relaxed)
            ? .cancelled : .gaveUp(hashes: shared.hashes.load(ordering: .relaxed))
    }

    /// Tries `stride` numbers, `step` apart, and leaves `counter` after the last one tried.
    private static func search(
        _ work: inout ProofWork, from counter: inout UInt64, step: UInt64, target: WorkTarget
    ) -> Solution? {
        for _ in 0..<stride {
            let solution = Solution(counter: counter)
            if work.wins(solution, against: target) { return solution }
            counter &+= step
        }
        return nil
    }
}
