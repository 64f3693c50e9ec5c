import HTTPWire
import Observe
import Proxy
import Settings

/// Where one loop writes its lines of the access log before the log takes them: memory that all of them share.
///
/// `@unchecked Sendable` because: used by its loop alone.
final class AccessLane: @unchecked Sendable {
    private var line = JSONLine()

    /// Writes an exchange's line.
    func write(
        _ outcome: ExchangeOutcome, of request: RequestHead, _ route: Route?,
        _ format: LogsSettings.AccessFormat, to log: RotatingLogWriter
    ) {
        outcome.withAccessRecord(of: request, route) { record in
            switch format {
            case .json:
                line.restart()
                record.encode(into: &line)
                line.end()
            case .combined:
                line.text.removeAll()
                record.appendCombined(to: &line.text)
            }
        }
        line.text.withBytes { log.append(line: $0) }
    }
}
