import CPosix

/// The allocator's heaps: how many there are, and what they hold.
///
/// glibc gives threads heaps of their own, eight for each processor, and a heap keeps what its busiest moment took. Threads of
/// queues come and go and wander over all of them, so that the process takes many times that moment's memory in the end,
/// which looks like a leak for hours. The loops and workers of a daemon gain nothing from more heaps than run at once.
package enum Heaps {
    /// Bytes in use, and bytes kept for later.
    package struct Use: Sendable, Equatable {
        /// Bytes that were asked for and not given back.
        package let used: UInt64
        /// Bytes that were given back and not returned to the system.
        package let kept: UInt64
    }

    /// Has threads that begin from here on share `count` heaps, 2 at least. False where the allocator cannot be told.
    @discardableResult
    package static func bound(to count: Int) -> Bool {
        cposix_bound_heaps(Int32(clamping: max(2, count))) == 0
    }

    /// What the heaps hold now; zero where the allocator does not say.
    package static var use: Use {
        var used: UInt64 = 0
        var kept: UInt64 = 0
        cposix_heap_use(&used, &kept)
        return Use(used: used, kept: kept)
    }
}
