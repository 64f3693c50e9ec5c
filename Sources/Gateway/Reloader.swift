import Dispatch
import Logging
import Observe
import Settings
import Synchronization

/// Takes up the configuration file again on request, one reload at a time.
///
/// Requests that come while one runs are served together by the next: a storm of signals costs two reloads, and everyone
/// who asked learns of one that began after asking.
package final class Reloader: Sendable {
    /// How a reload ended.
    package enum Outcome: Sendable {
        /// It is in effect; a line for each change.
        case done([String])
        /// Everything is as it was; a line for each thing that is wrong, as `samegate check` prints it.
        case refused([String])
    }

    private struct Requests {
        var waiting: [@Sendable (Outcome) -> Void] = []
        var isRunning = false
    }

    private let path: String
    private let gateway: Gateway
    private let level: LogLevelSwitch?
    private let log: Logger
    private let requests = Mutex(Requests())
    private let queue = DispatchQueue(label: "samegate.reload")
    private let observers: Mutex<[@Sendable (Bool) -> Void]> = Mutex([])

    /// Reloads `gateway`, and the level of the diagnostics, from the file at `path`.
    package init(path: String, gateway: Gateway, level: LogLevelSwitch? = nil, log: Logger) {
        self.level = level
        self.path = path
        self.gateway = gateway
        self.log = log
    }

    /// Calls `observer` with true before each reload, and with false after it.
    package func observe(_ observer: @escaping @Sendable (Bool) -> Void) {
        observers.withLock { $0.append(observer) }
    }

    /// Asks for a reload; `completion` runs on some queue when one that began later has ended.
    package func request(_ completion: @escaping @Sendable (Outcome) -> Void = { _ in }) {
        let isFirst = requests.withLock { requests in
            requests.waiting.append(completion)
            defer { requests.isRunning = true }
            return !requests.isRunning
        }
        if isFirst { queue.async { @Sendable in self.run() } }
    }

    private func run() {
        while true {
            let waiting = requests.withLock { requests in
                defer { requests.waiting = [] }
                if requests.waiting.isEmpty { requests.isRunning = false }
                return requests.waiting
            }
            if waiting.isEmpty { return }
            let observers = observers.withLock { $0 }
            for observer in observers { observer(true) }
            let outcome = reload()
            for observer in observers { observer(false) }
            for completion in waiting { completion(outcome) }
        }
    }

    /// Reads, checks and applies the file, and says in the log how it went.
    private func reload() -> Outcome {
        let loaded: LoadedSettings
        do {
            loaded = try LoadedSettings(contentsOf: path)
        } catch {
            return refuse(error.problems.map(\.description))
        }
        do {
            let changes = try gateway.reload(loaded.settings, configuration: loaded.effectiveText)
            level?.level = loaded.settings.logs.level.logLevel
            for warning in loaded.warnings { log.warning("\(warning)") }
            for warning in gateway.generation.assembly.warnings {
                log.warning("\(loaded.warning(warning.message, at: warning.path))")
            }
            for change in changes { log.info("reload: \(change)") }
            log.info("configuration reloaded", metadata: ["changes": "\(changes.count)"])
            return .done(changes)
        } catch {
            return refuse(error.problems.map { loaded.problem($0.message, at: $0.path).description })
        }
    }

    private func refuse(_ problems: [String]) -> Outcome {
        gateway.state.reloads.fail()
        for problem in problems { log.error("reload: \(problem)") }
        log.error(
            "the configuration stays as it was", metadata: ["problems": "\(problems.count)"])
        return .refused(problems)
    }
}

extension LoadedSettings {
    /// Every value in effect, a line each; secrets are paths alone.
    package var effectiveText: String { effective.map { "\($0.path): \($0.value)\n" }.joined() }
}

extension LogsSettings.Level {
    /// The same level in the logging library's terms.
    package var logLevel: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}
