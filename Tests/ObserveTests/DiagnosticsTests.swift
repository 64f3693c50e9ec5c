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
}
