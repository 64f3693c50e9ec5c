import Buffers
import CPosix
import Dispatch

/// One shard: a serial queue, an epoll, and the one Dispatch source that tells when the epoll has something.
///
/// A connection belongs to one loop at a time and changes it between two requests at most, so nothing here locks. One source a loop rather than one a
/// descriptor halves the CPU a request costs: libdispatch re-arms a source after each handler, and an epoll
/// drained inside one handler amortises that over every ready connection.
///
/// `@unchecked Sendable` because: everything mutable is confined to `queue`, which debug builds check.
public final class EventLoop: @unchecked Sendable {
    /// Bytes of the buffer that every connection of the loop reads into.
    package static let scratchBytes = 64 * 1024
    /// Reads of one channel before the others have a turn.
    package static let readsMax = 16
    private static let eventsMax = Int(CPOSIX_EVENTS_MAX)
    /// How many such looks in a row timers wait for.
    private static let crowdedRoundsMax = 64
    /// Rounds of one handler call, so that whoever uses the queue itself gets a turn.
    private static let roundsMax = 4096
    /// How long a loop that has just been busy waits for more before it hands its thread back: the hand-over (futexes,
    /// an eventfd, an epoll_ctl and switches to two threads) costs more than proxying a request. Not shorter than a few
    /// of the kernel's ticks: a wait that ends before the next tick makes the kernel set its timer anew, which is dear
    /// on a virtual machine.
    /// **Units**: milliseconds.
    private static let lingerMilliseconds: UInt64 = 100

    /// Its place in its group, from 0.
    package let index: Int
    /// The serial queue that everything of the loop runs on.
    package let queue: DispatchQueue
    /// Where it reads the time.
    package let clock: any LoopClock
    /// The time of the present batch of events.
    package private(set) var now: MonotonicTime
    /// Where a connection reads to; what it leaves there is gone with the next read.
    package let scratch: UnsafeMutableRawBufferPointer
    /// Where heads are put together.
    package var draft = ByteBuffer(capacity: 8 << 10)
    /// Emptied buffers for reuse.
    package let buffers = BufferPool()
    /// How many connections it serves, readable from any thread.
    package let load = LoopLoad()

    let table: ChannelTable
    private let events: UnsafeMutableBufferPointer<cposix_event>
    private let source: any DispatchSourceRead
    private let alarm: any DispatchSourceTimer
    /// When timers have to be looked at, and when the system's timer says so.
    private var alarmTime: MonotonicTime = .never
    private var scheduledTime: MonotonicTime = .never
    /// Counts batches of events. What a batch tells has happened before anything that is done about it.
    package private(set) var batch: UInt64 = 0
    private var isDraining = false
    private var late = LoopLag()
    private var use = LoopUse()
    /// How many looks in a row have brought as many events as they may.
    private var crowdedRounds = 0
    /// How long the last look for events has waited for them. **Units**: nanoseconds.
    private var waited: UInt64 = 0
    private var wheel: TimerWheel
    private var deferred: [Channel] = []
    private var isShutDown = false
    private let mailbox = LoopMailbox()
    private var attachments: [(key: AnyObject, value: AnyObject)] = []

    /// A loop that runs until `shutdown`. **Throws** when the system has no descriptor left.
    package init(index: Int = 0, clock: any LoopClock = SystemClock()) throws(TransportError) {
        self.index = index
        self.clock = clock
        queue = DispatchQueue(label: "samegate.loop.\(index)", qos: .userInitiated)
        table = try ChannelTable()
        now = clock.now()
        wheel = TimerWheel(now: now)
        scratch = .allocate(byteCount: Self.scratchBytes, alignment: 64)
        events = .allocate(capacity: Self.eventsMax)
        source = DispatchSource.makeReadSource(fileDescriptor: table.epoll.raw, queue: queue)
        alarm = DispatchSource.makeTimerSource(queue: queue)
        start()
    }

    deinit {
        scratch.deallocate()
        events.deallocate()
    }

    private func start() {
        source.setEventHandler { @Sendable in self.drain() }
        // The epoll descriptor must outlive its source: Dispatch still watches it until this runs.
        source.setCancelHandler { @Sendable [table] in _ = table }
        alarm.setEventHandler { @Sendable in
            self.scheduledTime = .never
            // What lies in a socket has come before its deadline, however late the loop is in reading it.
            if !self.isShutDown { self.catchUp() }
            self.alarmRang()
        }
        clock.manual?.register(self)
        source.activate()
        alarm.activate()
    }

    /// How late it is in taking up what is ready. **Runs on** the loop. **Units**: nanoseconds.
    package var lagNanoseconds: UInt64 { late.nanoseconds }

    /// Whether its thread has lately had no rest, so that connections were better served elsewhere. **Runs on** the loop.
    package var isSaturated: Bool { use.isSaturated }

    /// Counts the windows over which that is measured. **Runs on** the loop.
    package var useWindows: Int { use.windows }

    /// Traps in debug builds when called from anywhere but the loop.
    package func assertOnLoop() {
        #if DEBUG
            dispatchPrecondition(condition: .onQueue(queue))
        #endif
    }

    /// Runs `work` on the loop, later, in order. **Runs on** any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        if !mailbox.keep(work) {
            queue.async { @Sendable in
                self.mailbox.dequeued()
                self.perform(work)
            }
        }
        wakeIfAsleep()
    }

    /// Runs `work` on the loop behind what others have given it, and returns when it is done. **Runs on** any thread but
    /// the loop's own.
    package func sync<Value: Sendable>(_ work: @Sendable () throws -> Value) rethrows -> Value {
        mailbox.enqueue()
        wakeIfAsleep()
        return try queue.sync { @Sendable in
            mailbox.dequeued()
            return try work()
        }
    }

    private func wakeIfAsleep() {
        if mailbox.mustWake { cposix_wake(table.epoll.rawWake) }
    }

    private func perform(_ work: () -> Void) {
        now = clock.now()
        work()
        runDeferred()
        if !isDraining { wakeForDeferred() }
    }

    /// Calls `channelResumed` on the channel when the present event is done, instead of recursing; or, asked from there, when
    /// the others have had a turn.
    package func resumeLater(_ channel: Channel) { deferred.append(channel) }

    /// Closes every channel and ends the loop; `completion` runs when its descriptors are closed.
    package func shutdown(_ completion: @escaping @Sendable () -> Void = {}) {
        mailbox.enqueue()
        queue.async { @Sendable in
            self.mailbox.dequeued()
            guard !self.isShutDown else { return completion() }
            self.isShutDown = true
            self.table.closeAll()
            self.deferred = []
            self.attachments.removeAll()
            self.clock.manual?.unregister(self)
            self.alarm.cancel()
            self.source.setCancelHandler { @Sendable [table = self.table] in
                table.epollMayClose()
                completion()
            }
            self.source.cancel()
        }
        wakeIfAsleep()
    }

    // MARK: What others keep here

    /// What was attached for `key`, or nil. **Runs on** the loop.
    package func attachment(for key: AnyObject) -> AnyObject? {
        for attachment in attachments where attachment.key === key { return attachment.value }
        return nil
    }

    /// Keeps `value` until the loop ends or `detach`. Few keys are expected: they are searched one by one.
    package func attach(_ value: AnyObject, for key: AnyObject) { attachments.append((key, value)) }

    /// Lets go of what was attached for `key`.
    package func detach(_ key: AnyObject) { attachments.removeAll { $0.key === key } }

    // MARK: Events

    private func drain() {
        // Work in the queue comes first, but events must not wait for a lull in it.
        guard mailbox.attend() else { return catchUp() }
        isDraining = true
        for round in 0..<Self.roundsMax {
            guard turn(milliseconds: round == 0 ? 0 : lingerMilliseconds, isFirst: round == 0) else { break }
        }
        for work in mailbox.leave() { perform(work) }
        isDraining = false
        scheduleAlarm()
        wakeForDeferred()
    }

    /// Waits for events and does what they, the timers and other threads ask for. Returns false when there was nothing, or
    /// when the queue has work.
    private func turn(milliseconds: Int32, isFirst: Bool) -> Bool {
        let maySleep = deferred.isEmpty
        let count = mailbox.sleep { isEmpty in poll(milliseconds: isEmpty && maySleep ? milliseconds : 0) }
        deliver(count, isFirst: isFirst)
        // More is ready than one look brings: what lies in those sockets has come before its deadline.
        crowdedRounds = Int(count) == events.count ? crowdedRounds + 1 : 0
        let isAlarmDue = alarmTime <= now && crowdedRounds < Self.crowdedRoundsMax
        if isAlarmDue {
            crowdedRounds = 0
            alarmRang()
        }
        if mailbox.isEmpty { return count > 0 || isAlarmDue || !maySleep || !deferred.isEmpty }
        guard let given = mailbox.collect() else { return false }
        for work in given { perform(work) }
        return true
    }

    /// A clock that tests set says nothing of how late the loop is.
    private func noteLag(isFirst: Bool, leavesMore: Bool) {
        guard clock.manual == nil else { return }
        late.note(at: now, waited: waited, isFirst: isFirst, leavesMore: leavesMore)
        if late.setsMark(at: now) { cposix_wake(table.epoll.rawMark) }
        load.publish(late, at: now)
    }

    /// Does what is ready now. **Runs on** the loop.
    func catchUp() {
        assertOnLoop()
        deliver(poll(milliseconds: 0), isFirst: true)
        wakeForDeferred()
    }

    /// Does what is ready now and all that it puts off: for a clock that tests set. **Runs on** the loop.
    func settle() {
        assertOnLoop()
        repeat { deliver(poll(milliseconds: 0), isFirst: true) } while !deferred.isEmpty
    }

    private func poll(milliseconds: Int32) -> Int32 {
        let begin = clock.now()
        let count = cposix_epoll_poll(table.epoll.raw, events.baseAddress, Int32(events.count), milliseconds)
        now = clock.now()
        batch &+= 1
        waited = now.nanoseconds - min(begin.nanoseconds, now.nanoseconds)
        if use.isDue(at: now), clock.manual == nil {
            use.measure(at: now)
            load.publish(use, at: now)
        }
        return count
    }

    private func deliver(_ count: Int32, isFirst: Bool) {
        guard count > 0 else {
            late.noteIdle(at: now)
            return runDeferred()
        }
        noteLag(isFirst: isFirst, leavesMore: Int(count) == events.count)
        for event in events[0..<Int(count)] {
            if let channel = table.channel(token: event.token) {
                channel.receivedEvent(Readiness(rawValue: event.readiness))
            } else if event.token == ChannelTable.markToken {
                late.metMark()
            }
        }
        runDeferred()
    }

    /// How long to wait for events: not past the next timer, and that in whole milliseconds, rounded up.
    private var lingerMilliseconds: Int32 {
        let untilAlarm = alarmTime.nanoseconds - min(now.nanoseconds, alarmTime.nanoseconds)
        return Int32(min(Self.lingerMilliseconds, untilAlarm / 1_000_000 + 1))
    }

    /// One pass: what a resumed channel defers waits until events, timers and other threads' work have had their turn. A
    /// peer that sends faster than it is served would have the loop to itself otherwise.
    private func runDeferred() {
        guard !deferred.isEmpty else { return }
        var batch: [Channel] = []
        swap(&batch, &deferred)
        for channel in batch where channel.isOpen { channel.channelResumed() }
    }

    /// Has the system call again where something is left to be resumed.
    private func wakeForDeferred() {
        if !deferred.isEmpty, !isShutDown { cposix_wake(table.epoll.rawWake) }
    }

    // MARK: Timers

    /// Sets the timer's deadline, replacing the one it has.
    package func arm(_ timer: LoopTimer, at deadline: MonotonicTime) {
        guard let examined = wheel.arm(timer, at: deadline), examined < alarmTime else { return }
        setAlarm(examined)
    }

    /// Takes the timer's deadline away.
    package func disarm(_ timer: LoopTimer) { wheel.disarm(timer) }

    /// Takes the timer out for good; the loop holds no reference to it any more.
    package func remove(_ timer: LoopTimer) { wheel.remove(timer) }

    /// Runs what has become due by the clock. **Runs on** the loop.
    func fireTimers() {
        assertOnLoop()
        now = clock.now()
        for timer in wheel.advance(to: now) { timer.fireIfDue() }
        runDeferred()
        if !isDraining { wakeForDeferred() }
    }

    private func alarmRang() {
        guard !isShutDown else { return }
        alarmTime = .never
        fireTimers()
        if let next = wheel.nextExamination(), next < alarmTime { setAlarm(next) }
    }

    private func setAlarm(_ time: MonotonicTime) {
        guard clock.manual == nil, !isShutDown else { return }
        alarmTime = time
        if !isDraining { scheduleAlarm() }
    }

    /// Has the system tell of the next timer; a loop that drains looks after it by itself. Being told too early is cheaper
    /// than having it put off.
    private func scheduleAlarm() {
        guard alarmTime < scheduledTime else { return }
        scheduledTime = alarmTime
        let wait = alarmTime.nanoseconds - min(now.nanoseconds, alarmTime.nanoseconds)
        alarm.schedule(
            deadline: .now() + .nanoseconds(Int(clamping: wait)), leeway: .milliseconds(10))
    }
}
