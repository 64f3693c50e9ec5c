import Testing

@testable import Transport

@Suite("Timers")
struct TimerWheelTests {
    static func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    @Test(
        "fires what a sorted list would: never early, at most a tick and the step late",
        arguments: [1, 2, 3, 4])
    func agreesWithList(seed: UInt64) {
        var random = Seeded(state: seed)
        var now: UInt64 = 5_000
        var wheel = TimerWheel(now: Self.at(now))
        var fired: Set<Int> = []
        let timers = (0..<300).map { index in LoopTimer { fired.insert(index) } }
        var expected: [Int: UInt64] = [:]
        for _ in 0..<3_000 {
            let index = Int.random(in: 0..<300, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let deadline = now + UInt64.random(in: 0..<40_000, using: &random)
                _ = wheel.arm(timers[index], at: Self.at(deadline))
                expected[index] = deadline
            case 2:
                if Bool.random(using: &random) {
                    wheel.disarm(timers[index])
                } else {
                    wheel.remove(timers[index])
                }
                expected[index] = nil
            default:
                now += UInt64.random(in: 0..<(Bool.random(using: &random) ? 30 : 15_000), using: &random)
                fired = []
                for timer in wheel.advance(to: Self.at(now)) { timer.fireIfDue() }
                for index in fired {
                    #expect(expected.removeValue(forKey: index).map { $0 <= now } == true, "seed \(seed)")
                }
                // What is overdue by more than a tick must have fired.
                #expect(expected.values.allSatisfy { $0 + 20 > now }, "seed \(seed)")
            }
        }
    }

    @Test("names the next time to look that is not later than any deadline's tick")
    func nextExamination() throws {
        var wheel = TimerWheel(now: Self.at(0))
        #expect(wheel.nextExamination() == nil)
        let near = LoopTimer {}
        let far = LoopTimer {}
        _ = wheel.arm(far, at: Self.at(60_000))
        let first = try #require(wheel.nextExamination())
        #expect(first <= Self.at(60_020))
        let told = wheel.arm(near, at: Self.at(100))
        #expect(told == Self.at(100))
        #expect(wheel.nextExamination() == Self.at(100))
    }

    @Test("a timer called off by an earlier one of the same sweep does not fire")
    func calledOff() throws {
        let loop = try EventLoop(clock: ManualClock())
        let clock = try #require(loop.clock.manual)
        let log = Log()
        loop.sync { @Sendable in
            let second = LoopTimer { log.add("second") }
            let first = LoopTimer {
                log.add("first")
                loop.remove(second)
            }
            loop.arm(first, at: loop.now.advanced(by: .seconds(1)))
            loop.arm(second, at: loop.now.advanced(by: .seconds(1)))
        }
        clock.advance(by: .seconds(2))
        #expect(log.lines == ["first"])
        loop.shutdown()
    }

    @Test("deadlines saturate instead of wrapping")
    func saturates() {
        #expect(MonotonicTime.never.advanced(by: .seconds(1)) == .never)
        #expect(Self.at(1).advanced(by: .seconds(Int64.max)) == .never)
        #expect(Duration.seconds(-5).nanoseconds == 0)
        #expect(Self.at(1).duration(since: Self.at(2)) == .zero)
    }
}

/// splitmix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
