import ArgumentParser
import Foundation
import Observe

/// `samegate decisions`: reads decision logs, current and rotated, plain and gzipped.
struct DecisionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions", abstract: "Read, filter, summarise and replay decision logs.",
        discussion: """
            Without --summary the matching lines are printed as they stand. A summary counts queries and whole requests, \
            which fare as the worst of their rows, and says why, what had no score apart. Replaying asks what other \
            thresholds would have decided of both: --replay p97=perturb,p99=proof-of-work,p99.9=reject
            """)

    @Argument(
        help:
            """
            Log files, gzipped ones too; what a log has set aside is read before the log, whatever the order, and but once \
            where it is there both plain and gzipped.
            """
    )
    var files: [String]

    @Flag(name: .long, help: "Print a summary instead of the lines.")
    var summary = false

    @Flag(name: .long, help: "The summary as one JSON object.")
    var json = false

    @Flag(
        name: .shortAndLong,
        help:
            "Go on with the logs as they grow, across their rotation, until Ctrl-C; other files are read first."
    )
    var follow = false

    @Option(name: .long, help: "Only this route.")
    var route: String?

    @Option(name: .long, help: "Only this verdict; may be repeated.")
    var verdict: [String] = []

    @Option(name: .long, help: "Only this client.")
    var client: String?

    @Option(name: .long, help: "Only from this moment on (RFC 3339).")
    var since: String?

    @Option(name: .long, help: "Only before this moment (RFC 3339).")
    var until: String?

    @Option(name: .long, help: "Only scores of at least this benign percentile.")
    var minPercentile: Double?

    @Option(name: .long, help: "Bands to try: p97=perturb,p99=reject.")
    var replay: String?

    func validate() throws {
        if let minPercentile, !(0...100).contains(minPercentile) {
            throw ValidationError("--min-percentile must be from 0 to 100")
        }
        if files.isEmpty { throw ValidationError("give at least one log file") }
        if follow, summary || json || replay != nil {
            throw ValidationError("--follow prints lines; leave out --summary, --json and --replay")
        }
        if follow, growing.isEmpty {
            throw ValidationError(
                "--follow needs a log that grows, such as logs/decisions.jsonl: these have been set aside")
        }
        _ = try filter()
        _ = try replayed()
    }

    func run() throws {
        let filter = try filter()
        if summary || json || replay != nil { return try summarise(filter) }
        var reader = LogReader()
        var printer = DecisionPrinter(filter)
        let followed = follow ? growing : []
        // Opened now: one that is rotated while the others are read is read to its end.
        let followers = followed.map { LogFollower($0, fromEnd: false) }
        for file in complete.all where !followed.contains(file) {
            reader.readLines(of: file) { printer.show($0) }
            try printer.flush()
        }
        printer.complain(besides: reader.findings.malformed)
        Self.report(reader.findings)
        guard follow else {
            if !reader.findings.unreadableFiles.isEmpty { throw ExitCode(1) }
            return
        }
        for file in followed where !FileManager.default.fileExists(atPath: file) {
            Self.complain("\(file) is not there yet")
        }
        while true {
            for follower in followers { follower.poll { printer.show($0) } }
            try printer.flush()
            printer.complain()
            usleep(200_000)
        }
    }

    /// The files without those that are still being gzipped: what they hold is in the files that they are made of, which the
    /// same pattern names.
    private var complete: LogFileList {
        LogFileList(files.count > 1 ? files.filter { !$0.hasSuffix(".gz.partial") } : files)
    }

    /// What --follow goes on with.
    private var growing: [String] { complete.others.filter { !$0.hasSuffix(".gz") } }

    private func summarise(_ filter: DecisionFilter) throws {
        var reader = LogReader()
        var summary = DecisionSummary(filter: filter, replay: try replayed())
        for file in complete.all { reader.readDecisions(of: file) { summary.add($0) } }
        var output = LineOutput()
        output.write(json ? summary.json(findings: reader.findings) : summary.text(findings: reader.findings))
        try Self.flush(&output)
        if !reader.findings.unreadableFiles.isEmpty { throw ExitCode(1) }
    }

    /// Writes out what was printed. **Throws** `ExitCode` 1, the reason said, where it is not taken.
    fileprivate static func flush(_ output: inout LineOutput) throws {
        do {
            try output.flush()
        } catch {
            complain("standard output: \(error)")
            throw ExitCode(1)
        }
    }

    private static func report(_ findings: LogReader.Findings) {
        for file in findings.unreadableFiles { complain(file) }
        for file in findings.damagedFiles {
            complain("\(file) ends inside its gzip stream; what was before is shown")
        }
    }

    /// Prints a line on standard error.
    fileprivate static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    private func filter() throws -> DecisionFilter {
        func moment(_ text: String?, _ name: String) throws -> WallTime? {
            guard let text else { return nil }
            guard let time = WallTime(rfc3339: text) else {
                throw ValidationError("--\(name) \(text): not a time such as 2026-01-31T12:00:00Z")
            }
            return time
        }
        let known = DecisionRecord.Verdict.all
        let verdicts = try verdict.map { name in
            let verdict = DecisionRecord.Verdict(rawValue: name)
            guard known.contains(verdict) else {
                let names = known.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--verdict \(name): not a verdict; there are \(names)")
            }
            return verdict
        }
        return DecisionFilter(
            route: route, verdicts: Set(verdicts), client: client,
            since: try moment(since, "since"), until: try moment(until, "until"),
            leastPercentile: minPercentile)
    }

    private func replayed() throws -> Replay? {
        guard let replay else { return nil }
        let bands = try replay.split(separator: ",").map { part -> Replay.Band in
            let halves = part.split(separator: "=", maxSplits: 1)
            guard halves.count == 2, halves[0].first == "p", let above = Double(halves[0].dropFirst()),
                (0..<100).contains(above), ["pass", "perturb", "proof-of-work", "reject"].contains(halves[1])
            else {
                throw ValidationError("--replay: “\(part)” is not PERCENTILE=VERDICT, such as p99.5=reject")
            }
            return Replay.Band(above: above, verdict: DecisionRecord.Verdict(rawValue: String(halves[1])))
        }
        guard zip(bands, bands.dropFirst()).allSatisfy({ $0.above < $1.above }) else {
            throw ValidationError("--replay: bands ascend")
        }
        return Replay(bands: bands)
    }
}

/// Prints the decisions that a filter takes, and keeps account of lines that are none.
private struct DecisionPrinter {
    private let filter: DecisionFilter
    private var malformed = 0
    private var dropped = 0
    private var output = LineOutput()

    init(_ filter: DecisionFilter) { self.filter = filter }

    mutating func show(_ line: ArraySlice<UInt8>) {
        guard output.failure == nil else { return }
        if let record = DecisionRecord(line: line) {
            if filter.takes(record) { output.write(line: line) }
        } else if let notice = DropNotice(line: line) {
            dropped += notice.dropped
        } else if !line.isEmpty {
            malformed += 1
        }
    }

    /// Writes out what was shown. **Throws** as `DecisionsCommand.flush`.
    mutating func flush() throws { try DecisionsCommand.flush(&output) }

    /// Says on standard error what was met since the last time, and so many malformed lines `besides`.
    mutating func complain(besides others: Int = 0) {
        malformed += others
        if malformed > 0 {
            DecisionsCommand.complain("lines that are no decisions and were skipped: \(malformed)")
        }
        if dropped > 0 {
            DecisionsCommand.complain("decisions that the log had no room for: \(dropped)")
        }
        (malformed, dropped) = (0, 0)
    }
}
