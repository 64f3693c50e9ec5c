import Logging
import Proxy
import Synchronization
import Transport

/// Writes what happens to upstreams' servers into the log, at a bounded rate: a server that flaps must not fill a disk.
final class UpstreamLog: Sendable {
    private let log: Logger
    private let clock: any LoopClock
    private let allowance: Mutex<LineAllowance>

    init(_ log: Logger, clock: any LoopClock) {
        self.log = log
        self.clock = clock
        allowance = Mutex(LineAllowance(burst: 20, refill: .seconds(1), now: clock.now()))
    }

    /// Writes the event down, or counts it among those for which there is no room.
    func note(_ event: UpstreamEvent) {
        let now = clock.now()
        guard let silenced = allowance.withLock({ $0.admit(at: now) }) else { return }
        var metadata: Logger.Metadata = ["upstream": "\(event.upstream)", "server": "\(event.server)"]
        if silenced > 0 { metadata["silenced"] = "\(silenced)" }
        log.log(level: event.isTrouble ? .warning : .notice, "upstream server \(event)", metadata: metadata)
    }
}
