import Synchronization
import Transport

/// Something an operator wants to know of a server of an upstream.
package struct UpstreamEvent: Sendable, Equatable {
    /// What has happened.
    package enum Change: Sendable, Equatable {
        /// It failed so often that it is left out for this long.
        case ejected(for: Duration, failures: Int)
        /// That time is over.
        case returned
        /// The checks of its health say that it works.
        case up
        /// They say that it does not, the last one for this reason.
        case down(reason: String)
        /// Its name leads elsewhere.
        case addressesChanged(from: [SocketAddress], to: [SocketAddress])
        /// Its name could not be resolved; so many addresses are known from before.
        case resolveFailed(String, kept: Int)
    }

    /// The upstream's name in the settings.
    package let upstream: String
    /// The server's host and port.
    package let server: String
    /// What has happened.
    package let change: Change

    /// Whether it is bad news.
    package var isTrouble: Bool {
        switch change {
        case .ejected, .down, .resolveFailed: true
        case .returned, .up, .addressesChanged: false
        }
    }
}

extension UpstreamEvent: CustomStringConvertible {
    /// A few words for a log, without the names.
    package var description: String {
        switch change {
        case .ejected(let time, let failures): "left out for \(time) after \(failures) failures in a row"
        case .returned: "used again after its failures"
        case .up: "up by its health checks"
        case .down(let reason): "down by its health checks: \(reason)"
        case .addressesChanged(let old, let new):
            "its name leads to \(Self.list(new)) instead of \(Self.list(old))"
        case .resolveFailed(let reason, 0): reason
        case .resolveFailed(let reason, let kept): "\(reason); its \(kept) old addresses stay in use"
        }
    }

    private static func list(_ addresses: [SocketAddress]) -> String {
        addresses.map(\.description).sorted().joined(separator: ", ")
    }
}

/// Carries events to whoever listens, from any thread.
final class UpstreamReporter: Sendable {
    private let listener = Mutex<(@Sendable (UpstreamEvent) -> Void)?>(nil)

    init() {}

    func listen(_ body: @escaping @Sendable (UpstreamEvent) -> Void) { listener.withLock { $0 = body } }

    func send(_ event: UpstreamEvent) { listener.withLock { $0 }?(event) }
}
