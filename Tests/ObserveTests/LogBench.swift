@testable import Observe

/// A writer on a scratch directory, its clock and its work in the test's hands.
struct Bench {
    let scratch: Scratch
    let manual = ManualScheduler()
    let files = FaultyFiles()
    let writer: RotatingLogWriter

    init(
        _ scratch: Scratch? = nil, from start: ManualScheduler? = nil,
        _ change: (inout LogFilePlan) -> Void = { _ in }
    ) throws {
        let scratch = try scratch ?? Scratch()
        var plan = LogFilePlan(path: scratch.file("log"), isCompressed: false)
        change(&plan)
        self.scratch = scratch
        let manual = manual
        writer = RotatingLogWriter(plan, scheduler: manual.scheduler, files: files, now: { manual.now })
    }

    /// Appends a line and lets everything due be done.
    func write(_ text: String) {
        writer.append(line: Array((text + "\n").utf8))
        manual.run()
    }

    /// All lines in all files that are not gzipped, in the order they were written.
    var lines: [String] {
        (rotated + ["log"]).flatMap { scratch.text($0).split(separator: "\n").map(String.init) }
    }

    var rotated: [String] { scratch.names.filter { $0.hasPrefix("log.") } }
}
