/// How the descriptors that the process may have open are shared out, so that clients cannot take the last one.
///
/// Without any left the logs, the side door, reloads and the connections to upstreams fail, and libdispatch, which reads its
/// threads' states from /proc, ends the process.
package struct DescriptorBudget: Sendable, Equatable {
    /// What a gateway at all of its configured limits has open.
    package let needed: Int
    /// What the process may have open.
    package let allowed: Int
    /// Client connections that the limits ask for.
    package let connectionsWanted: Int
    /// Client connections served at once: those wanted, or fewer where descriptors are short.
    package let connections: Int
    /// Connections beyond those that are told so before they are closed.
    let refusals: Int
    /// Connections to the side door.
    let sideDoor: Int

    /// What is kept for the logs, libdispatch, the side door and what a reload reads.
    static let reserveMin = 64
    /// The most connections to the side door.
    static let sideDoorMax = 1024

    /// Shares out `allowed`: the reserve first, which takes half of them at the most; of what is left the upstreams' connections,
    /// `upstreams` at the most, as many as there are clients'. `own` are the descriptors of loops and listeners.
    init(allowed: Int, wanted: Int, upstreams: Int, own: Int) {
        let reserve = min(max(Self.reserveMin + own, allowed / 8), allowed / 2)
        let rest = allowed - reserve
        needed = wanted + upstreams + Self.reserveMin + own
        self.allowed = allowed
        connectionsWanted = wanted
        connections = max(1, min(wanted, rest - min(upstreams, rest / 2)))
        refusals = reserve / 8
        sideDoor = min(max(4, reserve / 8), Self.sideDoorMax)
    }

    /// Whether clients get fewer connections than the limits ask for.
    package var isShort: Bool { connections < connectionsWanted }
}

extension Generation {
    /// What this generation's limits make of the descriptors that the process may have open.
    static func descriptors(_ assembly: GatewayAssembly, _ state: GatewayState) -> DescriptorBudget {
        let settings = assembly.settings
        let loops = state.loops.loops.count
        // Each loop has an epoll, two eventfds, and a share in every listener; the side door may have two.
        let own = 3 * loops + (settings.listeners.count + 2) * (loops + 1)
        return DescriptorBudget(
            allowed: state.descriptorsMax, wanted: settings.limits.connections,
            upstreams: settings.upstreams.reduce(0) { $0 + $1.connections.most * $1.servers.count }, own: own)
    }
}

extension Gateway {
    /// How the descriptors are shared out under the configuration in effect.
    package var descriptors: DescriptorBudget { generation.descriptors }

    /// Warns when clients get fewer connections than the limits say.
    func tellDescriptors(of generation: Generation) {
        let budget = generation.descriptors
        guard budget.isShort else { return }
        state.log.warning(
            "limits.connections and the upstreams' connections need more descriptors than this process may open; fewer client connections are served, and more are answered 503. Raise LimitNOFILE= or ulimit -Hn, or lower the limits",
            metadata: [
                "needed": "\(budget.needed)", "allowed": "\(budget.allowed)",
                "connections": "\(budget.connections)",
            ])
    }
}
