import Dispatch
import Synchronization

/// What a pass through a network needs besides its weights: memory, and threads to share the work among.
///
/// A workspace belongs to one thread at a time and is reused from pass to pass. A gateway worker has its own
/// with one thread; training has one with as many threads as cores. Results do not depend on the number of
/// threads, bit for bit: work is always cut the same way, by outputs, and never summed in order of arrival.
package final class Workspace {
    /// The number of threads that share the work, the caller's included.
    package let threads: Int
    /// Activations of the present pass.
    package let arena = Arena()
    /// Short-lived memory of each thread.
    private let scratch: [Arena]

    package init(threads: Int = 1) {
        precondition(threads >= 1)
        self.threads = threads
        scratch = (0..<threads).map { _ in Arena() }
    }

    /// As many threads as the machine has processors.
    package static var processorCount: Int { max(1, processors()) }

    /// The number of bytes held for reuse.
    package var bytesHeld: Int { scratch.reduce(arena.bytesHeld) { $0 + $1.bytesHeld } }

    /// Calls the body once for every item, on all threads, and returns when all are done.
    ///
    /// Items must not write what another reads. The arena given is the thread's own, released after each item.
    package func forEach(_ items: Int, _ body: (_ item: Int, _ scratch: Arena) -> Void) {
        share(items) { item, thread in
            let scratch = self.scratch[thread]
            let mark = scratch.mark()
            body(item, scratch)
            scratch.release(to: mark)
        }
    }

    /// Calls the body once for every item, on all threads, and returns when all are done.
    ///
    /// Items must not write what another reads. The number of the thread, below ``threads``, is for what each thread has
    /// of its own: no two items run under one number at once.
    package func share(_ items: Int, _ body: (_ item: Int, _ thread: Int) -> Void) {
        guard threads > 1, items > 1 else {
            for item in 0..<items { body(item, 0) }
            return
        }
        let next = Atomic(0)
        // because: the caller waits here until all threads have finished, and the body keeps apart what they write.
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: min(threads, items)) { @Sendable thread in
            while true {
                let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard item < items else { return }
                body(item, thread)
            }
        }
    }

    /// Calls the body with consecutive ranges that cover 0..<count, each of `chunk` values (the last maybe fewer).
    package func forEachChunk(of count: Int, by chunk: Int, _ body: (Range<Int>, Arena) -> Void) {
        let size = max(1, chunk)
        forEach((count + size - 1) / size) { item, scratch in
            body(item * size..<min(count, (item + 1) * size), scratch)
        }
    }
}
