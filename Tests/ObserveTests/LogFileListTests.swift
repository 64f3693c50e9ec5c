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
}
