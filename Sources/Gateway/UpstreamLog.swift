import Logging
import Proxy
import Synchronization
import Transport

/// Writes what happens to upstreams' servers into the log, at a bounded rate: a server that flaps must not fill a disk.
final class UpstreamLog: Sendable {
    /// Lines that may come at once.
    private static let burst = 20
    /// One more line after each such time.
    private static let refill = Duration.seconds(1)

    private struct Allowance {
        var lines = burst
        var since: MonotonicTime
        /// Lines that were kept back since the last one.
        var silenced = 0
    }

    private let log: Logger
    private let clock: any LoopClock
    private let allowance: Mutex<Allowance>

    init(_ log: Logger, clock: any LoopClock) {
        self.log = log
        self.clock = clock
        allowance = Mutex(Allowance(since: clock.now()))
    }

    /// Writes the event down, or counts it among those for which there is no room.
    func note(_ event: UpstreamEvent) {
        guard let silenced = admit() else { return }
        var metadata: Logger.Metadata = ["upstream": "\(event.upstream)", "server": "\(event.server)"]
        if silenced > 0 { metadata["silenced"] = "\(silenced)" }
        log.log(level: event.isTrouble ? .warning : .notice, "upstream server \(event)", metadata: metadata)
    }

    /// How many lines were kept back before this one; nil when it is kept back itself.
    private func admit() -> Int? {
        let now = clock.now()
        return allowance.withLock { allowance in
            let passed = Int(now.duration(since: allowance.since) / Self.refill)
            if passed > 0 {
                allowance.lines = min(Self.burst, allowance.lines + min(passed, Self.burst))
                allowance.since = now
            }
            guard allowance.lines > 0 else {
                allowance.silenced += 1
                return nil
            }
            allowance.lines -= 1
            defer { allowance.silenced = 0 }
            return allowance.silenced
        }
    }
}
