import Synchronization
import Transport

/// Decides which servers of an upstream are left out for their failures, and that some always stay.
final class EjectionPanel: Sendable {
    private let settings: EjectionSettings
    private let standings: [ServerStanding]
    private let deciding = Mutex(())

    /// Nil where no server is ever left out.
    init?(_ settings: UpstreamSettings, _ standings: [ServerStanding]) {
        guard let ejection = settings.ejection, standings.count > 1 else { return nil }
        self.settings = ejection
        self.standings = standings
    }

    /// Takes a failure of a server down. Returns for how long the server is left out from now on, and after how many
    /// failures in a row; nil when it is not, or was already.
    func noteFailure(of server: ServerStanding, at now: MonotonicTime) -> (time: Duration, failures: Int)? {
        let failures = server.noteFailure()
        guard failures >= settings.failureCount else { return nil }
        return deciding.withLock { _ in
            let out = standings.count { $0.isEjected(at: now) }
            guard out < max(1, Int(settings.shareMax * Double(standings.count))) else { return nil }
            return server.eject(settings, at: now).map { ($0, failures) }
        }
    }
}
