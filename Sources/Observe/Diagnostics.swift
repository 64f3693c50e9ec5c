import Foundation
import Logging

/// The daemon's own words on standard error: one line each, with time, level and what it is about.
package enum Diagnostics {
    /// Makes every `Logger` of the process write to standard error, at the level that the returned switch says, `level`
    /// at first. Call it once.
    @discardableResult
    package static func bootstrap(level: Logger.Level) -> LogLevelSwitch {
        let level = LogLevelSwitch(level)
        let output = DiagnosticOutput(STDERR_FILENO)
        LoggingSystem.bootstrap { label in
            DiagnosticHandler(label: label, level: level, now: { WallTime.now() }) { output.write($0) }
        }
        return level
    }
}

/// A log handler that writes single lines: `2026-11-21T11:40:00.123Z info gateway: listening address=127.0.0.1:8080`.
package struct DiagnosticHandler: LogHandler {
    private let label: String
    private let now: @Sendable () -> WallTime
    private let emit: @Sendable ([UInt8]) -> Void

    private let shared: LogLevelSwitch
    /// A level of this logger's own.
    private var own: Logger.Level?

    /// Below this level nothing is written: the process's, unless this logger was given one of its own.
    package var logLevel: Logger.Level {
        get { own ?? shared.level }
        set { own = newValue }
    }
    /// What every line of this logger says besides.
    package var metadata: Logger.Metadata = [:]

    /// A handler that gives each finished line to `emit`.
    package init(
        label: String, level: LogLevelSwitch, now: @escaping @Sendable () -> WallTime,
        emit: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.label = label
        self.now = now
        self.emit = emit
        shared = level
    }

    /// The logger's own metadata by key.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    package func log(event: LogEvent) {
        var line = "\(now().rfc3339) \(event.level) \(label): \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        emit(Array(oneLine(line).utf8) + [UInt8(ascii: "\n")])
    }

    /// The text with every control character escaped, so that no message can forge a line.
    private func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory == .control || scalar.value == 0x2028
                || scalar.value == 0x2029
            {
                line += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }
}
