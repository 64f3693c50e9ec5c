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
