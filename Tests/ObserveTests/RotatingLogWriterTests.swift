import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Observe

@Suite("Writing")
struct WritingTests {
    @Test("lines arrive in order and are counted")
    func lines() throws {
        let bench = try Bench()
        for index in 0..<100 { bench.write("line \(index)") }
        #expect(bench.lines == (0..<100).map { "line \($0)" })
        #expect(bench.writer.counts == LogCounts(written: 100))
    }

    @Test("the directory is made where it is missing")
    func directory() throws {
        let scratch = try Scratch()
        let bench = try Bench(scratch) { $0.path = scratch.file("deep/er/log") }
        bench.write("a")
        #expect(scratch.text("deep/er/log") == "a\n")
    }

    @Test("a full buffer drops lines and counts them, and never blocks")
    func fullBuffer() throws {
        let bench = try Bench { $0.bufferBytes = 100 }
        for _ in 0..<30 { bench.writer.append(line: Array("123456789\n".utf8)) }
        #expect(bench.writer.counts.dropped == 20)
        bench.manual.run()
        #expect(bench.writer.counts.written == 10)
        #expect(bench.lines.last == #"{"time":"2027-01-15T08:00:00.000Z","dropped":20}"#)
        bench.write("again")
        #expect(bench.lines.last == "again")
        var reader = LogReader()
        reader.readDecisions(of: bench.scratch.file("log")) { _ in }
        #expect(reader.findings.dropped == 20)
    }

    @Test(
        "a disk that fills in the middle of a line and has room later loses no line and tears none",
        arguments: 0..<24)
    func fullDisk(room: Int) throws {
        let bench = try Bench()
        bench.files.set { $0.room = room }
        for index in 0..<4 { bench.writer.append(line: Array("line \(index)\n".utf8)) }
        bench.manual.run()
        #expect(bench.writer.counts.writeErrors == 1)
        #expect(bench.writer.counts.written == room / 7)
        bench.manual.advance(.milliseconds(100))
        #expect(bench.writer.counts.writeErrors == 2)
        bench.files.set { $0.room = nil }
        bench.manual.advance(.seconds(1))
        #expect(bench.scratch.text("log") == "line 0\nline 1\nline 2\nline 3\n")
        #expect(bench.writer.counts.written == 4)
        #expect(bench.manual.count == 0)
    }

    @Test("pauses between attempts double up to ten seconds, and one attempt waits at a time")
    func pauses() throws {
        let bench = try Bench()
        bench.manual.run()
        bench.files.set { $0.errors["open"] = EACCES }
        var attempts: [Int] = []
        for _ in 0..<12 {
            bench.write("x")
            #expect(bench.manual.count == 1)
            bench.manual.advance(.seconds(10))
            attempts.append(bench.writer.counts.writeErrors)
        }
        #expect(attempts.last.map { $0 < 30 } == true)
        #expect(zip(attempts, attempts.dropFirst()).suffix(4).allSatisfy { $1 - $0 == 1 })
    }

    @Test("while the disk refuses, memory is bounded by the buffer and the rest is counted")
    func boundedWhileRefused() throws {
        let bench = try Bench { $0.bufferBytes = 50 }
        bench.files.set { $0.errors["write"] = EIO }
        for _ in 0..<100 { bench.write("123456789") }
        #expect(bench.writer.counts.dropped == 95)
        bench.files.set { $0.errors = [:] }
        bench.manual.advance(.seconds(10))
        #expect(bench.writer.counts.written == 5)
        #expect(bench.writer.counts.dropped + bench.writer.counts.written == 100)
    }

    @Test("a directory removed under the log is made again")
    func removedDirectory() throws {
        let bench = try Bench()
        bench.write("before")
        try FileManager.default.removeItem(atPath: bench.scratch.path)
        bench.write("after")
        #expect(bench.lines == ["after"])
        #expect(bench.writer.counts == LogCounts(written: 2))
    }

    @Test(
        "a file renamed by another program is left alone and a new one begun, asked or not",
        arguments: [true, false])
    func logrotate(asked: Bool) throws {
        let bench = try Bench()
        bench.write("old")
        try FileManager.default.moveItem(
            atPath: bench.scratch.file("log"), toPath: bench.scratch.file("moved"))
        if asked { bench.writer.reopen() }
        bench.write("new")
        #expect(bench.scratch.text("moved") == "old\n")
        #expect(bench.scratch.text("log") == "new\n")
    }

    @Test("a line cut off in a file that is then renamed is whole in the next one")
    func renamedMidLine() throws {
        let bench = try Bench()
        bench.files.set { $0.room = 10 }
        for index in 0..<3 { bench.writer.append(line: Array("line \(index)\n".utf8)) }
        bench.manual.run()
        try FileManager.default.moveItem(
            atPath: bench.scratch.file("log"), toPath: bench.scratch.file("moved"))
        bench.files.set { $0.room = nil }
        bench.manual.advance(.seconds(1))
        #expect(bench.scratch.text("moved") == "line 0\nlin")
        #expect(bench.scratch.text("log") == "line 1\nline 2\n")
    }

    @Test("a last line that a crash cut off is ended before the first new one")
    func partialLine() throws {
        let scratch = try Scratch()
        scratch.write("log", "whole\npart".utf8)
        let bench = try Bench(scratch)
        bench.write("new")
        #expect(bench.lines == ["whole", "part", "new"])
    }

    @Test("what is appended after closing is dropped and counted")
    func closed() throws {
        let scratch = try Scratch()
        let writer = RotatingLogWriter(LogFilePlan(path: scratch.file("log")))
        writer.append(DecisionRecord.make())
        #expect(writer.close(within: .seconds(10)))
        writer.append(DecisionRecord.make())
        #expect(writer.counts == LogCounts(written: 1, dropped: 1))
    }

    @Test("closing gives up at its deadline, and what is not written is counted as dropped")
    func closingDeadline() throws {
        let bench = try Bench()
        for line in ["a\n", "b\n"] { bench.writer.append(line: Array(line.utf8)) }
        #expect(!bench.writer.close(within: .zero))
        #expect(bench.writer.counts.dropped == 2)
    }

    @Test("what a disk has refused until the close is counted once, and is not tried again", arguments: 0...2)
    func closedWhileRefused(written: Int) throws {
        let bench = try Bench()
        bench.files.set { $0.room = written * 2 }
        for line in ["a\n", "b\n", "c\n"] { bench.writer.append(line: Array(line.utf8)) }
        bench.manual.run()
        #expect(!bench.writer.close(within: .zero))
        #expect(bench.writer.counts.written == written && bench.writer.counts.dropped == 3 - written)
        bench.files.set { $0.room = nil }
        bench.manual.advance(.seconds(20))
        #expect(bench.writer.counts.written == written && bench.writer.counts.dropped == 3 - written)
        #expect(bench.manual.count == 0 && bench.scratch.bytes("log").count == written * 2)
    }

    @Test("flushing reports a disk that refuses at once")
    func flushRefused() throws {
        let scratch = try Scratch()
        let files = FaultyFiles()
        files.set { $0.errors["open"] = EROFS }
        let writer = RotatingLogWriter(LogFilePlan(path: scratch.file("log")), files: files)
        writer.append(DecisionRecord.make())
        #expect(!writer.flush(within: .seconds(10)))
        files.set { $0.errors = [:] }
        #expect(writer.flush(within: .seconds(10)))
        #expect(writer.counts.written == 1)
    }

    @Test("lines of many threads are whole, and each is either written or counted as dropped")
    func threads() throws {
        let scratch = try Scratch()
        let plan = LogFilePlan(
            path: scratch.file("log"), rotateBytes: 64 << 10, keepFiles: 1_000, bufferBytes: 256 << 10,
            isCompressed: false)
        let writer = RotatingLogWriter(plan)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for index in 0..<500 {
                writer.append(DecisionRecord.make(time: Int64(index), client: "client \(thread)"))
            }
        }
        #expect(writer.close(within: .seconds(30)))
        let counts = writer.counts
        #expect(counts.written + counts.dropped == 4_000)
        #expect(counts.written > 0)
        var reader = LogReader()
        var read = 0
        for name in scratch.names { reader.readDecisions(of: scratch.file(name)) { _ in read += 1 } }
        #expect(reader.findings.malformed == 0)
        #expect(read == counts.written)
    }
}

@Suite("Rotating")
struct RotatingTests {
    @Test(
        "no file is longer than the size, no line is torn or lost, and names are in order",
        arguments: [100, 1_000])
    func size(limit: Int) throws {
        let bench = try Bench {
            $0.rotateBytes = limit
            $0.keepFiles = 1_000
        }
        var generator = SeededGenerator(seed: 5)
        var expected: [String] = []
        for index in 0..<200 {
            let line = "\(index) " + String(repeating: "x", count: Int.random(in: 0...80, using: &generator))
            expected.append(line)
            bench.writer.append(line: Array((line + "\n").utf8))
            if index.isMultiple(of: 7) { bench.manual.run() }
        }
        bench.manual.run()
        #expect(bench.lines == expected)
        #expect(bench.rotated.allSatisfy { bench.scratch.bytes($0).count <= limit })
        #expect(bench.writer.counts.rotations == bench.rotated.count)
        #expect(bench.rotated.count > 200 * 40 / limit / 2)
    }

    @Test("a line longer than the size has a file of its own")
    func longLine() throws {
        let bench = try Bench { $0.rotateBytes = 20 }
        let long = String(repeating: "y", count: 100)
        for line in ["a", long, "b"] { bench.write(line) }
        #expect(bench.lines == ["a", long, "b"])
        #expect(bench.rotated.map { bench.scratch.text($0) } == ["a\n", long + "\n"])
    }

    @Test("the age is that of the file's first line, through a restart too")
    func age() throws {
        let scratch = try Scratch()
        let bench = try Bench(scratch) { $0.rotateAge = .seconds(100) }
        bench.write(#"{"time":"\#(bench.manual.now.rfc3339)","n":1}"#)
        let restarted = try Bench(scratch) { $0.rotateAge = .seconds(100) }
        restarted.manual.advance(.seconds(99))
        restarted.write("young")
        #expect(restarted.rotated.isEmpty)
        restarted.manual.advance(.seconds(1))
        restarted.write("old")
        #expect(restarted.rotated.count == 1)
        #expect(scratch.text("log") == "old\n")
    }

    @Test("sequence numbers go on after a restart and order files though the clock went back")
    func sequence() throws {
        let scratch = try Scratch()
        scratch.write("log.20990101T000000Z.000041", "future\n".utf8)
        let bench = try Bench(scratch) { $0.rotateBytes = 4 }
        for line in ["one", "two"] { bench.write(line) }
        #expect(
            bench.rotated.map { RotatedName($0, base: "log")?.sequence }.sorted { $0 ?? 0 < $1 ?? 0 } == [
                41, 42,
            ])
    }

    @Test("when rotation fails the log grows on, and it is tried again after a minute")
    func failure() throws {
        let bench = try Bench { $0.rotateBytes = 4 }
        bench.files.set { $0.errors["rename"] = EPERM }
        for line in ["one", "two", "six"] { bench.write(line) }
        #expect(bench.lines == ["one", "two", "six"])
        #expect(bench.writer.counts.writeErrors == 1)
        bench.files.set { $0.errors = [:] }
        bench.manual.advance(.seconds(60))
        bench.write("ten")
        #expect(bench.rotated.count == 1)
        #expect(bench.scratch.text("log") == "ten\n")
    }

    @Test(
        "names of other files are not this log's",
        arguments: [
            "log", "log.1", "log.gz", "log.20270115T080000Z", "log.20270115T080000Z.1",
            "log.20270115T080000Z.000001.bz2",
            "log.20270115T080000Z.000001.gz.old", "log.2027o115T080000Z.000001",
            "catalog.20270115T080000Z.000001",
            "log.20270115T080000Z.-00001", "log.20270115T080000Z.9999999999999999",
        ])
    func foreignNames(_ name: String) {
        #expect(RotatedName(name, base: "log") == nil)
    }
}

@Suite("Tidying")
struct TidyingTests {
    @Test("rotated files are gzipped so that gzip reads them")
    func gzip() throws {
        let bench = try Bench {
            $0.rotateBytes = 200_000
            $0.isCompressed = true
        }
        var text = ""
        var generator = SeededGenerator(seed: 9)
        while text.utf8.count < 199_000 { text += "\(generator.next())\n" }
        bench.writer.append(line: Array(text.utf8))
        bench.manual.run()
        bench.write(String(repeating: "z", count: 2_000))
        let name = try #require(bench.rotated.first)
        #expect(bench.rotated.count == 1 && name.hasSuffix(".gz"))
        #expect(try gunzip(bench.scratch.file(name)) == text)
        #expect(bench.scratch.bytes(name).count < 150_000)
    }

    @Test("the oldest files go first when there are too many")
    func count() throws {
        let bench = try Bench {
            $0.rotateBytes = 4
            $0.keepFiles = 3
        }
        for index in 100..<110 { bench.write("\(index)") }
        #expect(bench.lines == ["106", "107", "108", "109"])
    }

    @Test("the oldest files go first when they are too large together")
    func bytes() throws {
        let bench = try Bench {
            $0.rotateBytes = 4
            $0.keepBytes = 10
        }
        for index in 100..<110 { bench.write("\(index)") }
        #expect(bench.lines == ["107", "108", "109"])
    }

    @Test("files of others in the directory stay")
    func foreign() throws {
        let scratch = try Scratch()
        let others = ["log.1", "log.20270115T080000Z.000001.txt", "other.20270115T080000Z.000001", "logs"]
        for name in others { scratch.write(name, "mine".utf8) }
        let bench = try Bench(scratch) {
            $0.rotateBytes = 4
            $0.keepFiles = 0
        }
        for index in 100..<105 { bench.write("\(index)") }
        #expect(scratch.names == (others + ["log"]).sorted())
    }

    @Test("what a crash left is finished at the next start")
    func crash() throws {
        let scratch = try Scratch()
        scratch.write("log.20270115T080000Z.000001", "one\n".utf8)
        scratch.write("log.20270115T080000Z.000001.gz.partial", "half".utf8)
        scratch.write("log.20270115T080000Z.000002", "two\n".utf8)
        try Gzip.compress(
            scratch.file("log.20270115T080000Z.000002"), to: scratch.file("log.20270115T080000Z.000002.gz"))
        let bench = try Bench(scratch) { $0.isCompressed = true }
        bench.manual.run()
        #expect(scratch.names == ["log.20270115T080000Z.000001.gz", "log.20270115T080000Z.000002.gz"])
        #expect(try gunzip(scratch.file("log.20270115T080000Z.000001.gz")) == "one\n")
        #expect(try gunzip(scratch.file("log.20270115T080000Z.000002.gz")) == "two\n")
    }

    @Test("a disk too full to gzip keeps the plain file, counts it, and gzips it later")
    func fullDisk() throws {
        let bench = try Bench {
            $0.rotateBytes = 4
            $0.isCompressed = true
        }
        bench.files.set { $0.errors["gzip"] = ENOSPC }
        for line in ["one", "two"] { bench.write(line) }
        #expect(bench.rotated.allSatisfy { !$0.hasSuffix(".gz") })
        #expect(bench.writer.counts.tidyErrors == 1)
        bench.files.set { $0.errors = [:] }
        bench.write("six")
        #expect(bench.rotated.count == 2 && bench.rotated.allSatisfy { $0.hasSuffix(".gz") })
    }
}
