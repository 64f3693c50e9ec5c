/// One deadline and what happens when it passes.
///
/// Moving a deadline later is a store: the wheel looks at the new value when the old one comes up. A connection
/// that is alive therefore pays nothing for its timeouts.
package final class LoopTimer {
    fileprivate(set) var deadline: MonotonicTime = .never
    fileprivate var examined: MonotonicTime = .never
    fileprivate var bucket = -1
    fileprivate var position = 0
    /// Swept but not run yet: an earlier one of the same sweep may still call it off.
    fileprivate var isDue = false
    private let action: () -> Void

    /// A disarmed timer. `action` runs on the loop and should not keep the timer's owner alive.
    package init(_ action: @escaping () -> Void) { self.action = action }

    /// True while a deadline is set.
    package var isArmed: Bool { deadline != .never }

    /// Runs the action, unless the timer has been called off since it was swept.
    func fireIfDue() {
        guard isDue else { return }
        isDue = false
        action()
    }
}

/// Timers hashed by the tick at which they are looked at. Everything is O(1) but advancing, which is linear in
/// what is due. **Runs on** its loop.
struct TimerWheel {
    /// Deadlines pass up to one tick late, never early. **Units**: nanoseconds.
    static let tick: UInt64 = 20_000_000
    static let bucketCount = 512

    private var buckets: [[LoopTimer]] = Array(repeating: [], count: bucketCount)
    private var occupied: [UInt64] = Array(repeating: 0, count: bucketCount / 64)
    /// Every tick up to and with this one has been looked at.
    private var lastTick: UInt64
    private(set) var count = 0

    init(now: MonotonicTime) { lastTick = now.nanoseconds / Self.tick }

    /// Sets the deadline; returns when the wheel has to be advanced next if that is sooner than before.
    mutating func arm(_ timer: LoopTimer, at deadline: MonotonicTime) -> MonotonicTime? {
        timer.deadline = deadline
        timer.isDue = false
        if timer.bucket >= 0 {
            if timer.examined <= deadline { return nil }
            unlink(timer)
        }
        guard deadline != .never else { return nil }
        link(timer)
        return timer.examined
    }

    /// Forgets the timer's deadline; it stays in its bucket until that is looked at.
    func disarm(_ timer: LoopTimer) {
        timer.deadline = .never
        timer.isDue = false
    }

    /// Forgets the timer altogether.
    mutating func remove(_ timer: LoopTimer) {
        disarm(timer)
        if timer.bucket >= 0 { unlink(timer) }
    }

    /// The timers whose deadline has passed, each disarmed.
    mutating func advance(to now: MonotonicTime) -> [LoopTimer] {
        let current = now.nanoseconds / Self.tick
        guard current > lastTick else { return [] }
        let steps = min(current - lastTick, UInt64(Self.bucketCount))
        lastTick = current
        var due: [LoopTimer] = []
        for step in 0..<steps {
            let bucket = Int((current - step) % UInt64(Self.bucketCount))
            if occupied[bucket >> 6] & (1 << UInt64(bucket & 63)) != 0 { sweep(bucket, now: now, into: &due) }
        }
        return due
    }

    /// When the next non-empty bucket is to be looked at.
    func nextExamination() -> MonotonicTime? {
        guard count > 0 else { return nil }
        for step in 1...UInt64(Self.bucketCount) {
            let bucket = Int((lastTick + step) % UInt64(Self.bucketCount))
            if occupied[bucket >> 6] == 0 { continue }
            if !buckets[bucket].isEmpty { return MonotonicTime(nanoseconds: (lastTick + step) * Self.tick) }
        }
        return nil
    }

    private mutating func sweep(_ bucket: Int, now: MonotonicTime, into due: inout [LoopTimer]) {
        var timers: [LoopTimer] = []
        swap(&timers, &buckets[bucket])
        occupied[bucket >> 6] &= ~(1 << UInt64(bucket & 63))
        count -= timers.count
        for timer in timers {
            timer.bucket = -1
            if timer.deadline <= now {
                timer.deadline = .never
                timer.isDue = true
                due.append(timer)
            } else if timer.deadline != .never {
                link(timer)
            }
        }
    }

    private mutating func link(_ timer: LoopTimer) {
        let wanted = (timer.deadline.nanoseconds &- 1) / Self.tick + 1
        let tick = min(max(wanted, lastTick + 1), lastTick + UInt64(Self.bucketCount) - 1)
        let bucket = Int(tick % UInt64(Self.bucketCount))
        timer.examined = MonotonicTime(nanoseconds: tick * Self.tick)
        timer.bucket = bucket
        timer.position = buckets[bucket].count
        buckets[bucket].append(timer)
        occupied[bucket >> 6] |= 1 << UInt64(bucket & 63)
        count += 1
    }

    private mutating func unlink(_ timer: LoopTimer) {
        let bucket = timer.bucket
        let last = buckets[bucket].removeLast()
        if last !== timer {
            buckets[bucket][timer.position] = last
            last.position = timer.position
        } else if buckets[bucket].isEmpty {
            occupied[bucket >> 6] &= ~(1 << UInt64(bucket & 63))
        }
        timer.bucket = -1
        count -= 1
    }
}
