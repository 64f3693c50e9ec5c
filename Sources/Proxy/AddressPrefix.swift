import Transport

/// A network: an address of which the first bits count. `10.0.0.0/8`, `2001:db8::/32`, or one address.
///
/// An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is taken as IPv4, since a socket for both reports it so.
package struct AddressPrefix: Hashable, Sendable {
    private let bytes: [UInt8]
    private let bits: Int

    /// The network written as an address with or without `/bits`; nil when it is neither, or has bits set behind
    /// its length, which tells of a slip.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = SocketAddress(host: String(parts[0]), port: 0) else {
            return nil
        }
        let all = address.networkBytes
        var bits = all.count * 8
        if parts.count == 2 {
            guard parts[1].allSatisfy({ $0.isASCII && $0.isNumber }), let given = Int(parts[1]),
                (0...bits).contains(given), parts[1] == "\(given)"
            else { return nil }
            bits = given
        }
        self.init(all, bits: bits)
        guard bytes == all else { return nil }
    }

    /// The network of so many bits that an address is in: all of IPv4, the /64 that one subscriber has of IPv6.
    package init(client address: SocketAddress) {
        let all = address.networkBytes
        self.init(all, bits: all.count == 4 ? 32 : 64)
    }

    private init(_ all: [UInt8], bits: Int) {
        self.bits = bits
        bytes = Self.masked(all, bits)
    }

    /// Whether the address is in the network.
    package func contains(_ address: SocketAddress) -> Bool { contains(networkBytes: address.networkBytes) }

    /// The same of an address's bytes, 4 or 16 of them.
    func contains(networkBytes all: [UInt8]) -> Bool {
        guard all.count == bytes.count else { return false }
        let whole = bits / 8
        for index in 0..<whole where all[index] != bytes[index] { return false }
        return bits.isMultiple(of: 8) || (all[whole] ^ bytes[whole]) >> (8 - bits % 8) == 0
    }

    private static func masked(_ all: [UInt8], _ bits: Int) -> [UInt8] {
        all.enumerated().map { index, byte in
            let kept = min(8, max(0, bits - index * 8))
            return byte & ~UInt8(truncatingIfNeeded: 0xFF >> kept)
        }
    }
}
