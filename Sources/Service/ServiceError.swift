import CPosix
import Transport

/// What stands between a daemon and the system that runs it.
package enum ServiceError: Error, Equatable {
    /// A variable of the environment that is not of its form.
    case environment(name: String, value: String, reason: String)
    /// An inherited descriptor that is no listening stream socket.
    case notListening(descriptor: Int32, name: String)
    /// Inherited sockets that no listener of the configuration asks for.
    case unclaimed([String])
    /// Several inherited sockets have the name that a listener asks for, and none is at its address.
    case ambiguous(name: String, sockets: [String])
    /// A user or group that the system does not know.
    case unknownAccount(String)
    /// Privileges are to be given up that the process does not have.
    case notRoot(user: String)
    /// A directory that the daemon must make files in and may not.
    case unwritable(directory: String, user: String)
    /// The system refused `operation` with this errno.
    case system(operation: String, code: Int32)

    /// `result` when it is not negative. **Throws** what the negated errno means otherwise.
    @discardableResult
    static func check(
        _ result: Int32, _ operation: @autoclosure () -> String
    ) throws(ServiceError) -> Int32 {
        guard result < 0 else { return result }
        throw .system(operation: operation(), code: -result)
    }
}

extension ServiceError: CustomStringConvertible {
    /// One sentence for a person who has to act on it.
    package var description: String {
        switch self {
        case .environment(let name, let value, let reason): "\(name)=\(value) in the environment: \(reason)"
        case .notListening(let descriptor, let name):
            "the inherited descriptor \(descriptor) (\(name)) is no listening stream socket"
        case .unclaimed(let sockets):
            "inherited sockets that no listener asks for: \(sockets.joined(separator: ", "));"
                + " give listen the same addresses, or a socket's name in listen[].socket"
        case .ambiguous(let name, let sockets):
            "several inherited sockets are called \"\(name)\": \(sockets.joined(separator: ", "));"
                + " give the listener the address of one of them, or the sockets different names"
        case .unknownAccount(let name): "there is no user or group \"\(name)\" on this machine"
        case .notRoot(let user): "only root can become \(user); leave daemon.user out, or start as root"
        case .unwritable(let directory, let user):
            "\(user) may not make files in \(directory); change its owner: chown \(user) '\(directory)'"
        case .system(let operation, let code): "\(operation): \(TransportError.reason(code))"
        }
    }
}
