import Proxy
import Service
import Settings
import Transport

/// The listeners of a generation: those of the one before at the same addresses, and new ones.
struct GenerationSockets: Sendable {
    let listeners: [BoundListener]
    let adminListeners: [BoundListener]

    /// Takes what is `inherited` and binds what is new; nothing accepts yet. **Throws** every address that cannot be had at
    /// once, and lets go of the others.
    init(
        _ assembly: GatewayAssembly, after earlier: Generation?,
        inherited: InheritedSockets = InheritedSockets()
    ) throws(AssemblyError) {
        var inherited = inherited
        var problems: [AssemblyProblem] = []
        var bound: [BoundListener] = []
        for (index, listener) in assembly.settings.listeners.enumerated() {
            var known = earlier?.listeners.first { $0.name == "\(listener.address)" }?.listener
            do throws(ServiceError) {
                if known == nil {
                    known = try inherited.take(named: listener.socket, at: Self.address(listener.address))
                }
            } catch {
                problems.append(AssemblyProblem(path: "listen[\(index)].socket", message: "\(error)"))
                continue
            }
            if known == nil, let name = listener.socket, earlier == nil {
                let message = "nobody has opened a socket called \"\(name)\" for this process"
                problems.append(AssemblyProblem(path: "listen[\(index)].socket", message: message))
                continue
            }
            let made = Self.listener(
                at: listener.address, path: "listen[\(index)].address", known,
                security: assembly.security.listener(at: index),
                intake: listener.proxyProtocol.map(ProxyHeaderIntake.init), &problems)
            if let made { bound.append(BoundListener(name: "\(listener.address)", listener: made)) }
        }
        let side = Self.sideDoor(assembly.settings.admin, after: earlier, &inherited, &problems)
        do throws(ServiceError) { try inherited.demandNoneLeft() } catch {
            problems.append(AssemblyProblem(path: "listen", message: "\(error)"))
        }
        guard problems.isEmpty else {
            Self.abandon(side, after: earlier)
            throw AssemblyError(problems: problems)
        }
        listeners = bound
        adminListeners = side
    }

    /// Takes away the files of the Unix sockets that were made here, when nothing comes of them; those of `earlier` stay.
    func abandon(after earlier: Generation?) { Self.abandon(adminListeners, after: earlier) }

    private static func abandon(_ side: [BoundListener], after earlier: Generation?) {
        let kept = earlier?.adminListeners.compactMap(\.listener.path) ?? []
        for bound in side where !kept.contains(bound.listener.path ?? "") { bound.listener.removeFile() }
    }

    private static func sideDoor(
        _ settings: AdminSettings?, after earlier: Generation?, _ inherited: inout InheritedSockets,
        _ problems: inout [AssemblyProblem]
    ) -> [BoundListener] {
        var side: [BoundListener] = []
        if let address = settings?.address {
            let known =
                earlier?.adminListeners.first { $0.name == "\(address)" }?.listener
                ?? (try? inherited.take(named: nil, at: Self.address(address)))
            let made = Self.listener(
                at: address, path: "admin.address", known, security: nil, intake: nil, &problems)
            if let made { side.append(BoundListener(name: "\(address)", listener: made)) }
        }
        if let path = settings?.socket, let mode = settings?.socketMode {
            let known =
                earlier?.adminListeners.first { $0.listener.path == path }?.listener
                ?? inherited.take(atPath: path)
            do throws(TransportError) {
                let made = if let known { known } else { try Listener(path: path, mode: mode) }
                side.append(BoundListener(name: made.name, listener: made))
            } catch {
                problems.append(AssemblyProblem(path: "admin.socket", message: "\(error)"))
            }
        }
        return side
    }

    private static func address(_ address: Settings.SocketAddress) -> Transport.SocketAddress? {
        try? Endpoint(parsing: address.description).address
    }

    private static func listener(
        at address: Settings.SocketAddress, path: String, _ known: Listener?, security: (any SessionMaker)?,
        intake: (any ConnectionIntake)?, _ problems: inout [AssemblyProblem]
    ) -> Listener? {
        // The name is that by which limits are found, wherever an inherited socket may be.
        if let known {
            let name = LimitTable.name(of: address)
            return Listener(sharing: known, name: name, security: security, intake: intake)
        }
        do throws(TransportError) {
            guard let parsed = try Endpoint(parsing: address.description).address else {
                throw .addressInvalid(address.description)
            }
            return try Listener(binding: parsed, security: security, intake: intake)
        } catch {
            problems.append(AssemblyProblem(path: path, message: "\(error)"))
            return nil
        }
    }
}
