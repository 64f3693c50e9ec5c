/// How late a loop is in taking up what is ready: the time since it last had seen everything that was ready, which is the
/// longest that an event of the present batch can have waited.
///
/// It costs two readings of a clock a batch: a loop that has waited for events was not late meanwhile. A batch that is as
/// long as batches may be leaves events behind, and where that goes on without end a mark says how far they reach back: an
/// event that the loop sends to itself. Successive calls go round what is ready (epoll_wait(2)), so
/// all that were ready when the mark was set have been taken when it comes.
struct LoopLag {
    /// In which lateness that does not come again is all but forgotten. **Units**: nanoseconds.
    static let memory: UInt64 = 250_000_000

    /// The lateness, with what is remembered of earlier ones. **Units**: nanoseconds.
    private(set) var nanoseconds: UInt64 = 0
    /// When everything that was ready had last been seen.
    private var caughtUp: UInt64 = 0
    private var last: UInt64 = 0
    private var isBehind = false
    /// When the mark was set that has not come yet.
    private var mark: UInt64?

    /// Notes a batch of events taken at `now`, `waited` nanoseconds after it was looked for. `isFirst` is true for one that the loop was woken for, `leavesMore` for one
    /// behind which more may be ready.
    mutating func note(at now: MonotonicTime, waited: UInt64 = 0, isFirst: Bool, leavesMore: Bool) {
        let time = now.nanoseconds
        let looked = time &- min(waited, time)
        // Before it was woken nothing was ready.
        if isFirst, !isBehind { caughtUp = time }
        let sample = looked &- min(caughtUp, looked)
        nanoseconds = max(sample, Self.decayed(nanoseconds, over: time &- min(last, time)))
        last = time
        isBehind = leavesMore
        if !leavesMore { caughtUp = time }
    }

    /// Notes that at `now` nothing was ready.
    mutating func noteIdle(at now: MonotonicTime) {
        isBehind = false
        caughtUp = now.nanoseconds
    }

    /// Whether a mark has to be set, behind the events that the batch taken at `now` has left; it is noted as set.
    mutating func setsMark(at now: MonotonicTime) -> Bool {
        guard isBehind, mark == nil else { return false }
        mark = now.nanoseconds
        return true
    }

    /// Notes that the mark has come.
    mutating func metMark() {
        if let mark { caughtUp = max(caughtUp, mark) }
        mark = nil
    }

    /// What is left of a lateness after so many nanoseconds.
    static func decayed(_ value: UInt64, over elapsed: UInt64) -> UInt64 {
        guard value > 0, elapsed < memory else { return 0 }
        return UInt64(Double(value) * (1 - Double(elapsed) / Double(memory)))
    }
}
