import Foundation
import Transport

/// The time since the start of the Unix era that never steps back while the process runs: wall time at the start plus
/// monotonic time since. Challenges are issued and expire by it, since a step back would revive spent ones. Keys and tokens do
/// not: a clock that was wrong at the start, or a machine that slept, would let them live for as long too much or too little.
struct UnixClock: Sendable {
    private let start: Duration
    private let origin: MonotonicTime
    private let clock: any LoopClock

    init(clock: any LoopClock) {
        self.clock = clock
        start = .milliseconds(Int64(Date().timeIntervalSince1970 * 1000))
        origin = clock.now()
    }

    /// Now, since 1970-01-01T00:00:00Z.
    func now() -> Duration { start + clock.now().duration(since: origin) }
}
