import Glibc
import HTTPWire
import Transport

/// Why there is no whole answer.
package enum ClientError: Error, Equatable, Sendable {
    /// The method, target or a field cannot be sent.
    case badRequest(String)
    /// The host's name has no address.
    case unresolved(String)
    /// No connection.
    case connectFailed(errno: Int32)
    /// TLS did not come about.
    case handshakeFailed(SecurityFailure)
    /// The client's owner has given it up.
    case interrupted
    /// Not done in time.
    case timeout
    /// The connection ended before a byte of the answer.
    case closedBeforeAnswer
    /// The connection ended inside the answer.
    case closedInAnswer
    /// What came is not HTTP/1.1, or beyond a bound.
    case malformedAnswer(FramingError)
}

extension ClientError: CustomStringConvertible {
    /// One sentence for the user.
    package var description: String {
        switch self {
        case .badRequest(let reason): "the request cannot be sent: \(reason)"
        case .unresolved(let host): "\(host) has no address"
        case .connectFailed(let number): "no connection: \(String(cString: strerror(number)))"
        case .handshakeFailed(let failure): "no TLS: \(failure)"
        case .interrupted: "given up"
        case .timeout: "no whole answer in time"
        case .closedBeforeAnswer: "the connection was closed before the answer"
        case .closedInAnswer: "the connection was closed inside the answer"
        case .malformedAnswer(let error): "the answer is not HTTP/1.1: \(error)"
        }
    }
}
