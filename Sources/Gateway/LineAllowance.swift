import Transport

/// How many lines of one sort a log may get: some at once, and one more after each such time; the rest are counted.
struct LineAllowance {
    private let burst: Int
    private let refill: Duration
    private var lines: Int
    private var since: MonotonicTime
    /// Lines that were kept back since the last one.
    private var silenced = 0

    /// A full allowance of `burst` lines.
    init(burst: Int, refill: Duration, now: MonotonicTime) {
        self.burst = burst
        self.refill = refill
        lines = burst
        since = now
    }

    /// How many lines were kept back before this one; nil when it is kept back itself.
    mutating func admit(at now: MonotonicTime) -> Int? {
        let passed = Int(now.duration(since: since) / refill)
        if passed > 0 {
            lines = min(burst, lines + min(passed, burst))
            since = now
        }
        guard lines > 0 else {
            silenced += 1
            return nil
        }
        lines -= 1
        defer { silenced = 0 }
        return silenced
    }
}
