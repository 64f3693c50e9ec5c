import Foundation

/// The open file of a log: appends whole lines, rotates between lines, and finds its way back when the file is gone.
///
/// Where the log's path is a symbolic link, the file that it leads to is written and rotated, and the link stays.
///
/// Confined to the writing lane of its `RotatingLogWriter`.
final class LogAppender {
    private let plan: LogFilePlan
    /// Where the open file is: the plan's path, or what links there lead to.
    private var place: LogFilePlan
    /// Whether the open file has a name that it can lose to a rotation; a pipe and a terminal grow on.
    private var canRotate = true
    private let files: any LogFileSystem
    private let now: @Sendable () -> WallTime
    private let counters: LogCounters
    private let didRotate: () -> Void

    private var descriptor: Int32 = -1
    private var size = 0
    private var firstLine: WallTime?
    private var nextSequence = 1
    private var rotationPause: WallTime?

    /// Lines on their way, and how many of their bytes are written.
    private var chunk: [UInt8] = []
    private var offset = 0
    /// Lines of the chunk that are to be counted; its last one may be a notice, which is not.
    private var lines = 0

    /// After a failed rotation the file grows on for so long before the next attempt.
    static let rotationPause: Duration = .seconds(60)

    init(
        _ plan: LogFilePlan, files: any LogFileSystem, now: @escaping @Sendable () -> WallTime,
        counters: LogCounters, didRotate: @escaping () -> Void
    ) {
        self.plan = plan
        place = plan
        self.files = files
        self.now = now
        self.counters = counters
        self.didRotate = didRotate
    }

    deinit {
        if descriptor >= 0 { files.close(descriptor) }
    }

    /// Whether all lines given are written.
    var isIdle: Bool { chunk.isEmpty }

    /// Takes the next lines, so many and perhaps a notice behind them; only when idle. Leaves memory for others behind.
    func take(_ bytes: inout [UInt8], lines: Int) {
        precondition(isIdle, "lines are on their way")
        swap(&chunk, &bytes)
        offset = 0
        self.lines = lines
    }

    /// Closes the file, so that the next write opens it by its name again.
    func close() {
        guard descriptor >= 0 else { return }
        files.close(descriptor)
        descriptor = -1
    }

    /// Forgets the lines taken, and closes the file.
    func forget() {
        chunk = []
        offset = 0
        close()
    }

    /// Writes the lines taken. **Throws** where the system refused; what is unwritten stays for the next attempt.
    func advance() throws(LogFileError) {
        try open()
        while offset < chunk.count {
            try rotateIfDue()
            let end = isMidLine ? endOfLine(from: offset) : endOfFittingLines()
            let wrote = try write(upTo: end)
            offset += wrote
            size += wrote
            count(wrote)
        }
        // What one burst has made large is given back.
        chunk.removeAll(keepingCapacity: chunk.capacity <= LogFilePlan.spareBytesMax)
        offset = 0
    }

    /// Counts the lines that the last bytes have completed; only where they are not the rest of the chunk by looking.
    private func count(_ wrote: Int) {
        if offset == chunk.count {
            counters.wrote(lines)
        } else {
            let whole = chunk[offset - wrote..<offset].count { $0 == UInt8(ascii: "\n") }
            lines -= whole
            counters.wrote(whole)
        }
    }

    private func write(upTo end: Int) throws(LogFileError) -> Int {
        let result = chunk.withUnsafeBytes { bytes in
            Result { () throws(LogFileError) in
                try files.write(descriptor, UnsafeRawBufferPointer(rebasing: bytes[offset..<end]))
            }
        }
        let wrote = try result.get()
        // A disk that takes nothing and reports nothing would otherwise be asked forever.
        guard wrote > 0 else { throw LogFileError(code: ENOSPC) }
        return wrote
    }

    // MARK: Lines

    private var isMidLine: Bool {
        offset > 0 && chunk[offset - 1] != UInt8(ascii: "\n")
    }

    private func endOfLine(from start: Int) -> Int {
        chunk[start...].firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? chunk.count
    }

    /// The end of the lines that fit below the size of rotation; at least one.
    private func endOfFittingLines() -> Int {
        let room = plan.rotateBytes - size
        guard chunk.count - offset > room else { return chunk.count }
        let first = endOfLine(from: offset)
        guard first - offset < room else { return first }
        return (chunk[offset..<offset + room].lastIndex(of: UInt8(ascii: "\n")) ?? first - 1) + 1
    }

    // MARK: Opening

    /// Opens the file, or opens it again where another process moved or removed it.
    private func open() throws(LogFileError) {
        if descriptor >= 0 {
            let own = files.identity(of: descriptor)
            let named = files.identity(at: plan.path)
            if let own, let named, own.device == named.device, own.inode == named.inode {
                size = Int(own.size)
                return
            }
            close()
        }
        let target = files.target(of: plan.path)
        place.path = target ?? plan.path
        descriptor = try files.openToAppend(place.path)
        let identity = files.identity(of: descriptor)
        canRotate = target != nil && identity?.isRegular ?? true
        size = Int(identity?.size ?? 0)
        restartLine()
        firstLine = size > 0 ? timeOfFirstLine() : nil
        nextSequence = max(nextSequence, lastSequence() + 1)
        try completeLastLine()
    }

    /// A line that was cut off in the file before is written whole into this one.
    private func restartLine() {
        guard isMidLine else { return }
        offset = chunk[..<offset].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    }

    /// Ends a line that a crash or a full disk cut off, so that it spoils no other.
    private func completeLastLine() throws(LogFileError) {
        guard size > 0, let last = try? files.read(place.path, at: Int64(size - 1), count: 1).first,
            last != UInt8(ascii: "\n")
        else { return }
        let newline = [UInt8(ascii: "\n")]
        let result = newline.withUnsafeBytes { bytes in
            Result { () throws(LogFileError) in try files.write(descriptor, bytes) }
        }
        do {
            size += try result.get()
        } catch {
            close()
            throw error
        }
    }

    /// The time that the file's first line begins with, so that a restart does not make the file young again.
    private func timeOfFirstLine() -> WallTime {
        let start = Array(#"{"time":""#.utf8)
        guard let head = try? files.read(place.path, at: 0, count: 512) else { return now() }
        if head.starts(with: start) {
            let text = head.dropFirst(start.count).prefix(24)
            return WallTime(rfc3339: String(decoding: text, as: UTF8.self)) ?? now()
        }
        let combined = head.drop { $0 != UInt8(ascii: "[") }.dropFirst().prefix(26)
        return WallTime(combined: String(decoding: combined, as: UTF8.self)) ?? now()
    }

    private func lastSequence() -> Int {
        guard canRotate else { return 0 }
        let names = (try? files.list(place.directory.isEmpty ? "." : place.directory)) ?? []
        return names.compactMap { RotatedName($0, base: place.name)?.sequence }.max() ?? 0
    }

    // MARK: Rotating

    private func rotateIfDue() throws(LogFileError) {
        let time = now()
        if firstLine == nil { firstLine = time }
        guard canRotate, !isMidLine, size > 0 else { return }
        let isFull = size + endOfLine(from: offset) - offset > plan.rotateBytes
        let isOld = time - (firstLine ?? time) >= plan.rotateAge
        guard isFull || isOld, rotationPause.map({ time >= $0 }) ?? true else { return }
        do {
            try rotate(at: time)
            rotationPause = nil
        } catch {
            counters.writeErrors.add()
            rotationPause = time + LogAppender.rotationPause
            if descriptor < 0 { try open() }
        }
    }

    private func rotate(at time: WallTime) throws(LogFileError) {
        var target: String
        repeat {
            let name = RotatedName(stamp: time.compact, sequence: nextSequence, suffix: .plain)
            target = place.directory + name.name(base: place.name)
            nextSequence += 1
        } while files.identity(at: target) != nil
        try files.rename(place.path, to: target)
        counters.rotations.add()
        close()
        didRotate()
        try open()
        firstLine = time
    }
}
