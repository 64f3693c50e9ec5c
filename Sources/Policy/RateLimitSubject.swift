import Digest
import Store

/// Whose request is to be limited.
package struct RateLimitSubject: Hashable, Sendable {
    /// The client's account, or nil when it is anonymous.
    package let account: String?
    /// The client's numeric address, as trusted.
    package let address: String
    /// The route's name.
    package let route: String

    /// A subject as stated.
    package init(account: String?, address: String, route: String) {
        self.account = account
        self.address = address
        self.route = route
    }

    /// The key of this subject's quota under `rule`: 128 bits of SHA-256 over what the rule tells apart, each part with its
    /// length, so that no client can make itself another's name.
    func key(for rule: RateLimitRule) -> StoreKey {
        var hasher = SHA256Hasher()
        add("samegate-rate-1", to: &hasher)
        add(rule.keyText, to: &hasher)
        if rule.scope.contains(.client) { add(account.map { "account:\($0)" } ?? "anonymous", to: &hasher) }
        if rule.scope.contains(.network) || (rule.scope.contains(.client) && account == nil) {
            add(network(rule.prefixes), to: &hasher)
        }
        if rule.scope.contains(.route) { add(route, to: &hasher) }
        let bits = hasher.finish().leading128
        return StoreKey(high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    /// What cannot be read as an address (a local socket, a name) is a network of its own.
    private func network(_ prefixes: RateLimitNetwork.Prefixes) -> String {
        guard let network = RateLimitNetwork(address: address, prefixes: prefixes) else {
            return "other:\(address)"
        }
        return "\(Hex.encode(network.bytes))/\(network.prefix)"
    }

    private func add(_ text: String, to hasher: inout SHA256Hasher) {
        hasher.update("\(text.utf8.count):")
        hasher.update(text)
    }
}
