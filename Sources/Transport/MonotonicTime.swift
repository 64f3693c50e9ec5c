import CPosix

/// A point on a clock that never goes back. **Units**: nanoseconds since an arbitrary start.
///
/// A word instead of `ContinuousClock.Instant`, whose 128-bit arithmetic showed in profiles: a deadline is
/// stored several times a request.
package struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's start.
    package let nanoseconds: UInt64

    /// The point `nanoseconds` after the start.
    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Later than every point that is reached.
    package static let never = MonotonicTime(nanoseconds: .max)

    /// This point plus `nanoseconds`, stopping at `never`.
    package func advanced(byNanoseconds count: UInt64) -> MonotonicTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
        return overflow ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// This point plus `duration`, stopping at `never`.
    package func advanced(by duration: Duration) -> MonotonicTime {
        advanced(byNanoseconds: duration.nanoseconds)
    }

    /// The nanoseconds from `earlier` to this point; zero when it lies after it.
    package func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
        nanoseconds <= earlier.nanoseconds ? 0 : nanoseconds - earlier.nanoseconds
    }

    /// The time from `earlier` to this point; zero when it lies after it.
    package func duration(since earlier: MonotonicTime) -> Duration {
        nanoseconds <= earlier.nanoseconds
            ? .zero : .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
    }

    /// Earlier comes first.
    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}

extension Duration {
    /// Whole nanoseconds, between 0 and what a word holds.
    package var nanoseconds: UInt64 {
        let all = attoseconds
        guard all >= 0 else { return 0 }
        // One division of the processor's instead of 128-bit arithmetic: several deadlines are set for a request.
        let high = UInt64(truncatingIfNeeded: all >> 64)
        guard high < 1_000_000_000 else { return .max }
        return UInt64(1_000_000_000).dividingFullWidth((high, UInt64(truncatingIfNeeded: all))).quotient
    }
}

/// Where loops read the time, so that a test decides how late it is.
package protocol LoopClock: Sendable {
    /// The present.
    func now() -> MonotonicTime
    /// Seconds since 1970, for `Date`.
    func wallSeconds() -> Int64
    /// Nil when time passes by itself; otherwise the loop registers for being told of each step.
    var manual: ManualClock? { get }
}

/// The machine's own clock.
package struct SystemClock: LoopClock {
    /// The one clock.
    package init() {}
    /// CLOCK_MONOTONIC.
    package func now() -> MonotonicTime { MonotonicTime(nanoseconds: cposix_monotonic()) }
    /// CLOCK_REALTIME.
    package func wallSeconds() -> Int64 { cposix_wall_seconds() }
    /// Nil: time passes by itself.
    package var manual: ManualClock? { nil }
}
