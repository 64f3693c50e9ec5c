import Foundation
import Testing

@testable import Observe

@Suite("Reading")
struct LogReaderTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
    }

    private func records(_ count: Int) -> [DecisionRecord] {
        (0..<count).map { .make(time: Int64($0), client: "client \($0)") }
    }

    private func read(_ name: String) -> (records: [DecisionRecord], findings: LogReader.Findings) {
        var reader = LogReader()
        var records: [DecisionRecord] = []
        reader.readDecisions(of: scratch.file(name)) { records.append($0) }
        return (records, reader.findings)
    }

    private func gzip(_ name: String) throws -> [UInt8] {
        try Gzip.compress(scratch.file(name), to: scratch.file(name + ".gz"))
        return scratch.bytes(name + ".gz")
    }

    @Test("plain and gzipped files give the same decisions, whatever their names")
    func both() throws {
        let written = records(3_000)
        scratch.write("plain.gz.not", written.flatMap { $0.line() })
        let bytes = try gzip("plain.gz.not")
        scratch.write("zipped.jsonl", bytes)
        #expect(read("plain.gz.not").records == written)
        #expect(read("zipped.jsonl").records == written)
        #expect(read("zipped.jsonl").findings.lines == 3_000)
    }

    @Test("members one after another are one file (RFC 1952 §2.2)")
    func members() throws {
        let written = records(10)
        scratch.write("a", written[..<5].flatMap { $0.line() })
        scratch.write("b", written[5...].flatMap { $0.line() })
        let both = try gzip("a") + gzip("b")
        scratch.write("both", both)
        #expect(read("both").records == written)
        #expect(read("both").findings.damagedFiles.isEmpty)
    }

    @Test("a gzipped file cut off anywhere gives whole decisions only, and says that it is damaged")
    func truncated() throws {
        let written = records(40)
        scratch.write("a", written.flatMap { $0.line() })
        let bytes = try gzip("a")
        for length in stride(from: 3, to: bytes.count, by: 37) {
            scratch.write("cut", bytes[..<length])
            let (found, findings) = read("cut")
            #expect(found == Array(written.prefix(found.count)))
            #expect(findings.damagedFiles.count == 1 && findings.malformed == 0)
        }
    }

    @Test("bytes that are not gzip's end the reading, and what was before counts")
    func corrupt() throws {
        let written = records(5)
        scratch.write("a", written.flatMap { $0.line() })
        let bytes = try gzip("a")
        scratch.write("trailed", bytes + Array("garbage".utf8))
        #expect(read("trailed").records == written)
        #expect(read("trailed").findings.damagedFiles.count == 1)
    }

    @Test("lines that are no decisions are skipped and counted, an unfinished last one too")
    func malformed() {
        let good = DecisionRecord.make().line()
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: LineSplitter.lineBytesMax + 1)
        scratch.write(
            "a", good + Array("nonsense\n\n".utf8) + long + Array("\n".utf8) + good + good.prefix(30))
        let (found, findings) = read("a")
        #expect(found.count == 2)
        #expect(findings.malformed == 3 && findings.lines == 5)
    }

    @Test("a missing file is noted with its reason")
    func missing() {
        #expect(
            read("none").findings.unreadableFiles == [scratch.file("none") + ": No such file or directory"])
    }

    @Test(
        "what a log has set aside is read before it, the oldest first, in whatever order a shell names them")
    func order() {
        let day = "20270115T080000Z"
        let list = LogFileList([
            "l/d.jsonl", "l/d.jsonl.\(day).000010", "l/d.jsonl.\(day).000009.gz", "l/other.gz",
            "c.\(day).000001", ".\(day).000001x",
        ])
        #expect(
            list.rotated == [
                "c.\(day).000001", "l/d.jsonl.\(day).000009.gz", "l/d.jsonl.\(day).000010",
            ])
        #expect(list.others == ["l/d.jsonl", "l/other.gz", ".\(day).000001x"])
    }

    @Test("of a file set aside and its gzipped copy one is read; a log that grows is read beside any copy")
    func copies() {
        let stamped = "l/d.jsonl.20270115T080000Z.000009"
        let list = LogFileList([
            stamped, stamped + ".gz", "l/d.jsonl.1", "l/d.jsonl.1.gz", "l/d.jsonl.2", "l/d.jsonl",
            "l/d.jsonl.gz",
        ])
        #expect(list.rotated == [stamped + ".gz"])
        #expect(list.others == ["l/d.jsonl.1.gz", "l/d.jsonl.2", "l/d.jsonl", "l/d.jsonl.gz"])
    }

    @Test("a file that its log gzips after it was named is read where it is then; one that is gone is noted")
    func gzippedMeanwhile() throws {
        let name = "log.20270115T080000Z.000001"
        let written = records(20)
        scratch.write(name, written.flatMap { $0.line() })
        _ = try gzip(name)
        try LocalLogFiles().remove(scratch.file(name))
        #expect(read(name).records == written && read(name).findings.unreadableFiles.isEmpty)
        try LocalLogFiles().remove(scratch.file(name + ".gz"))
        #expect(read(name).findings.unreadableFiles.count == 1)
    }

    @Test("a follower sees what is appended, across rotation and emptying")
    func following() throws {
        let path = scratch.file("log")
        var seen: [String] = []
        func append(_ text: String) throws {
            let descriptor = try LocalLogFiles().openToAppend(path)
            defer { close(descriptor) }
            _ = try Array(text.utf8).withUnsafeBytes { try LocalLogFiles().write(descriptor, $0) }
        }
        let follower = LogFollower(path, fromEnd: true)
        func poll() -> [String] {
            seen = []
            follower.poll { seen.append(String(decoding: $0, as: UTF8.self)) }
            return seen
        }
        #expect(poll() == [])
        try append("a\nb")
        #expect(poll() == ["a"])
        try append("c\nd\n")
        #expect(poll() == ["bc", "d"])
        try append("last\n")
        try LocalLogFiles().rename(path, to: scratch.file("log.old"))
        try append("first\n")
        #expect(poll() == ["last", "first"])
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(poll() == [])
        try append("new\n")
        #expect(poll() == ["new"])
        try LocalLogFiles().remove(path)
        #expect(poll() == [])
        try append("again\n")
        #expect(poll() == ["again"])
        let late = LogFollower(path, fromEnd: true)
        late.poll { _ in Issue.record("begins at the end") }
    }
}
