import Transport

/// Chooses a request's server on one loop.
///
/// Each loop takes turns of its own, so that none waits for another; over many requests the shares are the same.
/// **Runs on** its loop.
final class LoopBalancer {
    private let servers: [UpstreamServer]
    private let seeds: [UInt64]
    private let settings: UpstreamSettings
    /// What smooth weighted round robin owes each server.
    private var owed: [Double]
    /// Each server's weight for the present choice; 0 leaves it out.
    private var weights: [Double]
    /// Each server's requests at work, read once for the present choice: other loops change them meanwhile.
    private var loads: [Int]

    init(_ upstream: Upstream, turn: Int) {
        servers = upstream.servers
        settings = upstream.settings
        seeds = servers.map { Rendezvous.seed($0.server.endpoint) }
        owed = servers.map { _ in 0 }
        loads = servers.map { _ in 0 }
        weights = servers.map { $0.server.isBackup ? 0 : Double($0.server.weight) }
        // Loops begin at different places, lest the first server gets the first request of each.
        for _ in 0..<turn { _ = takeTurn() }
    }

    /// A server that is available and none of `avoided`: a backup only when no other is. When none is at all, what the
    /// settings say. `key` is the client's number.
    func choose(key: UInt64, avoiding avoided: [Int], at now: MonotonicTime) -> UpstreamServer? {
        guard weigh(avoiding: avoided, at: now) else { return nil }
        passOverFull()
        let index: Int? =
            switch settings.balance {
            case .roundRobin: takeTurn()
            case .leastConnections: leastLoaded()
            case .consistentHash(let bound): hashed(key, bound)
            }
        return index.map { servers[$0] }
    }

    // MARK: Who is eligible

    private func weigh(avoiding avoided: [Int], at now: MonotonicTime) -> Bool {
        if weigh(avoided, now, { !$0.server.isBackup && $0.isAvailable(at: now) }) { return true }
        if weigh(avoided, now, { $0.server.isBackup && $0.isAvailable(at: now) }) { return true }
        guard settings.whenAllDown == .use else { return false }
        return weigh(avoided, now, { !$0.server.isBackup })
    }

    private func weigh(
        _ avoided: [Int], _ now: MonotonicTime, _ isEligible: (UpstreamServer) -> Bool
    ) -> Bool {
        var hasAny = false
        for (index, server) in servers.enumerated() {
            let isIn = isEligible(server) && !avoided.contains(index)
            weights[index] = isIn ? server.standing.weight(at: now) : 0
            loads[index] = server.inFlight.load(ordering: .relaxed)
            hasAny = hasAny || isIn
        }
        return hasAny
    }

    /// A server without a free connection is left to queue only when all of them are.
    private func passOverFull() {
        let hasRoom = loads.indices.contains { weights[$0] > 0 && loads[$0] < settings.connectionsMax }
        guard hasRoom else { return }
        for index in loads.indices where loads[index] >= settings.connectionsMax { weights[index] = 0 }
    }

    // MARK: Policies

    /// Smooth weighted round robin: everybody's debt grows by its weight, the greatest is paid with all of it.
    private func takeTurn() -> Int? {
        var total = 0.0
        var best: Int?
        for index in weights.indices where weights[index] > 0 {
            owed[index] += weights[index]
            total += weights[index]
            if best.map({ owed[index] > owed[$0] }) ?? true { best = index }
        }
        if let best { owed[best] -= total }
        return best
    }

    private func leastLoaded() -> Int? {
        func load(_ index: Int) -> Double { Double(loads[index] + 1) / weights[index] }
        var least = Double.infinity
        for index in weights.indices where weights[index] > 0 { least = min(least, load(index)) }
        for index in weights.indices where weights[index] > 0 && load(index) > least { weights[index] = 0 }
        return takeTurn()
    }

    private func hashed(_ key: UInt64, _ bound: Double?) -> Int? {
        if let bound { passOverLoaded(bound) }
        var best: (index: Int, score: Double)?
        for index in weights.indices where weights[index] > 0 {
            let score = Rendezvous.score(key: key, seed: seeds[index], weight: weights[index])
            if best.map({ score > $0.score }) ?? true { best = (index, score) }
        }
        return best?.index
    }

    /// Consistent hashing with bounded loads: the bounds add up to more than there is to do, so somebody is left.
    private func passOverLoaded(_ bound: Double) {
        let total = weights.reduce(0, +)
        let load = weights.indices.reduce(1) { weights[$1] > 0 ? $0 + loads[$1] : $0 }
        for index in weights.indices where weights[index] > 0 {
            let most = (bound * Double(load) * weights[index] / total).rounded(.up)
            if Double(loads[index] + 1) > most { weights[index] = 0 }
        }
    }
}

extension UpstreamServer {
    /// Whether it may be chosen now.
    fileprivate func isAvailable(at now: MonotonicTime) -> Bool {
        switch standing.availability(at: now) {
        case .available: return true
        case .unavailable: return false
        case .returned:
            report(.returned)
            return true
        }
    }
}
