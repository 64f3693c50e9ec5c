import Testing

@testable import Observe

@Suite("Gathering")
struct GatheringTests {
    @Test("lines are gathered for their time and written together; many are written before it is over")
    func gathering() throws {
        let bench = try Bench { $0.gatherTime = .milliseconds(100) }
        bench.write("a")
        bench.write("b")
        #expect(bench.lines == [])
        bench.manual.advance(.milliseconds(99))
        #expect(bench.lines == [])
        bench.manual.advance(.milliseconds(1))
        #expect(bench.lines == ["a", "b"])
        let long = String(repeating: "x", count: 1 << 10)
        for _ in 0..<255 { bench.write(long) }
        #expect(bench.lines.count == 2)
        bench.write(long)
        #expect(bench.lines.count == 258)
        // The time that the first of these lines began still runs; the next line shares it, the one after has its own.
        bench.manual.advance(.milliseconds(50))
        bench.write("c")
        #expect(bench.lines.count == 258)
        bench.manual.advance(.milliseconds(50))
        #expect(bench.lines.last == "c")
        bench.write("d")
        bench.manual.advance(.milliseconds(99))
        #expect(bench.lines.last == "c")
        bench.manual.advance(.milliseconds(1))
        #expect(bench.lines.last == "d")
        #expect(bench.writer.counts == LogCounts(written: 260))
    }

    @Test("a small buffer is written before it is full")
    func smallBuffer() throws {
        let bench = try Bench {
            $0.gatherTime = .seconds(3600)
            $0.bufferBytes = 4 << 10
        }
        for index in 0..<100 { bench.write("\(index) " + String(repeating: "x", count: 100)) }
        #expect(bench.writer.counts.dropped == 0)
        #expect(bench.lines.count >= 60)
    }

    @Test(
        "lines that come while others are written are gathered too, and written with them where all is to be written"
    )
    func meanwhile() throws {
        let bench = try Bench { $0.gatherTime = .milliseconds(100) }
        func writeMeanwhile(_ text: String) {
            bench.files.set { [writer = bench.writer] faults in
                faults.meanwhile = { writer.append(line: Array((text + "\n").utf8)) }
            }
        }
        writeMeanwhile("b")
        bench.write("a")
        bench.manual.advance(.milliseconds(100))
        #expect(bench.lines == ["a"])
        bench.write("c")
        bench.manual.advance(.milliseconds(99))
        #expect(bench.lines == ["a"])
        bench.manual.advance(.milliseconds(1))
        #expect(bench.lines == ["a", "b", "c"])

        writeMeanwhile(String(repeating: "x", count: 256 << 10))
        bench.write("d")
        bench.manual.advance(.milliseconds(100))
        #expect(bench.lines.count == 5)
        #expect(bench.writer.counts == LogCounts(written: 5))
    }

    @Test("closing writes what is being gathered at once")
    func gatheredAtTheEnd() throws {
        let scratch = try Scratch()
        let plan = LogFilePlan(path: scratch.file("log"), isCompressed: false, gatherTime: .seconds(3600))
        let writer = RotatingLogWriter(plan)
        writer.append(line: Array("a\n".utf8))
        #expect(writer.close(within: .seconds(10)))
        #expect(scratch.text("log") == "a\n")
    }
}
