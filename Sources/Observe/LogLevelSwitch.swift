import Logging
import Synchronization

/// How much the diagnostics say, for all loggers of the process at once, changeable while it runs.
package final class LogLevelSwitch: Sendable {
    private let index: Atomic<Int>

    /// At `level`.
    package init(_ level: Logger.Level) { index = Atomic(Self.place(level)) }

    /// Below this nothing is written. Any thread may read and set it.
    package var level: Logger.Level {
        get { Logger.Level.allCases[index.load(ordering: .relaxed)] }
        set { index.store(Self.place(newValue), ordering: .relaxed) }
    }

    private static func place(_ level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}
