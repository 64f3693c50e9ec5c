import HTTPWire
import Synchronization
import Transport

/// The servers that answer for a name: what a route sends its requests to.
///
/// With a single server nothing is chosen, counted or remembered beyond what its connections need.
package final class Upstream: Sendable {
    /// As configured.
    package let settings: UpstreamSettings
    let servers: [UpstreamServer]
    /// The only server, when whatever is known of it changes nothing.
    let only: UpstreamServer?
    /// Whether a client's number is of any use.
    package let isHashed: Bool
    /// Whether there are answers that are tried elsewhere.
    let retriesAnswers: Bool
    let retryBudget: RetryBudget
    let reporter = UpstreamReporter()
    private let keeper = Mutex<UpstreamKeeper?>(nil)
    private let balancing = Mutex(Balancing())

    /// The loops that choose among its servers, until it is closed.
    private struct Balancing {
        var loops: [EventLoop] = []
        var isClosed = false
    }

    /// An upstream nobody is connected to yet. `limits` bounds the heads of its answers; `securities` are the TLS
    /// towards each server, nil for clear text, or empty for clear text towards all.
    package init(
        settings: UpstreamSettings, limits: ProxyLimits = ProxyLimits(), resolver: Resolver = Resolver(),
        securities: [(any SessionMaker)?]
    ) {
        precondition(securities.isEmpty || securities.count == settings.servers.count, "one for each server")
        self.settings = settings
        let reporter = reporter
        let standings = settings.servers.map {
            ServerStanding(weight: $0.weight, slowStart: settings.slowStart)
        }
        let panel = EjectionPanel(settings, standings)
        servers = settings.servers.indices.map { index in
            UpstreamServer(
                index: index, settings: settings, limits: limits, resolver: resolver,
                security: securities.isEmpty ? nil : securities[index], standing: standings[index],
                panel: panel,
                reporter: reporter)
        }
        only = servers.count == 1 && settings.whenAllDown == .use ? servers[0] : nil
        isHashed = if case .consistentHash = settings.balance { servers.count > 1 } else { false }
        retriesAnswers = servers.count > 1 && !settings.retryStatuses.isEmpty && settings.retry != .never
        retryBudget = RetryBudget(settings.retryBudget)
    }

    /// An upstream of one server.
    package convenience init(
        settings: UpstreamSettings, limits: ProxyLimits = ProxyLimits(), resolver: Resolver = Resolver(),
        security: (any SessionMaker)? = nil
    ) {
        self.init(
            settings: settings, limits: limits, resolver: resolver,
            securities: settings.servers.map { _ in security })
    }

    /// Begins to check the servers' health and to resolve their names again, on `loop`; `listener` is told of what
    /// happens to them, on any thread. Without it an upstream works all the same, by what its requests find out. A second
    /// call changes nothing.
    package func start(on loop: EventLoop, _ listener: @escaping @Sendable (UpstreamEvent) -> Void) {
        let keeper = UpstreamKeeper(self, loop: loop)
        let isFirst = self.keeper.withLock { kept in
            guard kept == nil else { return false }
            kept = keeper
            return true
        }
        guard isFirst else { return }
        reporter.listen(listener)
        loop.execute { @Sendable in keeper.begin() }
    }

    /// Closes unused connections, and the others when they have done; requests that wait are answered 503.
    package func close() {
        let keeper = keeper.withLock { keeper in
            defer { keeper = nil }
            return keeper
        }
        if let keeper { keeper.loop.execute { @Sendable in keeper.end() } }
        for server in servers { server.close() }
        let loops = balancing.withLock { balancing in
            balancing.isClosed = true
            defer { balancing.loops = [] }
            return balancing.loops
        }
        for loop in loops { loop.execute { @Sendable [self] in loop.detach(self) } }
    }

    /// Whether requests of this method may be sent again when the server may have acted on them.
    func mayRepeat(_ method: Method) -> Bool {
        switch settings.retry {
        case .never: false
        case .idempotent: method.isIdempotent
        case .anyMethod: true
        }
    }

    // MARK: For requests

    /// The server of a request, for the client with the number `key`; nil when none is to be asked. **Runs on** `loop`.
    func server(on loop: EventLoop, key: UInt64, avoiding avoided: [Int]) -> UpstreamServer? {
        balancer(on: loop).choose(key: key, avoiding: avoided, at: loop.now)
    }

    private func balancer(on loop: EventLoop) -> LoopBalancer {
        if let kept = loop.attachment(for: self) {
            // Only a balancer is ever attached for an upstream, and a checked cast costs more than the search.
            return unsafeDowncast(kept, to: LoopBalancer.self)
        }
        let balancer = LoopBalancer(self, turn: loop.index)
        // What is still under way when it is closed leaves nothing behind.
        let isKept = balancing.withLock { balancing in
            if !balancing.isClosed { balancing.loops.append(loop) }
            return !balancing.isClosed
        }
        if isKept { loop.attach(balancer, for: self) }
        return balancer
    }
}
