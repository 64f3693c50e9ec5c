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

    private func check(_ known: Resolver.Answer, _ settings: HealthCheckSettings) {
        switch known {
        case .success(let addresses):
            ask(addresses[...], settings, until: loop.now.advanced(by: settings.timeout))
        case .failure(let reason): record("\(reason)")
        }
    }

    /// Asks at the first address, and where there is no connecting to it at the next one, as requests do.
    private func ask(
        _ addresses: ArraySlice<SocketAddress>, _ settings: HealthCheckSettings, until deadline: MonotonicTime
    ) {
        guard let address = addresses.first else { return }
        let goOn = { [weak self] (outcome: String) in
            guard let self else { return }
            server.noteFailure(of: address, on: loop)
            guard addresses.count > 1, loop.now < deadline, tally != nil else { return record(outcome) }
            ask(addresses.dropFirst(), settings, until: deadline)
        }
        do throws(TransportError) {
            let descriptor = try Descriptor.connecting(to: address)
            let probe = HealthProbe(
                owning: descriptor.release(), on: loop, server: server, check: settings,
                timeout: settings.timeout
            ) { [weak self] outcome in
                guard let self else { return }
                let isConnected = self.probe?.isConnected ?? false
                self.probe = nil
                if let outcome, !isConnected { goOn(outcome) } else { record(outcome) }
            }
            self.probe = probe
            try probe.begin(timeout: deadline.duration(since: loop.now))
        } catch {
            self.probe = nil
            // A check that could not be made says nothing of the server.
            if !error.isExhaustion { goOn("\(error)") }
        }
    }

    private func record(_ outcome: HealthProbe.Outcome) {
        // Counted last: who has seen the count sees the verdict.
        defer {
            if outcome == nil {
                server.counters.checksPassed.wrappingAdd(1, ordering: .releasing)
            } else {
                server.counters.checksFailed.wrappingAdd(1, ordering: .releasing)
            }
        }
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
