import Policy
import Settings

/// Whose rows they are that wait to be scored: those of one client share the queue as one.
package enum ScoringClient: Hashable, Sendable {
    /// A client with credentials.
    case account(String)
    /// Everybody in one network.
    case network(RateLimitNetwork)
    /// What cannot be read as an address: a local socket, a name.
    case other(String)

    /// A /24 or a /48: a subscriber may have as many /64 as a queue has rows.
    private static let prefixes = RateLimitNetwork.Prefixes(ipv4: 24, ipv6: 48) ?? .standard

    /// The client to tell apart by `share`; nil tells nobody apart.
    init?(account: String?, address: String, by share: ScoringSettings.Share) {
        switch (share, account) {
        case (.none, _): return nil
        case (.client, let account?): self = .account(account)
        case (.client, nil), (.network, _):
            let network = RateLimitNetwork(address: address, prefixes: Self.prefixes)
            self = network.map(Self.network) ?? .other(address)
        }
    }
}

/// How many rows each client has: waiting, and with workers.
struct ScoringShares {
    private struct Share {
        var waiting = 0
        var working = 0
    }

    private var shares: [ScoringClient: Share] = [:]

    /// A client's rows that are not done.
    func unfinished(_ client: ScoringClient) -> Int { shares[client].map { $0.waiting + $0.working } ?? 0 }

    /// The waiting rows of one client that would have `need` more, and of the others as far as they do not exceed those.
    func contending(_ need: Int, of client: ScoringClient) -> Int {
        let own = need + (shares[client]?.waiting ?? 0)
        return shares.reduce(own) { $1.key == client ? $0 : $0 + min($1.value.waiting, own) }
    }

    /// So many rows more wait, or fewer.
    mutating func wait(_ count: Int, of client: ScoringClient?) { change(client) { $0.waiting += count } }

    /// So many that waited are with a worker now.
    mutating func work(_ count: Int, of client: ScoringClient?) {
        change(client) {
            $0.waiting -= count
            $0.working += count
        }
    }

    /// A worker is done with so many.
    mutating func finish(_ count: Int, of client: ScoringClient?) { change(client) { $0.working -= count } }

    private mutating func change(_ client: ScoringClient?, _ body: (inout Share) -> Void) {
        guard let client else { return }
        var share = shares[client] ?? Share()
        body(&share)
        shares[client] = share.waiting > 0 || share.working > 0 ? share : nil
    }
}
