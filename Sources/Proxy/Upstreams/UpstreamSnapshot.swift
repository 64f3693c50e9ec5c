import Synchronization
import Transport

/// One server of an upstream at some moment, for metrics and readiness.
package struct UpstreamServerSnapshot: Sendable {
    /// Its host and port.
    package let server: String
    /// Connections open or being opened.
    package let connections: Int
    /// Of these, unused ones.
    package let idleConnections: Int
    /// Requests that wait for a connection.
    package let queued: Int
    /// Whether its failures have it left out now.
    package let isEjected: Bool
    /// What its health checks say: 1 up, 0 down, nil when there was none.
    package let isUp: Bool?
    /// What it has done since the start.
    package let counters: UpstreamCounters
}

extension Upstream {
    /// What each server is at `now`, in the order of the settings. **Runs on** any thread.
    package func snapshots(at now: MonotonicTime) -> [UpstreamServerSnapshot] {
        servers.map { $0.snapshot(at: now) }
    }

    /// The servers' names, `host:port`, in the order of the settings.
    package var serverNames: [String] { servers.map(\.server.endpoint.description) }

    /// One server at `now`.
    package func snapshot(ofServer index: Int, at now: MonotonicTime) -> UpstreamServerSnapshot {
        servers[index].snapshot(at: now)
    }

    /// Connections open or being opened, over all servers and loops.
    package var connectionCount: Int { servers.reduce(0) { $0 + $1.connectionCount } }
    /// Requests that wait for a connection, over all servers and loops.
    package var queueCount: Int { servers.reduce(0) { $0 + $1.queueCount } }
    /// Attempts that got no whole answer, over all servers.
    package var failedCount: Int { servers.reduce(0) { $0 + $1.counters.failed.load(ordering: .relaxed) } }
    /// Requests sent again, over all servers.
    package var retriedCount: Int { servers.reduce(0) { $0 + $1.counters.retried.load(ordering: .relaxed) } }
    /// Retries that the budget did not allow.
    package var retriesRefused: Int { retryBudget.exhausted.load(ordering: .relaxed) }

    /// Whether the health checks say of every server, backups included, that it does not work.
    package var isDown: Bool { servers.allSatisfy { $0.standing.health == .down } }
}

extension UpstreamServer {
    fileprivate func snapshot(at now: MonotonicTime) -> UpstreamServerSnapshot {
        let isUp: Bool? =
            switch standing.health {
            case .unchecked: nil
            case .up: true
            case .down: false
            }
        return UpstreamServerSnapshot(
            server: server.endpoint.description, connections: connectionCount, idleConnections: idleCount,
            queued: queueCount, isEjected: standing.isEjected(at: now), isUp: isUp, counters: counters)
    }
}
