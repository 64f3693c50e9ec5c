import Transport

/// What an upstream does besides its requests: checks its servers and resolves their names again.
///
/// It works on one loop with that loop's timers, between the events of requests; nothing of it blocks.
///
/// `@unchecked Sendable` because: confined to its loop.
final class UpstreamKeeper: @unchecked Sendable {
    let loop: EventLoop
    private var watches: [ServerWatch]

    init(_ upstream: Upstream, loop: EventLoop) {
        self.loop = loop
        watches = upstream.servers.map { ServerWatch($0, loop: loop) }
    }

    /// **Runs on** the loop, as `end`.
    func begin() {
        for watch in watches { watch.begin() }
    }

    /// Nothing is checked any more.
    func end() {
        for watch in watches { watch.end() }
        watches = []
    }
}

/// The checks of one server. **Runs on** its loop.
private final class ServerWatch {
    /// The first checks of several servers are spread over this time. **Units**: nanoseconds.
    private static let startSpread: UInt64 = 100_000_000

    private let server: UpstreamServer
    private let loop: EventLoop
    private var checking: LoopTimer?
    private var resolving: LoopTimer?
    private var probe: HealthProbe?
    private var tally: HealthTally?
    private var random: UInt64

    init(_ server: UpstreamServer, loop: EventLoop) {
        self.server = server
        self.loop = loop
        // Differs between servers, and between gateways that start together.
        random = UInt64.random(in: 1 ... .max)
        tally = server.settings.healthCheck.map { HealthTally($0) }
        checking = LoopTimer { [unowned self] in check() }
        resolving = LoopTimer { [unowned self] in resolve() }
    }

    func begin() {
        if server.numericAddress == nil { resolve() }
        if tally != nil { arm(checking, in: draw(below: Self.startSpread)) }
    }

    func end() {
        for timer in [checking, resolving] { if let timer { loop.remove(timer) } }
        probe?.cancel()
        probe = nil
        tally = nil
    }

    private func resolve() {
        server.refreshAddresses(on: loop, after: .zero)
        arm(resolving, in: server.settings.resolveInterval.nanoseconds)
    }

    // MARK: Health

    private func check() {
        guard let settings = server.settings.healthCheck, tally != nil else { return }
        let interval = settings.interval.nanoseconds
        arm(checking, in: interval - interval / 10 + draw(below: interval / 5 + 1))
        guard probe == nil else { return }
        if let known = server.knownAddresses(on: loop) { return check(known, settings) }
        // It comes again; by then the name is known, or known not to be.
        server.refreshAddresses(on: loop, after: AddressBook.haste)
    }

    private func check(_ addresses: Resolver.Answer, _ settings: HealthCheckSettings) {
        do throws(TransportError) {
            guard let address = try addresses.get().first else { return }
            let descriptor = try Descriptor.connecting(to: address)
            let probe = HealthProbe(
                owning: descriptor.release(), on: loop, server: server, check: settings,
                timeout: settings.timeout
            ) { [weak self] outcome in
                self?.probe = nil
                self?.record(outcome)
            }
            self.probe = probe
            try probe.begin(timeout: settings.timeout)
        } catch {
            probe = nil
            // A check that could not be made says nothing of the server.
            if !error.isExhaustion { record("\(error)") }
        }
    }

    private func record(_ outcome: HealthProbe.Outcome) {
        if outcome != nil { server.counters.checksFailed.wrappingAdd(1, ordering: .relaxed) }
        guard let health = tally?.record(isGood: outcome == nil) else { return }
        let old = server.standing.health
        server.standing.set(health, at: loop.now)
        if health == .down {
            server.report(.down(reason: outcome ?? ""))
        } else if old == .down {
            server.report(.up)
        }
    }

    // MARK: Times

    private func arm(_ timer: LoopTimer?, in nanoseconds: UInt64) {
        if let timer { loop.arm(timer, at: loop.now.advanced(byNanoseconds: max(1, nanoseconds))) }
    }

    /// A number for jitter, from a xorshift generator.
    private func draw(below bound: UInt64) -> UInt64 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return random % max(1, bound)
    }
}

/// Turns checks into a verdict: several in a row must agree before it changes, but for the first.
struct HealthTally {
    private let settings: HealthCheckSettings
    private var health = ServerStanding.Health.unchecked
    /// Checks in a row that contradict the verdict.
    private var contradictions = 0

    init(_ settings: HealthCheckSettings) { self.settings = settings }

    /// Takes a check down. Returns the verdict when it has changed.
    mutating func record(isGood: Bool) -> ServerStanding.Health? {
        let says: ServerStanding.Health = isGood ? .up : .down
        guard says != health else {
            contradictions = 0
            return nil
        }
        contradictions += 1
        let needed = health == .unchecked ? 1 : isGood ? settings.healthyCount : settings.unhealthyCount
        guard contradictions >= needed else { return nil }
        health = says
        contradictions = 0
        return says
    }
}
