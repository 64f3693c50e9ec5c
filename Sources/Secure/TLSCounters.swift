import Synchronization
import Transport

/// What the handshakes of one listener, or towards one upstream, have come to since the start. Any thread may read.
///
/// A reload of certificates keeps it: counters that begin again would look like a restart.
package final class TLSCounters: Sendable {
    /// One count.
    private final class Cell: Sendable {
        let value = Atomic<Int>(0)
    }

    private let full = TLSVersion.allCases.map { _ in Cell() }
    private let resumed = TLSVersion.allCases.map { _ in Cell() }
    private let failed = TLSFailureReason.allCases.map { _ in Cell() }
    private let open = Atomic<Int>(0)

    /// All zero.
    package init() {}

    // MARK: Reading

    /// Handshakes completed in this version; `resumed` asks for those that took up an earlier session, or for the others.
    package func handshakes(_ version: TLSVersion, resumed wasResumed: Bool) -> Int {
        (wasResumed ? resumed : full)[version.place].value.load(ordering: .relaxed)
    }

    /// Handshakes completed in all.
    package var handshakes: Int {
        TLSVersion.allCases.reduce(0) {
            $0 + handshakes($1, resumed: false) + handshakes($1, resumed: true)
        }
    }

    /// Handshakes that came to nothing for this reason.
    package func failures(_ reason: TLSFailureReason) -> Int {
        failed[reason.place].value.load(ordering: .relaxed)
    }

    /// Handshakes that came to nothing.
    package var failures: Int { TLSFailureReason.allCases.reduce(0) { $0 + failures($1) } }

    /// Secured connections open now.
    package var connections: Int { open.load(ordering: .relaxed) }

    // MARK: Counting

    func completed(_ version: TLSVersion, resumed wasResumed: Bool) {
        (wasResumed ? resumed : full)[version.place].value.wrappingAdd(1, ordering: .relaxed)
        open.wrappingAdd(1, ordering: .relaxed)
    }

    func failed(_ reason: TLSFailureReason) { failed[reason.place].value.wrappingAdd(1, ordering: .relaxed) }

    func closed() { open.wrappingSubtract(1, ordering: .relaxed) }
}

/// Why a handshake came to nothing: the names are for metrics, and do not change.
package enum TLSFailureReason: String, Sendable, CaseIterable {
    case plainHTTP = "plain-http"
    case notTLS = "not-tls"
    case versionMismatch = "version-mismatch"
    case cipherMismatch = "cipher-mismatch"
    case protocolMismatch = "protocol-mismatch"
    case certificateMissing = "certificate-missing"
    case nameMismatch = "name-mismatch"
    case certificateRefused = "certificate-refused"
    /// The peer gave up with an alert: often it does not know our authority.
    case alert
    case truncated
    case handshakeTooLarge = "handshake-too-large"
    case violation
    case system
    /// It took too long, or was given up on this side.
    case abandoned

    /// The reason of a session's failure.
    init(_ failure: SecurityFailure) {
        self =
            switch failure {
            case .plainHTTP: .plainHTTP
            case .notTLS: .notTLS
            case .versionMismatch: .versionMismatch
            case .cipherMismatch: .cipherMismatch
            case .protocolMismatch: .protocolMismatch
            case .certificateMissing: .certificateMissing
            case .nameMismatch: .nameMismatch
            case .certificateRefused: .certificateRefused
            case .alert: .alert
            case .truncated: .truncated
            case .handshakeTooLarge: .handshakeTooLarge
            case .violation: .violation
            case .system: .system
            case .unusable: .abandoned
            }
    }

    fileprivate var place: Int { Self.places[rawValue] ?? 0 }

    private static let places = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element.rawValue, $0.offset) })
}

extension TLSVersion {
    fileprivate var place: Int { self == .v12 ? 0 : 1 }
}
