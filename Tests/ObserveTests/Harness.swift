import Foundation
import Synchronization
import Testing

@testable import Observe

/// A scheduler whose work runs when the test says so, on the test's own thread.
final class ManualScheduler: Sendable {
    private struct Work: Sendable {
        let lane: LogScheduler.Lane
        let due: WallTime
        let run: @Sendable () -> Void
    }

    private let waiting = Mutex<[Work]>([])
    private let time: Mutex<WallTime>

    init(_ start: WallTime = WallTime(milliseconds: 1_800_000_000_000)) {
        time = Mutex(start)
    }

    var now: WallTime { time.withLock { $0 } }
    /// Pieces of work that wait, the delayed ones among them.
    var count: Int { waiting.withLock { $0.count } }

    func advance(_ duration: Duration) {
        time.withLock { $0 = $0 + duration }
        run()
    }

    /// Runs what is due on the lanes, and what that schedules in turn.
    func run(_ lanes: Set<LogScheduler.Lane> = [.writing, .tidying]) {
        while let work = next(lanes) { work.run() }
    }

    private func next(_ lanes: Set<LogScheduler.Lane>) -> Work? {
        let now = now
        return waiting.withLock { waiting in
            waiting.firstIndex { lanes.contains($0.lane) && $0.due <= now }.map { waiting.remove(at: $0) }
        }
    }

    var scheduler: LogScheduler {
        LogScheduler { lane, delay, run in
            let work = Work(lane: lane, due: self.now + delay, run: run)
            self.waiting.withLock { $0.append(work) }
        }
    }
}

/// The machine's file system with a disk that fills and calls that fail on command.
final class FaultyFiles: LogFileSystem {
    struct Faults: Sendable {
        /// Bytes the disk still takes; nil takes all.
        var room: Int?
        /// The error of every call of that name.
        var errors: [String: Int32] = [:]
        /// What happens, once, while the disk writes.
        var meanwhile: (@Sendable () -> Void)?
    }

    let faults = Mutex(Faults())
    private let local = LocalLogFiles()

    func set(_ change: (inout Faults) -> Void) {
        faults.withLock { change(&$0) }
    }

    private func check(_ call: String) throws(LogFileError) {
        if let code = faults.withLock({ $0.errors[call] }) { throw LogFileError(code: code) }
    }

    func target(of path: String) -> String? { local.target(of: path) }

    func openToAppend(_ path: String) throws(LogFileError) -> Int32 {
        try check("open")
        return try local.openToAppend(path)
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(LogFileError) -> Int {
        try check("write")
        let room = faults.withLock { $0.room } ?? bytes.count
        guard room > 0 else { throw LogFileError(code: ENOSPC) }
        let part = UnsafeRawBufferPointer(rebasing: bytes[..<min(room, bytes.count)])
        let count = try local.write(descriptor, part)
        faults.withLock { faults in
            defer { faults.meanwhile = nil }
            return faults.meanwhile
        }?()
        faults.withLock { faults in faults.room = faults.room.map { $0 - count } }
        return count
    }

    func close(_ descriptor: Int32) { local.close(descriptor) }
    func identity(of descriptor: Int32) -> LogFileIdentity? { local.identity(of: descriptor) }
    func identity(at path: String) -> LogFileIdentity? { local.identity(at: path) }

    func read(_ path: String, at offset: Int64, count: Int) throws(LogFileError) -> [UInt8] {
        try local.read(path, at: offset, count: count)
    }

    func rename(_ path: String, to other: String) throws(LogFileError) {
        try check("rename")
        try local.rename(path, to: other)
    }

    func remove(_ path: String) throws(LogFileError) {
        try check("remove")
        try local.remove(path)
    }

    func list(_ directory: String) throws(LogFileError) -> [String] {
        try check("list")
        return try local.list(directory)
    }

    func gzip(_ path: String, to other: String) throws(LogFileError) {
        try check("gzip")
        try local.gzip(path, to: other)
    }
}

/// A directory for one test, removed behind it.
final class Scratch {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent("observe-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) {
        _ = FileManager.default.createFile(atPath: file(name), contents: Data(bytes))
    }

    func bytes(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: file(name)).map(Array.init) ?? []
    }

    func text(_ name: String) -> String { String(decoding: bytes(name), as: UTF8.self) }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

/// What Debian's own gzip makes of a file; an oracle apart from zlib as called here.
func gunzip(_ path: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/gzip")
    process.arguments = ["-dc", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self)
}

extension DecisionRecord {
    /// A decision like any other.
    static func make(
        time: Int64 = 1_800_000_000_000, client: String = "10.0.0.1", route: String = "predict",
        score: Double? = 0.5, percentile: Double? = 50, verdict: Verdict = .pass, isEnforced: Bool = true,
        total: Double? = 12.5
    ) -> DecisionRecord {
        DecisionRecord(
            time: WallTime(milliseconds: time), requestID: "r-1", client: client, route: route, score: score,
            percentile: percentile, verdict: verdict, isEnforced: isEnforced,
            latencies: Latencies(total: total))
    }
}
