import Dispatch
import Logging
import Observe
import Proxy
import Settings
import Synchronization

/// Where a gateway writes its decisions and accesses; never in the way of traffic.
///
/// Lines that a full buffer or a refusing disk costs are counted, and the operator is told on standard error at most every
/// few seconds, for as long as the numbers grow.
final class DecisionJournal: Sendable {
    private let settings: LogsSettings
    private let decisionsLease: Lease<RotatingLogWriter>?
    private let accessesLease: Lease<RotatingLogWriter>?
    private let decisions: RotatingLogWriter?
    private let accesses: RotatingLogWriter?
    private let log: Logger
    private let lamented = Mutex<[String: LogCounts]>([:])
    // because: the timer is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let watch: any DispatchSourceTimer

    /// How often losses are looked for.
    private static let watchInterval = DispatchTimeInterval.seconds(5)
    /// How long the end waits for the disk.
    private static let closeLimit = Duration.seconds(5)

    /// Logs by the settings; one that `earlier` writes by the same settings goes on, others end with the last generation
    /// that writes them.
    init(_ settings: LogsSettings, log: Logger, reusing earlier: DecisionJournal? = nil) {
        self.settings = settings
        decisionsLease = Self.lease(settings.decisions, earlier?.settings.decisions, earlier?.decisionsLease)
        accessesLease = Self.lease(settings.access, earlier?.settings.access, earlier?.accessesLease)
        decisions = decisionsLease?.part
        accesses = accessesLease?.part
        self.log = log
        watch = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        watch.schedule(deadline: .now() + Self.watchInterval, repeating: Self.watchInterval)
        watch.setEventHandler { @Sendable [weak self] in self?.lament() }
        watch.activate()
    }

    deinit { watch.cancel() }

    private static func lease(
        _ settings: LogFileSettings?, _ before: LogFileSettings?, _ kept: Lease<RotatingLogWriter>?
    ) -> Lease<RotatingLogWriter>? {
        if let kept, settings == before { return kept }
        return settings.map { settings in
            Lease(RotatingLogWriter(LogFilePlan(settings))) { _ = $0.close(within: closeLimit) }
        }
    }

    /// Opens the files by their names again, for logs that another program has moved.
    func reopen() {
        decisions?.reopen()
        accesses?.reopen()
    }

    /// Writes one row's decision.
    func record(_ record: DecisionRecord) { decisions?.append(record) }

    /// Whether there is an access log.
    var keepsAccesses: Bool { accesses != nil }

    /// Writes one exchange, protected or not.
    func record(_ outcome: ExchangeOutcome, _ note: RequestNote?, route: Route?) {
        guard let accesses else { return }
        let end = WallTime.now()
        let account = note?.account
        let wentUpstream = outcome.upstreamLatency != nil || outcome.upstreamError != nil
        accesses.append(
            AccessRecord(
                time: end + (.zero - outcome.duration), requestID: outcome.requestID.text,
                client: account ?? outcome.client.host, address: account == nil ? nil : outcome.client.host,
                method: outcome.request?.method.name ?? "",
                path: outcome.request?.target.text ?? "", status: outcome.status == 0 ? nil : outcome.status,
                requestBytes: Int64(outcome.requestBodyBytes), answerBytes: Int64(outcome.answerBodyBytes),
                duration: outcome.duration.milliseconds, route: route?.name,
                upstream: wentUpstream ? route?.upstream.settings.name : nil, trace: note?.trace?.traceID,
                requestCoding: outcome.request?.fields.value("content-encoding"),
                answerCoding: outcome.answerCoding ?? note?.answerCoding))
    }

    /// Writes out what waits, within a few seconds.
    func close() {
        watch.cancel()
        _ = decisions?.close(within: Self.closeLimit)
        _ = accesses?.close(within: Self.closeLimit)
        lament()
    }

    /// What the logs have lost so far, for metrics.
    var losses: Int { (decisions?.counts.dropped ?? 0) + (accesses?.counts.dropped ?? 0) }

    private func lament() {
        for (name, writer) in [("decisions", decisions), ("access", accesses)] {
            guard let counts = writer?.counts else { continue }
            let before = lamented.withLock { $0.updateValue(counts, forKey: name) } ?? LogCounts()
            guard counts.dropped > before.dropped || counts.writeErrors > before.writeErrors else { continue }
            log.error(
                "the \(name) log cannot be written as fast as it comes, or at all; traffic goes on",
                metadata: ["dropped": "\(counts.dropped)", "write_errors": "\(counts.writeErrors)"])
        }
    }
}

extension LogFilePlan {
    /// The plan that the settings give.
    init(_ settings: LogFileSettings) {
        self.init(
            path: settings.path, rotateBytes: settings.rotateBytes, rotateAge: settings.rotateAge,
            keepFiles: settings.keepFiles, keepBytes: settings.keepBytes, bufferBytes: settings.bufferBytes,
            isCompressed: settings.isCompressed, gatherTime: .milliseconds(100))
    }
}
