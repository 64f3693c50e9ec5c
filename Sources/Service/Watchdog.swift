import Dispatch
import Synchronization

/// Tells the service manager that the daemon is alive, as long as every event loop is.
///
/// At each half of the manager's interval it looks whether all loops have answered the ping before; only then it says so
/// and pings again. A loop that hangs keeps the word from being said, and the manager restarts the service.
package final class Watchdog: Sendable {
    private let hasAnswered = Atomic(true)
    private let ping: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let report: @Sendable (Bool) -> Void
    // because: the timer is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let timer: any DispatchSourceTimer

    /// The manager's interval; nil when it does not watch this process.
    ///
    /// **Throws** for variables that are not numbers. Source: sd_watchdog_enabled(3).
    package static func interval(
        _ environment: [String: String], processID: Int32
    ) throws(ServiceError) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"] else { return nil }
        guard let microseconds = Int64(text), microseconds > 0 else {
            throw .environment(name: "WATCHDOG_USEC", value: text, reason: "not a positive number")
        }
        if let owner = environment["WATCHDOG_PID"] {
            guard let number = Int32(owner) else {
                throw .environment(name: "WATCHDOG_PID", value: owner, reason: "not a number")
            }
            guard number == processID else { return nil }
        }
        return .microseconds(microseconds)
    }

    /// Looks every half `interval`: `ping` calls what it is given once every loop has answered; `report` gets true when
    /// all have answered the last one, and false when not.
    package init(
        interval: Duration, ping: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        report: @escaping @Sendable (Bool) -> Void
    ) {
        self.ping = ping
        self.report = report
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "samegate.watchdog"))
        let half = DispatchTimeInterval.microseconds(max(1, Int(interval / .microseconds(1)) / 2))
        timer.schedule(deadline: .now(), repeating: half, leeway: .milliseconds(1))
        timer.setEventHandler { @Sendable [weak self] in self?.look() }
        timer.activate()
    }

    deinit { timer.cancel() }

    /// Says nothing any more.
    package func stop() { timer.cancel() }

    /// One look; the timer's.
    func look() {
        let isAlive = hasAnswered.exchange(false, ordering: .acquiringAndReleasing)
        report(isAlive)
        ping { @Sendable [weak self] in self?.hasAnswered.store(true, ordering: .releasing) }
    }
}
