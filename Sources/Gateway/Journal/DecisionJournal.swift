import Dispatch
import HTTPWire
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
    private let accessFormat: LogsSettings.AccessFormat
    /// One for each loop.
    private let lanes: [AccessLane]
    private let log: Logger
    /// When a pause in accepting was last told of, and how many there were since.
    private let pauses = Mutex((told: ContinuousClock.Instant?.none, count: 0))
    private let lamented = Mutex<[String: LogCounts]>([:])
    // because: the timer is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let watch: any DispatchSourceTimer

    /// How often losses are looked for.
    private static let watchInterval = DispatchTimeInterval.seconds(5)
    /// How long the end waits for the disk.
    static let closeLimit = Duration.seconds(5)

    /// Logs by the settings; one that `earlier` writes by the same settings goes on, others end with the last generation
    /// that writes them. New ones are added to `open`.
    init(
        _ settings: LogsSettings, log: Logger, loops: Int, open: OpenLogs,
        reusing earlier: DecisionJournal? = nil
    ) {
        self.settings = settings
        lanes = (0..<loops).map { _ in AccessLane() }
        decisionsLease = Self.lease(
            settings.decisions, earlier?.settings.decisions, earlier?.decisionsLease, open)
        let isSameFormat = earlier?.settings.accessFormat == settings.accessFormat
        accessesLease = Self.lease(
            settings.access, isSameFormat ? earlier?.settings.access : nil, earlier?.accessesLease, open,
            notesLosses: settings.accessFormat == .json)
        accessFormat = settings.accessFormat
        decisions = decisionsLease?.part
        accesses = accessesLease?.part
        self.log = log
        // What a log that goes on has lost before has been told then.
        lamented.withLock { [decisions, accesses] in
            $0["decisions"] = decisions?.counts
            $0["access"] = accesses?.counts
        }
        watch = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        watch.schedule(deadline: .now() + Self.watchInterval, repeating: Self.watchInterval)
        watch.setEventHandler { @Sendable [weak self] in self?.lament() }
        watch.activate()
    }

    deinit { watch.cancel() }

    /// What stands in the way of writing the logs of `settings`, those left out that `earlier` has already: a disk that has
    /// filled up since must not keep a new certificate out. A gateway that could not write its log from the start would
    /// otherwise say so with its first line alone.
    static func problems(_ settings: LogsSettings, after earlier: LogsSettings? = nil) -> [AssemblyProblem] {
        let logs = [
            ("decisions", settings.decisions, earlier?.decisions),
            ("access", settings.access, earlier?.access),
        ]
        return logs.compactMap { name, log, before in
            guard let log, log != before else { return nil }
            do throws(LogFileError) {
                try RotatingLogWriter.verify(log.path)
                return nil
            } catch {
                return AssemblyProblem(path: "logs.\(name).path", message: "\(log.path): \(error)")
            }
        }
    }

    private static func lease(
        _ settings: LogFileSettings?, _ before: LogFileSettings?, _ kept: Lease<RotatingLogWriter>?,
        _ open: OpenLogs, notesLosses: Bool = true
    ) -> Lease<RotatingLogWriter>? {
        if let kept, settings == before { return kept }
        return settings.map { settings in
            var plan = LogFilePlan(settings)
            plan.notesLosses = notesLosses
            let writer = RotatingLogWriter(plan)
            open.add(writer)
            return Lease(writer) { _ = $0.close(within: closeLimit) }
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

    /// Writes one exchange, protected or not. **Runs on** its loop.
    func record(_ outcome: ExchangeOutcome, of request: RequestHead, route: Route?) {
        guard let accesses else { return }
        let lane = lanes.indices.contains(outcome.loop) ? lanes[outcome.loop] : AccessLane()
        lane.write(outcome, of: request, route, accessFormat, to: accesses)
    }

    /// Tells the operator that accepting pauses for want of descriptors, at most every few seconds.
    func acceptPaused() {
        let count = pauses.withLock { pauses -> Int? in
            pauses.count += 1
            let now = ContinuousClock.now
            if let told = pauses.told, told.advanced(by: Self.pauseInterval) > now { return nil }
            defer { pauses = (now, 0) }
            return pauses.count
        }
        guard let count else { return }
        log.warning(
            "no descriptor or memory is left for another connection; accepting pauses, raise LimitNOFILE or lower limits.connections",
            metadata: ["pauses": "\(count)"])
    }

    /// How often the operator is told of pauses at most.
    private static let pauseInterval = Duration.seconds(10)

    /// Writes out what waits, within a few seconds.
    func close() {
        watch.cancel()
        _ = decisions?.close(within: Self.closeLimit)
        _ = accesses?.close(within: Self.closeLimit)
        lament()
    }

    /// What each log has done so far, by its name.
    var counts: [(log: String, counts: LogCounts)] {
        [("decisions", decisions), ("access", accesses)].map { ($0, $1?.counts ?? LogCounts()) }
    }

    /// What the logs have lost so far, for metrics.
    var losses: Int { (decisions?.counts.dropped ?? 0) + (accesses?.counts.dropped ?? 0) }

    private func lament() {
        for (name, writer) in [("decisions", decisions), ("access", accesses)] {
            guard let counts = writer?.counts else { continue }
            let before = lamented.withLock { $0.updateValue(counts, forKey: name) } ?? LogCounts()
            guard counts.dropped > before.dropped || counts.writeErrors > before.writeErrors else { continue }
            let reason =
                counts.writeErrors > before.writeErrors
                ? writer?.lastError ?? "the disk refuses" : "lines come faster than the disk takes them"
            log.error(
                "the \(name) log cannot be written: \(reason); traffic goes on",
                metadata: [
                    "path":
                        "\(name == "access" ? settings.access?.path ?? "" : settings.decisions?.path ?? "")",
                    "dropped": "\(counts.dropped)", "write_errors": "\(counts.writeErrors)",
                ])
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
