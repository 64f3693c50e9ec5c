import Synchronization
import Transport

extension UpstreamServer {
    /// The addresses to try now, or why there are none; nil when the name has to be resolved first. A name that is due
    /// to be resolved again is, beside the request. **Runs on** `loop`.
    func knownAddresses(on loop: EventLoop) -> Resolver.Answer? {
        if let numericAddress { return .success([numericAddress]) }
        let order = addresses.withLock { $0.order(at: loop.now) }
        guard order.isEmpty else {
            refreshAddresses(on: loop, after: settings.resolveInterval)
            return .success(order)
        }
        guard case .failure(let reason) = resolver.known(server.endpoint, now: loop.now) else { return nil }
        return .failure(reason)
    }

    /// Resolves the name; `completion` runs on `loop`.
    func resolveAddresses(on loop: EventLoop, _ completion: @escaping @Sendable (Resolver.Answer) -> Void) {
        _ = addresses.withLock { $0.mayAsk(at: loop.now, after: .zero) }
        resolver.resolve(server.endpoint, on: loop) { @Sendable [self] answer in
            learn(answer)
            completion(answer)
        }
    }

    /// Resolves the name again unless that was done less than `interval` ago. Nobody waits for it, and while the
    /// resolver fails, the old addresses stay.
    func refreshAddresses(on loop: EventLoop, after interval: Duration) {
        guard numericAddress == nil, addresses.withLock({ $0.mayAsk(at: loop.now, after: interval) }) else {
            return
        }
        resolver.resolve(server.endpoint, on: loop) { @Sendable [self] answer in learn(answer) }
    }

    /// A connection to `address` has failed. **Runs on** `loop`.
    func noteFailure(of address: SocketAddress, on loop: EventLoop) {
        guard numericAddress == nil else { return }
        addresses.withLock { $0.noteFailure(of: address, at: loop.now) }
        refreshAddresses(on: loop, after: AddressBook.haste)
    }

    private func learn(_ answer: Resolver.Answer) {
        switch answer {
        case .success(let found):
            guard let old = addresses.withLock({ $0.learn(found) }) else { return }
            report(.addressesChanged(from: old, to: found))
            retireConnections(keeping: found)
        case .failure(let reason):
            report(.resolveFailed(reason.description, kept: addresses.withLock(\.addresses).count))
        }
    }

    /// Tells whoever listens what has become of the server.
    func report(_ change: UpstreamEvent.Change) {
        reporter.send(UpstreamEvent(upstream: settings.name, server: authority, change: change))
    }
}
