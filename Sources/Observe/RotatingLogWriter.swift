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
        var lines = 0
        var inFlightBytes = 0
        /// All that waits will be written by the end of a gathering time that has begun.
        var isGathering = false
        /// Writing is due now.
        var isUrgent = false
        var isClosed = false
    }

    /// What a line just taken asks for.
    private enum Call {
        case dropped, nothing, now, later
    }

    /// What only the writing lane touches.
    ///
    /// `@unchecked Sendable` because: confined to the writing lane, whose pieces run one after the other.
    private final class Writing: @unchecked Sendable {
        let appender: LogAppender
        var pause: Duration = .zero
        var isRetrying = false
        var droppedNoted = 0
        /// The memory of lines that have been written, for the next ones.
        var spare: [UInt8] = []

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

    /// Why the last attempt that failed did, in the system's words; nil when none has failed.
    package var lastError: String? {
        let code = counters.lastError.load(ordering: .relaxed)
        return code == 0 ? nil : LogFileError(code: code).description
    }

    /// Opens the log's file for a moment, making it where it is missing. **Throws** when lines could not be written there now.
    package static func verify(
        _ path: String, files: any LogFileSystem = LocalLogFiles()
    ) throws(LogFileError) {
        files.close(try files.openToAppend(files.target(of: path) ?? path))
    }

    /// Takes a record for writing, or drops and counts it. Never waits for the disk.
    package func append(_ record: some LogRecord) {
        append(line: record.line())
    }

    /// Takes a line, its newline included, for writing, or drops and counts it. Never waits for the disk.
    package func append(line: [UInt8]) {
        line.withUnsafeBytes { append(line: $0) }
    }

    /// Takes a line that lies somewhere; otherwise as with an array.
    package func append(line: UnsafeRawBufferPointer) {
        switch pending.withLock({ take(line, into: &$0) }) {
        case .dropped: counters.dropped.add()
        case .nothing: break
        case .now: scheduler.run(.writing, .zero) { if !self.writing.isRetrying { self.drain() } }
        case .later:
            scheduler.run(.writing, plan.gatherTime) {
                self.pending.withLock { $0.isGathering = false }
                if !self.writing.isRetrying { self.drain() }
            }
        }
    }

    private func take(_ line: UnsafeRawBufferPointer, into pending: inout Pending) -> Call {
        guard !pending.isClosed,
            pending.bytes.count + pending.inFlightBytes + line.count <= plan.bufferBytes
        else { return .dropped }
        pending.bytes.append(contentsOf: line)
        pending.lines += 1
        if !pending.isGathering {
            pending.isGathering = true
            return .later
        }
        guard !pending.isUrgent, pending.bytes.count >= plan.gatherBytes else { return .nothing }
        pending.isUrgent = true
        return .now
    }

    /// Opens the file by its name again, for a log rotated by another program.
    package func reopen() {
        scheduler.run(.writing, .zero) { self.writing.appender.close() }
    }

    /// Waits until everything taken so far is written; false when the deadline passes or the disk refuses first.
    package func flush(within limit: Duration) -> Bool {
        let done = DispatchSemaphore(value: 0)
        scheduler.run(.writing, .zero) {
            self.drain(wholly: true)
            done.signal()
        }
        guard done.wait(timeout: .now() + .milliseconds(Int(limit.wholeMilliseconds))) == .success else {
            return false
        }
        return pending.withLock { $0.bytes.isEmpty && $0.inFlightBytes == 0 }
    }

    /// Refuses further lines and flushes; what is not written within the limit is given up, which is counted and not tried again.
    package func close(within limit: Duration) -> Bool {
        pending.withLock { $0.isClosed = true }
        if flush(within: limit) { return true }
        let left = pending.withLock { pending in
            defer { (pending.bytes, pending.lines) = ([], 0) }
            return pending.lines + counters.giveUp()
        }
        counters.dropped.add(left)
        return false
    }

    // MARK: The writing lane

    /// Writes what waits, and what has come meanwhile, unless that is little and a gathering time for it runs; that too where
    /// all is to be written `wholly`. **Runs on** the writing lane.
    private func drain(wholly: Bool = false) {
        var leavesLittle = false
        if counters.hasGivenUp { return forget() }
        while takePending(leavingLittle: leavesLittle) {
            leavesLittle = !wholly
            do {
                try writing.appender.advance()
                pending.withLock { $0.inFlightBytes = 0 }
                writing.pause = .zero
            } catch {
                counters.writeErrors.add()
                counters.lastError.store(error.code, ordering: .relaxed)
                return retryLater()
            }
        }
    }

    /// Hands waiting lines to the appender; false when there is nothing to write.
    private func takePending(leavingLittle: Bool) -> Bool {
        guard writing.appender.isIdle else { return true }
        // The memory of the lines written before takes the next ones meanwhile.
        var bytes: [UInt8] = []
        swap(&bytes, &writing.spare)
        let lines = pending.withLock { pending -> Int in
            if leavingLittle, pending.isGathering, pending.bytes.count < plan.gatherBytes { return 0 }
            let lines = pending.lines
            swap(&bytes, &pending.bytes)
            pending.lines = 0
            pending.inFlightBytes = bytes.count
            counters.begin(lines)
            pending.isUrgent = false
            return lines
        }
        guard lines > 0 else {
            keep(bytes)
            return false
        }
        bytes += noticeOfDrops()
        writing.appender.take(&bytes, lines: lines)
        keep(bytes)
        return true
    }

    /// Lets go of what has been given up, and of the file.
    private func forget() {
        writing.appender.forget()
        pending.withLock { $0.inFlightBytes = 0 }
    }

    /// Keeps emptied memory for the next lines, but not what one burst has made large.
    private func keep(_ bytes: consuming [UInt8]) {
        guard bytes.capacity <= LogFilePlan.spareBytesMax else { return }
        writing.spare = bytes
        writing.spare.removeAll(keepingCapacity: true)
    }

    /// The line that says what was lost since the last one; empty when nothing was.
    private func noticeOfDrops() -> [UInt8] {
        let dropped = counters.dropped.value
        defer { writing.droppedNoted = dropped }
        guard dropped > writing.droppedNoted, plan.notesLosses else { return [] }
        return DropNotice(time: now(), dropped: dropped - writing.droppedNoted).line()
    }

    private func retryLater() {
        if counters.hasGivenUp { return forget() }
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
