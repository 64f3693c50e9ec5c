import Foundation

extension Kind where Value == String {
    /// A network of addresses (`10.0.0.0/8`, `2001:db8::/32`), or one address.
    static var network: Kind {
        Kind(
            name: "network", bounds: "as in 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7", sample: "0.0.0.0/0",
            render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a network") else { return nil }
                guard isNetwork(text) else {
                    return reading.complain(
                        "'\(excerpt(text))' is not a network such as 10.0.0.0/8 or 2001:db8::/32, with no bits set behind its length, and IPv4 written as such"
                    )
                }
                return text
            })
    }
}

/// Whether this is an address with or without a length, and no bit is set behind the length.
private func isNetwork(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let bytes = addressBytes(String(parts[0])) else { return false }
    guard parts.count == 2 else { return true }
    // Its addresses are taken as IPv4's, where the length would mean another network.
    guard !isMapped(bytes) else { return false }
    guard let bits = Int(parts[1]), parts[1] == "\(bits)", (0...bytes.count * 8).contains(bits) else {
        return false
    }
    return bytes.enumerated().allSatisfy { index, byte in
        let kept = min(8, max(0, bits - index * 8))
        return Int(byte) & (0xFF >> kept) == 0
    }
}

/// Whether this is an IPv4 address inside IPv6, `::ffff:10.0.0.1` (RFC 4291 §2.5.5.2).
private func isMapped(_ bytes: [UInt8]) -> Bool {
    bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
}

/// The address in network order, 4 or 16 bytes.
private func addressBytes(_ text: String) -> [UInt8]? {
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 { return withUnsafeBytes(of: v4) { Array($0) } }
    var v6 = in6_addr()
    return inet_pton(AF_INET6, text, &v6) == 1 ? withUnsafeBytes(of: v6) { Array($0) } : nil
}
