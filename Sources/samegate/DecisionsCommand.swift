import ArgumentParser
import Foundation
import Observe

/// `samegate decisions`: reads decision logs, current and rotated, plain and gzipped.
struct DecisionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions", abstract: "Read, filter, summarise and replay decision logs.",
        discussion: """
            Without --summary the matching lines are printed as they stand. Replaying asks what other thresholds would have \
            decided: --replay p97=perturb,p99=proof-of-work,p99.9=reject
            """)

    @Argument(help: "Log files, gzipped ones too, oldest first.")
    var files: [String]

    @Flag(name: .long, help: "Print a summary instead of the lines.")
    var summary = false

    @Flag(name: .long, help: "The summary as one JSON object.")
    var json = false

    @Flag(
        name: .shortAndLong, help: "Go on with the last file as it grows, across its rotation, until Ctrl-C.")
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
        _ = try filter()
        _ = try replayed()
    }

    func run() throws {
        let filter = try filter()
        if summary || json || replay != nil { return try summarise(filter) }
        var reader = LogReader()
        for file in complete.dropLast(follow ? 1 : 0) {
            reader.readLines(of: file) { Self.show($0, filter) }
        }
        try Self.report(reader.findings)
        guard follow, let last = complete.last else { return }
        let follower = LogFollower(last, fromEnd: false)
        while true {
            follower.poll { Self.show($0, filter) }
            fflush(nil)
            usleep(200_000)
        }
    }

    /// The files without those that are still being gzipped: what they hold is in the files that they are made of, which the
    /// same pattern names.
    private var complete: [String] { files.count > 1 ? files.filter { !$0.hasSuffix(".gz.partial") } : files }

    private func summarise(_ filter: DecisionFilter) throws {
        var reader = LogReader()
        var summary = DecisionSummary(filter: filter, replay: try replayed())
        for file in complete { reader.readDecisions(of: file) { summary.add($0) } }
        print(
            json ? summary.json(findings: reader.findings) : summary.text(findings: reader.findings),
            terminator: json ? "\n" : "")
        if !reader.findings.unreadableFiles.isEmpty { throw ExitCode(1) }
    }

    /// Prints a line when it is a decision that the filter takes.
    private static func show(_ line: ArraySlice<UInt8>, _ filter: DecisionFilter) {
        guard let record = DecisionRecord(line: line), filter.takes(record) else { return }
        print(String(decoding: line, as: UTF8.self))
    }

    private static func report(_ findings: LogReader.Findings) throws {
        for file in findings.unreadableFiles { complain(file) }
        for file in findings.damagedFiles {
            complain("\(file) ends inside its gzip stream; what was before is shown")
        }
        if !findings.unreadableFiles.isEmpty { throw ExitCode(1) }
    }

    private static func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    private func filter() throws -> DecisionFilter {
        func moment(_ text: String?, _ name: String) throws -> WallTime? {
            guard let text else { return nil }
            guard let time = WallTime(rfc3339: text) else {
                throw ValidationError("--\(name) \(text): not a time such as 2026-01-31T12:00:00Z")
            }
            return time
        }
        return DecisionFilter(
            route: route, verdicts: Set(verdict.map(DecisionRecord.Verdict.init(rawValue:))), client: client,
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
