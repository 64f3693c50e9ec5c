import CPosix
import Glibc

/// How much of a processor a loop's thread has, measured a few times a second.
struct LoopUse {
    /// Over how long it is measured. **Units**: nanoseconds.
    static let window: UInt64 = 100_000_000
    /// From where on a loop is saturated. **Units**: thousandths.
    static let saturation: UInt64 = 850

    /// The share in the last window. **Units**: thousandths.
    private(set) var permille: UInt64 = 0
    /// Windows so far.
    private(set) var windows = 0
    /// Windows in a row in which the loop was saturated.
    private var hot = 0
    private var begun: UInt64 = 0
    private var used: UInt64 = 0
    private var thread: pthread_t = 0

    /// Whether a loop has lately done nothing but work, and for longer than a burst.
    var isSaturated: Bool { hot >= 2 }

    /// Whether a window is over.
    func isDue(at now: MonotonicTime) -> Bool { now.nanoseconds &- begun >= Self.window }

    /// Ends a window, whose thread is the caller. Dispatch gives a loop another one when it likes: that window says nothing.
    mutating func measure(at now: MonotonicTime) {
        note(at: now, used: cposix_thread_time(), thread: pthread_self())
    }

    /// Ends a window at which the thread has had so much time. **Units**: nanoseconds.
    mutating func note(at now: MonotonicTime, used time: UInt64, thread current: pthread_t) {
        let passed = now.nanoseconds &- begun
        if current == thread, time >= used, passed > 0 {
            permille = min(1000, (time - used) * 1000 / passed)
            hot = permille >= Self.saturation ? hot + 1 : 0
        } else {
            hot = 0
        }
        windows += 1
        begun = now.nanoseconds
        used = time
        thread = current
    }
}
