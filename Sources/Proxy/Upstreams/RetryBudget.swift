import Synchronization
import Transport

/// How many retries the requests of the last seconds allow.
///
/// A sliding window of one-second slots, as a token bucket would let a burst after a quiet hour through. Counting a
/// request is two loads and one add; only a retry, and the first request of a second, takes a lock.
final class RetryBudget: Sendable {
    private final class Slot: Sendable {
        /// The second that it counts.
        let second = Atomic<UInt64>(.max)
        let requests = Atomic<Int>(0)
        let retries = Atomic<Int>(0)
    }

    private let settings: RetryBudgetSettings
    private let slots: [Slot]
    private let turning = Mutex(())
    /// Retries that were wanted and not allowed.
    let exhausted = Atomic<Int>(0)

    init(_ settings: RetryBudgetSettings) {
        self.settings = settings
        slots = (0..<max(1, settings.windowSeconds)).map { _ in Slot() }
    }

    /// Counts a request that is sent for the first time.
    func countRequest(at now: MonotonicTime) {
        slot(of: now).requests.wrappingAdd(1, ordering: .relaxed)
    }

    /// Whether one more retry is within the budget; it is counted then.
    func spend(at now: MonotonicTime) -> Bool {
        let slot = slot(of: now)
        let isAllowed = turning.withLock { _ in
            let second = Self.second(now)
            var requests = 0
            var retries = 0
            for slot in slots where second &- slot.second.load(ordering: .relaxed) < UInt64(slots.count) {
                requests += slot.requests.load(ordering: .relaxed)
                retries += slot.retries.load(ordering: .relaxed)
            }
            let allowed =
                settings.share * Double(requests) + Double(settings.perSecondMin * slots.count)
            guard Double(retries + 1) <= allowed else { return false }
            slot.retries.wrappingAdd(1, ordering: .relaxed)
            return true
        }
        if !isAllowed { exhausted.wrappingAdd(1, ordering: .relaxed) }
        return isAllowed
    }

    private static func second(_ time: MonotonicTime) -> UInt64 { time.nanoseconds / 1_000_000_000 }

    private func slot(of now: MonotonicTime) -> Slot {
        let second = Self.second(now)
        let slot = slots[Int(second % UInt64(slots.count))]
        guard slot.second.load(ordering: .acquiring) != second else { return slot }
        turning.withLock { _ in
            // A loop whose batch of events began in the last second must not turn the slot back.
            let kept = slot.second.load(ordering: .relaxed)
            guard kept == .max || kept < second else { return }
            slot.requests.store(0, ordering: .relaxed)
            slot.retries.store(0, ordering: .relaxed)
            slot.second.store(second, ordering: .releasing)
        }
        return slot
    }
}
