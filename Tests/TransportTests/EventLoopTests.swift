import CPosix
import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite("Loops and channels")
struct EventLoopTests {
    @Test("a registered channel reads, writes, and sees the end of file")
    func echo() throws {
        let loop = try EventLoop()
        let (ours, theirs) = socketPair()
        let log = Log()
        loop.sync { @Sendable in
            try? EchoChannel(loop: loop, owning: ours, log: log).register()
        }
        var buffer = [UInt8](repeating: 0, count: 16)
        #expect(write(theirs, "hello", 5) == 5)
        #expect(eventually { read(theirs, &buffer, 16) == 5 })
        #expect(buffer[..<5].elementsEqual("hello".utf8))
        close(theirs)
        #expect(eventually { log.lines == ["bytes 5", "end", "closed"] })
        loop.shutdown()
    }

    @Test("an event for a closed channel reaches nobody, even when its slot and number are taken again")
    func staleEvents() throws {
        let table = try ChannelTable()
        let loop = try EventLoop()
        let log = Log()
        let (first, _) = socketPair()
        let (second, _) = socketPair()
        let old = EchoChannel(loop: loop, owning: first, log: log)
        let oldToken = table.insert(old)
        #expect(table.channel(token: oldToken) === old)
        table.remove(token: oldToken)
        #expect(table.channel(token: oldToken) == nil)
        let new = EchoChannel(loop: loop, owning: second, log: log)
        let newToken = table.insert(new)
        #expect(newToken & 0xFFFF_FFFF == oldToken & 0xFFFF_FFFF)
        #expect(table.channel(token: oldToken) == nil)
        #expect(table.channel(token: newToken) === new)
        loop.shutdown()
    }

    @Test("work from elsewhere runs on the loop, in order")
    func execute() throws {
        let loop = try EventLoop()
        let log = Log()
        for number in 0..<100 {
            loop.execute { @Sendable in
                loop.assertOnLoop()
                log.add("\(number)")
            }
        }
        loop.sync { @Sendable in }
        #expect(log.lines == (0..<100).map(String.init))
        loop.shutdown()
    }

    /// A channel that always has more to do.
    private final class RestlessChannel: StreamChannel, @unchecked Sendable {
        // because: confined to its loop.
        var passes = 0
        override func channelResumed() {
            passes += 1
            loop.resumeLater(self)
        }
    }

    @Test("a channel that always puts off more leaves turns to events, timers and others' work")
    func restless() throws {
        let loop = try EventLoop()
        let log = Log()
        let ((ours, _), (echo, theirs)) = (socketPair(), socketPair())
        let fired = DispatchSemaphore(value: 0)
        loop.sync { @Sendable in
            let restless = RestlessChannel(loop: loop, owning: ours)
            try? restless.register()
            try? EchoChannel(loop: loop, owning: echo, log: log).register()
            loop.resumeLater(restless)
            let timer = LoopTimer { fired.signal() }
            loop.arm(timer, at: loop.clock.now().advanced(by: .milliseconds(30)))
        }
        #expect(fired.wait(timeout: .now() + 20) == .success)
        #expect(write(theirs, "hello", 5) == 5)
        #expect(eventually { log.lines == ["bytes 5"] })
        let passed = DispatchSemaphore(value: 0)
        loop.execute { @Sendable in passed.signal() }
        #expect(passed.wait(timeout: .now() + 20) == .success)
        close(theirs)
        loop.shutdown()
    }

    @Test("a real timer fires without anybody advancing a clock")
    func realTimer() throws {
        let loop = try EventLoop()
        let fired = DispatchSemaphore(value: 0)
        loop.sync { @Sendable in
            let timer = LoopTimer { fired.signal() }
            loop.arm(timer, at: loop.clock.now().advanced(by: .milliseconds(30)))
        }
        #expect(fired.wait(timeout: .now() + .seconds(10)) == .success)
        loop.shutdown()
    }

    @Test(
        "a busy loop takes work from several threads in each one's order, and neither it nor others wait for the lull"
    )
    func busy() throws {
        let loop = try EventLoop()
        let (ours, theirs) = socketPair()
        let log = Log()
        loop.sync { @Sendable in
            try? EchoChannel(loop: loop, owning: ours, log: Log()).register()
        }
        var buffer = [UInt8](repeating: 0, count: 16)
        let clock = ContinuousClock()
        let begin = clock.now
        for round in 0..<50 {
            #expect(write(theirs, "hello", 5) == 5)
            #expect(eventually { read(theirs, &buffer, 16) == 5 })
            DispatchQueue.concurrentPerform(iterations: 3) { thread in
                for number in 0..<3 { loop.execute { @Sendable in log.add("\(thread) \(round) \(number)") } }
            }
            loop.sync { @Sendable in loop.assertOnLoop() }
            #expect(log.lines.count == (round + 1) * 9)
        }
        // The lull after which the thread is handed back is a tenth of a second: fifty of them would be five.
        #expect(clock.now - begin < .seconds(4))
        for thread in 0..<3 {
            let mine = log.lines.filter { $0.hasPrefix("\(thread) ") }
            #expect(mine == (0..<50).flatMap { round in (0..<3).map { "\(thread) \(round) \($0)" } })
        }
        close(theirs)
        loop.shutdown()
    }

    @Test("a timer that is set while the loop waits for more events fires in its time")
    func timerInLull() throws {
        let loop = try EventLoop()
        let (ours, theirs) = socketPair()
        loop.sync { @Sendable in
            try? EchoChannel(loop: loop, owning: ours, log: Log()).register()
        }
        var buffer = [UInt8](repeating: 0, count: 16)
        for _ in 0..<5 {
            #expect(write(theirs, "hello", 5) == 5)
            #expect(eventually { read(theirs, &buffer, 16) == 5 })
            let fired = DispatchSemaphore(value: 0)
            loop.execute { @Sendable in
                let timer = LoopTimer { fired.signal() }
                loop.arm(timer, at: loop.clock.now().advanced(by: .milliseconds(30)))
            }
            #expect(fired.wait(timeout: .now() + .seconds(10)) == .success)
        }
        close(theirs)
        loop.shutdown()
    }

    @Test("connections that can move are more to a loop than those that stay for good")
    func fill() throws {
        let group = try LoopGroup(count: 2)
        group.loops[1].load.add(LoopGroup.fillForGood)
        #expect(group.loop(near: group.loops[0], canMove: true) === group.loops[1])
        #expect(group.loop(near: group.loops[1], canMove: false) === group.loops[0])
        group.shutdown()
    }

    @Test("processors that idle are counted over the last few looks, if those are not long ago")
    func idleProcessors() {
        nonisolated(unsafe) var idle: Int64 = 5_000_000_000
        var processors = IdleProcessors { idle }
        let begin = MonotonicTime(nanoseconds: 7_000_000_000)
        #expect(processors.measure(at: begin) == 0)
        idle += 150_000_000
        #expect(abs(processors.measure(at: begin.advanced(by: .milliseconds(100))) - 1.5 / 4) < 1e-9)
        for window in 2...40 {
            idle += 150_000_000
            _ = processors.measure(at: begin.advanced(by: .milliseconds(window * 100)))
        }
        idle += 150_000_000
        #expect(abs(processors.measure(at: begin.advanced(by: .milliseconds(4100))) - 1.5) < 1e-4)
        idle += 9_000_000_000
        #expect(processors.measure(at: begin.advanced(by: .seconds(9))) == 0)
        var silent = IdleProcessors { -1 }
        #expect(silent.measure(at: begin) == .infinity)
    }

    @Test("idle time is the second number of /proc/uptime, in nanoseconds")
    func idleTime() throws {
        func told() throws -> Int64 {
            let text = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
            let field = try #require(text.split(whereSeparator: \.isWhitespace).last)
            return Int64((try #require(Double(field)) * 100).rounded()) * 10_000_000
        }
        let before = try told()
        let idle = cposix_idle_time()
        #expect(before > 0 && before <= idle)
        #expect(idle <= (try told()))
    }

    @Test("few connections share a loop; past that the next goes to the loop that has clearly fewer")
    func balance() throws {
        let group = try LoopGroup(count: 2)
        let (first, second) = (group.loops[0], group.loops[1])
        #expect(group.loop(near: second, canMove: true) === first)
        second.load.add(LoopGroup.fill - 1)
        #expect(group.loop(near: first, canMove: true) === second)
        second.load.add(1)
        #expect(group.loop(near: second, canMove: true) === first)
        first.load.add(LoopGroup.fill)
        #expect(group.loop(near: first, canMove: true) === first)
        #expect(group.loop(near: second, canMove: true) === second)
        first.load.add(2)
        #expect(group.loop(near: first, canMove: true) === first)
        first.load.add(1)
        #expect(group.loop(near: first, canMove: true) === second)
        #expect(group.loop(near: second, canMove: true) === second)
        group.shutdown()
    }

    @Test("a loop without rest gets no more connections, and none is without rest for long after it stopped")
    func utilisation() throws {
        let group = try LoopGroup(count: 2)
        let (first, second) = (group.loops[0], group.loops[1])
        var use = LoopUse()
        let now = first.clock.now()
        use.note(at: now, used: 0, thread: 1)
        let later = now.advanced(byNanoseconds: LoopUse.window)
        use.note(at: later, used: LoopUse.window * 9 / 10, thread: 1)
        #expect(use.permille == 900 && !use.isSaturated)
        first.load.publish(use, at: later)
        #expect(group.loop(near: first, canMove: true) === second)
        #expect(first.load.utilisation(at: later.advanced(byNanoseconds: 3 * LoopUse.window)) == 0)
        use.note(
            at: later.advanced(byNanoseconds: LoopUse.window), used: LoopUse.window * 19 / 10, thread: 1)
        #expect(use.permille == 1000 && use.isSaturated)
        use.note(at: later.advanced(byNanoseconds: 2 * LoopUse.window), used: .max, thread: 2)
        #expect(!use.isSaturated)
        group.shutdown()
    }

    @Test("listening on a taken port is an error that names it; port 0 finds a free one")
    func listen() throws {
        let any = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        let listener = try Listener(binding: any)
        #expect(listener.localAddress.port != 0)
        let error = #expect(throws: TransportError.self) { try Listener(binding: listener.localAddress) }
        #expect(error?.description.contains("\(listener.localAddress)") == true)
    }

    @Test("running out of descriptors pauses the listener instead of spinning, and nobody is lost")
    func exhaustion() async {
        // libdispatch looks at its threads' states in /proc about once a second, and traps where it finds no descriptor: on a machine
        // so busy that this comes in between, once more.
        var hasPassed = false
        await withKnownIssue("libdispatch traps without a descriptor", isIntermittent: true) {
            hasPassed =
                await #expect(processExitsWith: .success) { try EventLoopTests.exhaustDescriptors() } != nil
        }
        guard !hasPassed else { return }
        await #expect(processExitsWith: .success) { try EventLoopTests.exhaustDescriptors() }
    }

    private static func exhaustDescriptors() throws {
        let clock = ManualClock()
        let loop = try EventLoop(clock: clock)
        let listener = try Listener(binding: try #require(SocketAddress(host: "127.0.0.1", port: 0)))
        let accepted = Log()
        nonisolated(unsafe) var channel: ListenerChannel?  // because: only touched on the loop's queue
        loop.sync { @Sendable in
            channel = try? listener.attach(to: loop) { raw, _ in
                accepted.add("\(raw)")
                close(raw)
            }
        }
        var limit = rlimit(rlim_cur: 128, rlim_max: 1024)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var fillers: [Int32] = []
        while case let filler = dup(0), filler >= 0 { fillers.append(filler) }
        close(fillers.removeLast())
        let descriptor = try Descriptor.connecting(to: listener.localAddress)
        precondition(eventually { loop.sync { channel?.exhaustions ?? 0 } == 1 })
        precondition(accepted.lines.isEmpty)
        close(fillers.removeLast())
        clock.advance(by: .seconds(1))
        precondition(eventually { accepted.lines.count == 1 })
        _ = consume descriptor
    }
}

@Suite("Names")
struct ResolverTests {
    @Test("questions share a look-up, answers are remembered for their time, failures for a shorter one")
    func remembers() throws {
        let clock = ManualClock()
        let loop = try EventLoop(clock: clock)
        let lookups = Log()
        let gate = DispatchSemaphore(value: 0)
        let address = try #require(SocketAddress(host: "10.0.0.1", port: 80))
        let resolver = Resolver { endpoint in
            lookups.add(endpoint.host)
            gate.wait()
            return endpoint.host == "good"
                ? .success([address]) : .failure(.unresolved(host: "bad", reason: "no"))
        }
        let answers = Log()
        for host in ["good", "good", "bad"] {
            resolver.resolve(Endpoint(host: host, port: 80), on: loop) { answer in
                loop.assertOnLoop()
                answers.add("\(answer)")
            }
        }
        gate.signal()
        gate.signal()
        #expect(eventually { answers.lines.count == 3 })
        // Look-ups run side by side, so in either order.
        #expect(lookups.lines.sorted() == ["bad", "good"])
        let good = Endpoint(host: "good", port: 80)
        let bad = Endpoint(host: "bad", port: 80)
        #expect(resolver.known(good, now: clock.now()) == .success([address]))
        #expect(resolver.known(bad, now: clock.now()) != nil)
        clock.advance(by: .seconds(2))
        #expect(resolver.known(bad, now: clock.now()) == nil)
        #expect(resolver.known(good, now: clock.now()) != nil)
        clock.advance(by: .seconds(30))
        #expect(resolver.known(good, now: clock.now()) == nil)
        loop.shutdown()
    }

    @Test("the system knows localhost and not a name under .invalid (RFC 6761 §6.3, §6.4)")
    func system() throws {
        let local = try Resolver.system(Endpoint(host: "localhost", port: 80)).get()
        #expect(local.contains { $0.host == "127.0.0.1" || $0.host == "::1" })
        #expect(throws: TransportError.self) {
            try Resolver.system(Endpoint(host: "nowhere.invalid", port: 80)).get()
        }
    }
}

@Suite("Queued bytes")
struct ByteQueueTests {
    @Test("what goes in comes out in order, and an empty queue holds no memory", arguments: [1, 2, 3])
    func order(seed: UInt64) {
        var random = Seeded(state: seed)
        let pool = BufferPool()
        var queue = ByteQueue()
        var expected: [UInt8] = []
        for _ in 0..<2_000 {
            if Bool.random(using: &random) {
                let piece = (0..<Int.random(in: 0..<3_000, using: &random)).map {
                    UInt8(truncatingIfNeeded: $0)
                }
                piece.withUnsafeBytes { queue.append($0, pool) }
                expected += piece
            } else {
                let count = Int.random(in: 0...expected.count, using: &random)
                queue.consume(count, pool)
                expected.removeFirst(count)
            }
            #expect(queue.count == expected.count)
            #expect(queue.withBytes { $0.elementsEqual(expected) })
        }
    }
}
