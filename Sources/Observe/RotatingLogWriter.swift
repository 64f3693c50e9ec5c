import Dispatch
import Synchronization

/// A log that never stops traffic: lines go into a bounded buffer, and one writer takes them to a rotating file.
///
/// A full buffer and a disk that refuses cost lines, which are counted; writing is tried again with growing pauses, so a
/// disk with room again, or a directory made again, needs no restart.
///
/// **Runs on** any thread (`append`); files are touched by the scheduler's lanes alone.
package final class RotatingLogWriter: Sendable {
    private struct Pending {
        var bytes: [UInt8] = []
        var inFlightBytes = 0
        var inFlightLines = 0
        var isScheduled = false
        var isClosed = false
    }

    /// What only the writing lane touches.
    ///
    /// `@unchecked Sendable` because: confined to the writing lane, whose pieces run one after the other.
    private final class Writing: @unchecked Sendable {
        let appender: LogAppender
        var pause: Duration = .zero
        var isRetrying = false
        var droppedNoted = 0

        init(_ appender: LogAppender) {
            self.appender = appender
        }
    }

    private static let pauses = (first: Duration.milliseconds(100), last: Duration.seconds(10))

    private let plan: LogFilePlan
    private let scheduler: LogScheduler
    private let counters = LogCounters()
    private let pending = Mutex(Pending())
    private let writing: Writing
    private let tidier: LogTidier
    private let now: @Sendable () -> WallTime

    /// A writer of the log of `plan`; the file is opened with its first line, old files are brought in order at once.
    package init(
        _ plan: LogFilePlan, scheduler: LogScheduler? = nil, files: any LogFileSystem = LocalLogFiles(),
        now: @escaping @Sendable () -> WallTime = { WallTime.now() }
    ) {
        let scheduler = scheduler ?? .dispatch(label: plan.name)
        let tidier = LogTidier(plan: plan, files: files, counters: counters)
        self.plan = plan
        self.scheduler = scheduler
        self.tidier = tidier
        self.now = now
        writing = Writing(
            LogAppender(plan, files: files, now: now, counters: counters) {
                scheduler.run(.tidying, .zero) { tidier.run() }
            })
        scheduler.run(.tidying, .zero) { tidier.run() }
    }

    /// What the log did so far.
    package var counts: LogCounts { counters.counts }

    /// Takes a record for writing, or drops and counts it. Never waits for the disk.
    package func append(_ record: some LogRecord) {
        append(line: record.line())
    }

    /// Takes a line, its newline included, for writing, or drops and counts it. Never waits for the disk.
    package func append(line: [UInt8]) {
        let isFirst = pending.withLock { pending -> Bool? in
            guard !pending.isClosed,
                pending.bytes.count + pending.inFlightBytes + line.count <= plan.bufferBytes
            else { return nil }
            pending.bytes += line
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        guard let isFirst else { return counters.dropped.add() }
        if isFirst { scheduler.run(.writing, .zero) { self.drain() } }
    }

    /// Opens the file by its name again, for a log rotated by another program.
    package func reopen() {
        scheduler.run(.writing, .zero) { self.writing.appender.close() }
    }

    /// Waits until everything taken so far is written; false when the deadline passes or the disk refuses first.
    package func flush(within limit: Duration) -> Bool {
        let done = DispatchSemaphore(value: 0)
        scheduler.run(.writing, .zero) {
            self.drain()
            done.signal()
        }
        guard done.wait(timeout: .now() + .milliseconds(Int(limit.wholeMilliseconds))) == .success else {
            return false
        }
        return pending.withLock { $0.bytes.isEmpty && $0.inFlightBytes == 0 }
    }

    /// Refuses further lines and flushes; what is not written within the limit is dropped and counted.
    package func close(within limit: Duration) -> Bool {
        pending.withLock { $0.isClosed = true }
        if flush(within: limit) { return true }
        let left = pending.withLock { pending in
            defer {
                pending.bytes = []
                pending.inFlightLines = 0
            }
            return pending.bytes.count { $0 == UInt8(ascii: "\n") } + pending.inFlightLines
        }
        counters.dropped.add(left)
        return false
    }

    // MARK: The writing lane

    /// Writes what waits. **Runs on** the writing lane.
    private func drain() {
        while takePending() {
            do {
                try writing.appender.advance()
                pending.withLock {
                    $0.inFlightBytes = 0
                    $0.inFlightLines = 0
                }
                writing.pause = .zero
            } catch {
                pending.withLock { $0.inFlightLines = writing.appender.unwrittenLines }
                counters.writeErrors.add()
                return retryLater()
            }
        }
    }

    /// Hands waiting lines to the appender; false when there is nothing to write.
    private func takePending() -> Bool {
        guard writing.appender.isIdle else { return true }
        let lines = pending.withLock { pending -> [UInt8] in
            let lines = pending.bytes
            pending.bytes = []
            pending.inFlightBytes = lines.count
            pending.inFlightLines = lines.count { $0 == UInt8(ascii: "\n") }
            if lines.isEmpty { pending.isScheduled = false }
            return lines
        }
        if lines.isEmpty { return false }
        let notice = noticeOfDrops()
        writing.appender.take(lines + notice, notices: notice.isEmpty ? 0 : 1)
        return true
    }

    /// The line that says what was lost since the last one; empty when nothing was.
    private func noticeOfDrops() -> [UInt8] {
        let dropped = counters.dropped.value
        defer { writing.droppedNoted = dropped }
        guard dropped > writing.droppedNoted, plan.notesLosses else { return [] }
        return DropNotice(time: now(), dropped: dropped - writing.droppedNoted).line()
    }

    private func retryLater() {
        guard !writing.isRetrying else { return }
        writing.isRetrying = true
        let pauses = RotatingLogWriter.pauses
        writing.pause = writing.pause == .zero ? pauses.first : min(writing.pause * 2, pauses.last)
        scheduler.run(.writing, writing.pause) {
            self.writing.isRetrying = false
            self.drain()
        }
    }
}
