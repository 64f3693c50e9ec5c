import Glibc
import Logging
import Synchronization
import Testing

@testable import Observe

@Suite("Diagnostics")
struct DiagnosticsTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    @Test("a message is one line with time, level, label and sorted metadata, and cannot forge another")
    func lines() {
        let lines = Lines()
        var logger = Logger(label: "gateway") { label in
            DiagnosticHandler(label: label, level: LogLevelSwitch(.info), now: { WallTime(milliseconds: 0) })
            { line in
                lines.all.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
        }
        logger[metadataKey: "shard"] = "1"
        logger.debug("not written")
        logger.info("listening", metadata: ["address": "127.0.0.1:80", "shard": "2"])
        logger.error("bad\n1970 error gateway: forged\u{2028}\u{1B}[31m")
        #expect(
            lines.all.withLock { $0 } == [
                "1970-01-01T00:00:00.000Z info gateway: listening address=127.0.0.1:80 shard=2\n",
                "1970-01-01T00:00:00.000Z error gateway: bad\\u{a}1970 error gateway: forged\\u{2028}\\u{1b}[31m shard=1\n",
            ])
    }

    @Test("a reader that stands still holds nobody up; the first line that it gets again tells of the others")
    func standstill() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let output = DiagnosticOutput(ends[1])
        let line = Array((String(repeating: "x", count: 99) + "\n").utf8)
        // What a pipe holds, unless it was told otherwise (pipe(7)).
        let room = 65_536
        let began = ContinuousClock.now
        let sent = room / line.count + 500
        for _ in 0..<sent { output.write(line) }
        // It is waited for once, for 20 ms; the rest is allowance for a busy machine.
        #expect(ContinuousClock.now - began < .seconds(2))
        var bytes = [UInt8](repeating: 0, count: 2 * room)
        let taken = read(ends[0], &bytes, bytes.count)
        let kept = taken / line.count
        #expect(kept > 0 && taken == kept * line.count && kept < sent)
        output.write(Array("again\n".utf8))
        let rest = String(decoding: bytes[..<read(ends[0], &bytes, bytes.count)], as: UTF8.self)
        #expect(rest.hasSuffix("lines lost that nobody read lines=\(sent - kept)\nagain\n"), "\(rest)")
    }

    @Test("a line longer than a pipe's piece is written whole")
    func long() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let line = (0..<10_000).map { UInt8(ascii: "a") + UInt8($0 % 26) } + [UInt8(ascii: "\n")]
        DiagnosticOutput(ends[1]).write(line)
        var bytes = [UInt8](repeating: 0, count: 20_000)
        #expect(Array(bytes[..<max(0, read(ends[0], &bytes, bytes.count))]) == line)
    }
}
