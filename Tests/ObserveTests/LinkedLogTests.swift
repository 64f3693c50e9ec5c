import Foundation
import Testing

@testable import Observe

@Suite("Logs behind symbolic links")
struct LinkedLogTests {
    /// What the link of a test says, and where that is.
    enum Link: CaseIterable {
        case absolute, relative, chained
    }

    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file(name), withDestinationPath: target)
    }

    private func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.file(folder)).sorted()
    }

    private func isLink(_ name: String) -> Bool {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: scratch.file(name))) != nil
    }

    @Test(
        "the file that a link leads to is rotated, gzipped and kept to its bounds, and the link stays",
        arguments: Link.allCases, [true, false])
    func rotation(kind: Link, isThere: Bool) throws {
        if isThere {
            try FileManager.default.createDirectory(
                atPath: scratch.file("data"), withIntermediateDirectories: true)
            scratch.write("data/real", [])
        }
        switch kind {
        case .absolute: try link("log", to: scratch.file("data/real"))
        case .relative: try link("log", to: "data/real")
        case .chained:
            try link("log", to: "other")
            try link("other", to: "data/real")
        }
        let bench = try Bench(scratch) {
            $0.rotateBytes = 4
            $0.keepFiles = 2
            $0.isCompressed = true
        }
        for index in 100..<105 { bench.write("\(index)") }
        #expect(isLink("log") && bench.rotated.isEmpty)
        #expect(scratch.text("log") == "104\n")
        let files = try names("data")
        #expect(files.count == 3 && files.first == "real")
        let rotated = files.dropFirst()
        #expect(rotated.allSatisfy { $0.hasPrefix("real.") && $0.hasSuffix(".gz") })
        #expect(try rotated.map { try gunzip(scratch.file("data/" + $0)) } == ["102\n", "103\n"])
        #expect(bench.writer.counts.writeErrors == 0)
    }

    @Test("a link that is set to another file is followed there, whose rotated files go on in number")
    func newTarget() throws {
        try link("log", to: "one")
        let bench = try Bench(scratch) { $0.rotateBytes = 4 }
        bench.write("aaa")
        try FileManager.default.removeItem(atPath: scratch.file("log"))
        scratch.write("two.20270115T080000Z.000007", "old\n".utf8)
        try link("log", to: "two")
        for line in ["bbb", "ccc"] { bench.write(line) }
        #expect(scratch.text("one") == "aaa\n" && scratch.text("two") == "ccc\n")
        #expect(scratch.names.contains { $0.hasPrefix("two.") && $0.hasSuffix(".000008") })
    }

    @Test("links in a circle are an error in plain words, and lines are written when it is broken")
    func circle() throws {
        try link("log", to: "other")
        try link("other", to: "log")
        let refusal = #expect(throws: LogFileError.self) {
            try RotatingLogWriter.verify(scratch.file("log"))
        }
        #expect(refusal?.code == ELOOP && "\(refusal, default: "")".contains("symbolic links"))
        let bench = try Bench(scratch)
        bench.write("line")
        #expect(bench.writer.lastError == refusal?.description)
        try FileManager.default.removeItem(atPath: scratch.file("other"))
        bench.manual.advance(.seconds(1))
        #expect(scratch.text("other") == "line\n" && isLink("log"))
    }

    @Test("verifying makes the file that a dangling link leads to, and its folder")
    func verifying() throws {
        try link("log", to: "deep/er/real")
        try RotatingLogWriter.verify(scratch.file("log"))
        #expect(try names("deep/er") == ["real"])
    }

    @Test("a link to a device or to what the process has open is written to and never rotated")
    func devices() throws {
        try link("null", to: "/dev/null")
        scratch.write("output", [])
        let output = try LocalLogFiles().openToAppend(scratch.file("output"))
        defer { close(output) }
        try link("log", to: "/proc/self/fd/\(output)")
        for name in ["null", "log"] {
            let bench = try Bench(scratch) {
                $0.path = scratch.file(name)
                $0.rotateBytes = 4
                $0.rotateAge = .seconds(1)
            }
            for line in ["one", "two", "six"] {
                bench.write(line)
                bench.manual.advance(.seconds(100))
            }
            #expect(isLink(name))
            #expect(bench.writer.counts.written == 3 && bench.writer.counts.rotations == 0)
        }
        #expect(scratch.text("output") == "one\ntwo\nsix\n")
        #expect(scratch.names == ["log", "null", "output"])
    }
}
