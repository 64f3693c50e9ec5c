import Logging
import Proxy
import Synchronization
import Transport

/// Tells the operator of upstreams that give no whole answer, and why: a status says nothing of an errno or of a certificate. Each
/// route has a few lines of each fault at once and then one a minute, since an upstream that is dead fails every request.
final class UpstreamFailureLog: Sendable {
    /// Lines of one fault on one route that may come at once.
    static let burst = 5
    /// One more of these after each such time.
    static let refill = Duration.seconds(60)
    /// An upstream chooses some of the detail, its certificate's names among it. **Units** characters.
    private static let detailCharactersMax = 300

    /// What has an allowance of its own: a new fault is told though another fills the log.
    private struct Subject: Hashable {
        let route: String
        let fault: String
    }

    private let log: Logger
    private let clock: any LoopClock
    /// The configuration bounds the routes, and `UpstreamError.code` the faults.
    private let allowances = Mutex<[Subject: LineAllowance]>([:])

    init(_ log: Logger, clock: any LoopClock) {
        self.log = log
        self.clock = clock
    }

    /// Writes the failure down, or counts it among those for which there is no room. Clients that have gone and the end of this
    /// process are no failures.
    func note(_ error: UpstreamError, route: String, requestID: RequestID) {
        guard error.source != .downstream, error.cause != .shuttingDown else { return }
        let now = clock.now()
        let subject = Subject(route: route, fault: error.code)
        let admitted = allowances.withLock { allowances -> Int? in
            allowances[
                subject, default: LineAllowance(burst: Self.burst, refill: Self.refill, now: now)
            ].admit(at: now)
        }
        guard let silenced = admitted else { return }
        let detail = "\(error)"
        let cut = detail.prefix(Self.detailCharactersMax)
        var metadata: Logger.Metadata = [
            "route": "\(route)", "upstream": "\(error.upstream)", "fault": "\(error.code)",
            "request_id": "\(requestID)",
        ]
        if silenced > 0 { metadata["silenced"] = "\(silenced)" }
        log.warning("\(cut)\(cut.count < detail.count ? "…" : "")", metadata: metadata)
    }
}
