import Digest

/// What a challenge was issued for: one client, one route, one query. A proof serves for nothing else.
///
/// The client is the identity the gateway accounts to, never an address: dual-stack clients change theirs.
package struct ChallengeBinding: Hashable, Sendable {
    /// A digest of the three, so that a token shows a client nothing about them.
    package let digest: SHA256Digest

    /// The binding of `client`'s query with canonical digest `query` on `route`.
    package init(client: String, route: String, query: SHA256Digest) {
        var hasher = SHA256Hasher()
        hasher.update("samegate binding 1")
        for text in [client, route] {
            var count: [UInt8] = []
            count.append(bigEndian: UInt64(text.utf8.count))
            hasher.update(count)
            hasher.update(text)
        }
        hasher.update(query.bytes)
        digest = hasher.finish()
    }

    init(digest: SHA256Digest) { self.digest = digest }
}
