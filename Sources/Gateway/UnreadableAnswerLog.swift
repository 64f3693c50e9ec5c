import Logging
import Synchronization
import Transport

/// Tells the operator of answers that cannot be read: a victim that answers otherwise than its route says fails every query, and
/// its clients alone would notice. Each route has a few lines at once and then one a minute.
final class UnreadableAnswerLog: Sendable {
    /// Lines of one route that may come at once.
    static let burst = 5
    /// One more line of a route after each such time.
    static let refill = Duration.seconds(60)
    /// A victim chooses much of the reason, its outputs' names among it. **Units** characters.
    private static let reasonCharactersMax = 300

    private let log: Logger
    private let clock: any LoopClock
    /// By route; the configuration says how many there are.
    private let allowances = Mutex<[String: LineAllowance]>([:])

    init(_ log: Logger, clock: any LoopClock) {
        self.log = log
        self.clock = clock
    }

    /// Writes the reason down, or counts it among those for which there is no room.
    func note(_ reason: String, route: String, upstream: String, requestID: String) {
        let now = clock.now()
        let admitted = allowances.withLock { allowances -> Int? in
            allowances[
                route, default: LineAllowance(burst: Self.burst, refill: Self.refill, now: now)
            ].admit(at: now)
        }
        guard let silenced = admitted else { return }
        let cut = reason.prefix(Self.reasonCharactersMax)
        var metadata: Logger.Metadata = [
            "route": "\(route)", "upstream": "\(upstream)", "request_id": "\(requestID)",
        ]
        if silenced > 0 { metadata["silenced"] = "\(silenced)" }
        log.warning(
            "an answer of the upstream cannot be read: \(cut)\(cut.count < reason.count ? "…" : "")",
            metadata: metadata)
    }
}
