import Foundation
import TestSupport
import Testing

@testable import Observe

@Suite("The files of a log")
struct LogFileListTests {
    private static let day = "20270115T080000Z"

    @Test("what a log has set aside is found beside it, plain and gzipped, and nothing else")
    func rotated() throws {
        let scratch = try ScratchFolder()
        let log = scratch.file("d.jsonl")
        let plain = log + ".\(Self.day).000001", packed = log + ".\(Self.day).000002.gz"
        try scratch.write(Array("1\n".utf8), to: "d.jsonl.\(Self.day).000001")
        try scratch.write(Array("2\n".utf8), to: "two")
        try LocalLogFiles().gzip(scratch.file("two"), to: packed)
        try scratch.write(Array("3\n".utf8), to: "d.jsonl")
        for other in [
            "d.jsonl.\(Self.day).000003.gz.partial", "d.jsonl.bak", "e.jsonl", "e.jsonl.\(Self.day).000001",
        ] { try scratch.write(Array("x\n".utf8), to: other) }
        let list = LogFileList(withRotatedOf: [log])
        #expect(list.all == [plain, packed, log])
        #expect(LogFileList(withRotatedOf: [log, plain, log]) == list)
        var reader = LogReader()
        var lines: [String] = []
        for file in list.all {
            reader.readLines(of: file) { lines.append(String(decoding: $0, as: UTF8.self)) }
        }
        #expect(lines == ["1", "2", "3"] && reader.findings.damagedFiles.isEmpty)
    }

    @Test("a file that was set aside stands for itself, and a folder that is not there has nothing")
    func alone() throws {
        let scratch = try ScratchFolder()
        let older = try scratch.write([], to: "d.jsonl.\(Self.day).000001")
        try scratch.write([], to: "d.jsonl.\(Self.day).000002")
        #expect(LogFileList(withRotatedOf: [older]).all == [older])
        #expect(
            LogFileList(withRotatedOf: [scratch.file("none/d.jsonl")]).all == [scratch.file("none/d.jsonl")])
    }

    @Test(
        "a log that was given as a link is the file that the link leads to, there or not",
        arguments: ["absolute", "relative", "of a link"], [true, false])
    func links(kind: String, isThere: Bool) throws {
        let scratch = try Scratch()
        let files = FileManager.default
        try files.createDirectory(atPath: scratch.file("real"), withIntermediateDirectories: true)
        if isThere { try Data("old\n".utf8).write(to: URL(fileURLWithPath: scratch.file("real/log"))) }
        let link = scratch.file("link")
        switch kind {
        case "absolute":
            try files.createSymbolicLink(atPath: link, withDestinationPath: scratch.file("real/log"))
        case "relative": try files.createSymbolicLink(atPath: link, withDestinationPath: "real/log")
        default:
            try files.createSymbolicLink(atPath: scratch.file("second"), withDestinationPath: "real/log")
            try files.createSymbolicLink(atPath: link, withDestinationPath: "second")
        }
        #expect(LogFilePlan(path: link).path == scratch.file("real/log"))
        let bench = try Bench(scratch) { $0 = LogFilePlan(path: link, rotateBytes: 8, isCompressed: false) }
        for _ in 0..<3 { bench.write("a line") }
        #expect(
            try files.destinationOfSymbolicLink(atPath: link).hasSuffix(
                kind == "of a link" ? "second" : "log"))
        #expect(scratch.text("real/log") == "a line\n")
        #expect(try files.contentsOfDirectory(atPath: scratch.file("real")).count == (isThere ? 4 : 3))
        #expect(LogFileList(withRotatedOf: [link]).rotated.count == (isThere ? 3 : 2))
    }

    @Test("links that lead in a circle, and the system's own, are left as they are")
    func otherLinks() throws {
        let scratch = try Scratch()
        for (name, target) in [("a", "b"), ("b", "a")] {
            try FileManager.default.createSymbolicLink(
                atPath: scratch.file(name), withDestinationPath: target)
        }
        #expect(LogFilePlan(path: scratch.file("a")).path == scratch.file("a"))
        for path in ["/dev/stdout", "/dev/null", "/proc/self/fd/1"] {
            #expect(LogFilePlan(path: path).path == path)
        }
    }
}
