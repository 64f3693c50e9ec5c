import Synchronization
import Transport

/// What a try of one server came to.
package struct ServerProbe: Sendable, Equatable {
    /// The server as the settings name it: host and port.
    package let server: String
    /// The address that was tried; nil where the name leads nowhere.
    package let address: String?
    /// Why it does not work; nil when it does.
    package let problem: String?
}

extension Upstream {
    /// Tries every address of every server once, with new connections: the PROXY header and TLS as requests have them,
    /// then the health check's request where there is one. Changes nothing that requests go by.
    ///
    /// `completion` runs on `loop` when every try has ended, each within `timeout`.
    package func probe(
        on loop: EventLoop, timeout: Duration, _ completion: @escaping @Sendable ([ServerProbe]) -> Void
    ) {
        let gathered = ProbeGathering(count: servers.count, completion)
        for server in servers {
            server.resolver.resolve(server.server.endpoint, on: loop) { @Sendable answer in
                server.probe(answer, on: loop, timeout: timeout) { gathered.add($0, of: server.index) }
            }
        }
    }
}

/// The tries of all servers, put together in the servers' order.
private final class ProbeGathering: Sendable {
    private let state: Mutex<(found: [[ServerProbe]], left: Int)>
    private let completion: @Sendable ([ServerProbe]) -> Void

    init(count: Int, _ completion: @escaping @Sendable ([ServerProbe]) -> Void) {
        state = Mutex((Array(repeating: [], count: count), count))
        self.completion = completion
    }

    func add(_ probes: [ServerProbe], of server: Int) {
        let all = state.withLock { state -> [ServerProbe]? in
            state.found[server] = probes
            state.left -= 1
            return state.left == 0 ? Array(state.found.joined()) : nil
        }
        if let all { completion(all) }
    }
}

extension UpstreamServer {
    /// Tries the addresses one after the other. **Runs on** `loop`.
    fileprivate func probe(
        _ answer: Resolver.Answer, on loop: EventLoop, timeout: Duration,
        _ completion: @escaping ([ServerProbe]) -> Void
    ) {
        switch answer {
        case .failure(let reason):
            completion([
                ServerProbe(server: server.endpoint.description, address: nil, problem: reason.description)
            ])
        case .success(let addresses):
            probe(addresses[...], [], on: loop, timeout: timeout, completion)
        }
    }

    private func probe(
        _ addresses: ArraySlice<SocketAddress>, _ done: [ServerProbe], on loop: EventLoop, timeout: Duration,
        _ completion: @escaping ([ServerProbe]) -> Void
    ) {
        guard let address = addresses.first else { return completion(done) }
        let record = { (problem: String?) in
            done
                + [
                    ServerProbe(
                        server: self.server.endpoint.description, address: address.description,
                        problem: problem)
                ]
        }
        do throws(TransportError) {
            let descriptor = try Descriptor.connecting(to: address)
            let probe = HealthProbe(
                owning: descriptor.release(), on: loop, server: self, check: settings.healthCheck,
                timeout: timeout
            ) { problem in
                self.probe(
                    addresses.dropFirst(), record(problem), on: loop, timeout: timeout, completion)
            }
            try probe.begin(timeout: timeout)
        } catch {
            probe(addresses.dropFirst(), record("\(error)"), on: loop, timeout: timeout, completion)
        }
    }
}
