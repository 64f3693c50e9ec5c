import Glibc

/// A client's address cut to its network: one household or office, which may hold as many addresses as it likes.
package struct RateLimitNetwork: Hashable, Sendable {
    /// How many leading bits name a network.
    package struct Prefixes: Hashable, Sendable {
        /// For IPv4, 0 to 32.
        package let ipv4: Int
        /// For IPv6, 0 to 128. A single subscriber has at least 64 bits to choose addresses from.
        package let ipv6: Int

        /// Prefixes of these lengths; nil when one is not a length of its kind.
        package init?(ipv4: Int, ipv6: Int) {
            guard (0...32).contains(ipv4), (0...128).contains(ipv6) else { return nil }
            self.ipv4 = ipv4
            self.ipv6 = ipv6
        }

        private init() {
            ipv4 = 24
            ipv6 = 64
        }

        /// /24 and /64.
        package static let standard = Prefixes()
    }

    /// 4 or 16 bytes of which all past the prefix are zero, and the prefix.
    let bytes: [UInt8]
    let prefix: Int

    /// The network of a numeric address (without port, brackets or zone), or nil when it is none. An IPv4 address that comes
    /// mapped into IPv6 is the IPv4 address (RFC 4291 §2.5.5.2): the two spellings share one limit.
    package init?(address: String, prefixes: Prefixes = .standard) {
        var four = in_addr()
        var six = in6_addr()
        var bytes: [UInt8]
        if inet_pton(AF_INET, address, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, address, &six) == 1 {
            bytes = withUnsafeBytes(of: six) { Array($0) }
            let mapped = [UInt8](repeating: 0, count: 10) + [255, 255]
            if bytes.starts(with: mapped) { bytes.removeFirst(12) }
        } else {
            return nil
        }
        prefix = bytes.count == 4 ? prefixes.ipv4 : prefixes.ipv6
        for index in bytes.indices {
            let kept = min(max(prefix - index * 8, 0), 8)
            bytes[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> kept)
        }
        self.bytes = bytes
    }
}
