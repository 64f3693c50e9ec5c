import Foundation
import HTTPWire
import Transport

/// Rendezvous hashing (highest random weight): each server draws a number for the client, and the highest wins.
///
/// Preferred to a ring and to Maglev's table because an upstream has few servers: there is nothing to build when one goes
/// or comes, weights hold exactly, and when a server goes its clients alone move, each to the server that came second.
/// The price is one draw a server, some nanoseconds. The hash has no key, so that every replica and every restart of the
/// gateway sends a client to the same server; whoever picks his own address picks his server, which gains him nothing
/// that a bound on the load does not take away.
///
/// **Source**: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", 1998; weights by
/// −w / ln(u), J. Resch, "New hashing algorithms for data storage", 2015.
package enum Rendezvous {
    /// A client's number, from its identity or another stable name.
    package static func key(_ name: some Sequence<UInt8>) -> UInt64 { mixed(fnv1a(name)) }

    /// A client's number from its address: the /64 of IPv6, which one client has to itself.
    static func key(_ client: SocketAddress) -> UInt64 {
        let bytes = client.networkBytes
        return key(bytes.count > 8 ? bytes[..<8] : bytes[...])
    }

    /// A server's number.
    static func seed(_ endpoint: Endpoint) -> UInt64 { fnv1a(endpoint.description.utf8) }

    /// What the server draws for the client.
    static func score(key: UInt64, seed: UInt64, weight: Double) -> Double {
        let uniform = (Double(mixed(key ^ seed) >> 11) + 0.5) * 0x1p-53
        return -weight / log(uniform)
    }

    private static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }

    /// The finaliser of SplitMix64: every bit of the input reaches every bit of the result.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9e37_79b9_7f4a_7c15
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
