import Synchronization
import Transport

/// Connections that a proxy in front passes on, until it has said whose they are.
extension ServerShard {
    /// Takes a connection of a listener that asks for a PROXY header. Whoever may not send one is refused without a word:
    /// what to say to it, and in which protocol, is not known.
    func awaitHeader(
        _ raw: Int32, _ peer: SocketAddress, _ source: Listener, _ intake: any ConnectionIntake,
        _ count: Int
    ) {
        guard count <= limits.connectionsMax else {
            counters.refused.wrappingAdd(1, ordering: .relaxed)
            Descriptor(owning: raw).abort()
            return forgetUnnamed(source)
        }
        guard intake.admits(peer) else {
            Descriptor(owning: raw).abort()
            return refused(source)
        }
        let channel = ProxyHeaderChannel(loop: loop, owning: raw, peer: peer) {
            [unowned self] channel, result in
            unnamed[ObjectIdentifier(channel)] = nil
            switch result {
            case .success(let client):
                adoptNamed(raw, client, source)
            case .failure: refused(source)
            }
        }
        unnamed[ObjectIdentifier(channel)] = channel
        do throws(TransportError) {
            try channel.register()
        } catch {
            unnamed[ObjectIdentifier(channel)] = nil
            return forgetUnnamed(source)
        }
        channel.begin(timeout: intake.timeout)
    }

    private func refused(_ source: Listener) {
        counters.proxyHeadersRefused.wrappingAdd(1, ordering: .relaxed)
        forgetUnnamed(source)
    }

    private func forgetUnnamed(_ source: Listener) {
        source.load.add(-1)
        counters.connections.wrappingSubtract(1, ordering: .relaxed)
        loop.load.add(-1)
        tellDrained()
    }
}
