import CPosix
import Foundation

/// What can go wrong between this process and its sockets.
package enum TransportError: Error, Equatable {
    /// Text that is not `host:port`.
    case addressInvalid(String)
    /// The system refused `operation` with this errno.
    case system(operation: String, code: Int32)
    /// A name without an address, with the resolver's reason.
    case unresolved(host: String, reason: String)

    /// Whether somebody else has the address.
    package var isAddressInUse: Bool {
        if case .system(_, EADDRINUSE) = self { true } else { false }
    }

    /// Whether it is this process, or this machine, that has nothing left for a socket: no fault of a peer.
    package var isExhaustion: Bool {
        if case .system(_, let code) = self { Self.isExhaustion(code) } else { false }
    }

    static func isExhaustion(_ code: Int32) -> Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(code) }

    /// `result` when it is not negative. **Throws** what the negated errno means otherwise.
    static func check(
        _ result: Int32, _ operation: @autoclosure () -> String
    ) throws(TransportError) -> Int32 {
        guard result < 0 else { return result }
        throw .system(operation: operation(), code: -result)
    }
}

extension TransportError: CustomStringConvertible {
    /// One sentence for a person who has to act on it.
    package var description: String {
        switch self {
        case .addressInvalid(let text): "\"\(text)\" is not an address; write host:port or [ipv6]:port"
        case .system(let operation, let code): "\(operation): \(Self.reason(code))"
        case .unresolved(let host, let reason): "\(host) has no address: \(reason)"
        }
    }

    /// The system's words for an errno.
    package static func reason(_ code: Int32) -> String {
        String(cString: strerror(code))
    }
}
