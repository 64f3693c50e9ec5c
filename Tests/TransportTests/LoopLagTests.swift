import Testing

@testable import Transport

@Suite("Lateness of a loop")
struct LoopLagTests {
    private func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("a loop that is woken is not late, one whose batch took long is by as much")
    func batch() {
        var lag = LoopLag()
        lag.note(at: at(1000), isFirst: true, leavesMore: false)
        #expect(lag.nanoseconds == 0)
        lag.note(at: at(1040), isFirst: false, leavesMore: false)
        #expect(lag.nanoseconds == 40_000_000)
    }

    @Test("waiting is no lateness, neither once nor again and again while only timers fire")
    func waiting() {
        var lag = LoopLag()
        lag.note(at: at(1000), isFirst: true, leavesMore: false)
        for time: UInt64 in [1100, 1200, 1300, 1400] { lag.noteIdle(at: at(time)) }
        lag.note(at: at(1500), waited: 100_000_000, isFirst: false, leavesMore: false)
        #expect(lag.nanoseconds == 0)
        lag.note(at: at(1600), waited: 90_000_000, isFirst: false, leavesMore: false)
        #expect(lag.nanoseconds == 10_000_000)
    }

    @Test(
        "events that full batches leave behind count on from the first of them, also over a hand-over of the thread"
    )
    func backlog() {
        var lag = LoopLag()
        lag.note(at: at(1000), isFirst: true, leavesMore: true)
        lag.note(at: at(1010), isFirst: false, leavesMore: true)
        #expect(lag.nanoseconds == 10_000_000)
        lag.note(at: at(1030), isFirst: true, leavesMore: true)
        #expect(lag.nanoseconds == 30_000_000)
    }

    @Test("a burst that finds the loop asleep is no lateness, however long it slept")
    func burstAfterSleep() {
        var lag = LoopLag()
        lag.note(at: at(1000), isFirst: true, leavesMore: false)
        lag.noteIdle(at: at(1100))
        lag.note(at: at(61_000), isFirst: true, leavesMore: true)
        lag.note(at: at(61_001), isFirst: false, leavesMore: true)
        #expect(lag.nanoseconds == 1_000_000)
    }

    @Test(
        "a loop that never sees the end of its events is as late as its mark, not as long as it has been busy"
    )
    func saturation() {
        var lag = LoopLag()
        var time: UInt64 = 1000
        lag.note(at: at(time), isFirst: true, leavesMore: true)
        var marks = 0
        // A full batch every 2 ms, the mark each time in the second batch behind where it was set.
        var untilMark = 0
        for _ in 0..<1000 {
            if lag.setsMark(at: at(time)) {
                marks += 1
                untilMark = 2
            }
            time += 2
            lag.note(at: at(time), isFirst: false, leavesMore: true)
            untilMark -= 1
            if untilMark == 0 { lag.metMark() }
        }
        #expect(marks == 500)
        #expect(lag.nanoseconds <= 8_000_000)
        #expect(lag.nanoseconds >= 4_000_000)
    }

    @Test("lateness that does not come again is forgotten within its memory, and an idle loop is not late")
    func decay() {
        var lag = LoopLag()
        lag.note(at: at(1000), isFirst: true, leavesMore: false)
        lag.note(at: at(1100), isFirst: false, leavesMore: false)
        lag.noteIdle(at: at(1101))
        lag.note(at: at(1225), isFirst: true, leavesMore: false)
        #expect(lag.nanoseconds == 50_000_000)
        lag.noteIdle(at: at(1226))
        lag.note(at: at(1500), isFirst: true, leavesMore: false)
        #expect(lag.nanoseconds == 0)
    }
}
