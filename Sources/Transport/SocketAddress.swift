import CPosix

/// A numeric IPv4 or IPv6 address with its port.
package struct SocketAddress: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64
    private let scope: UInt32
    /// True for IPv6.
    package let isIPv6: Bool
    /// The port, 0 for "any" before binding.
    package let port: UInt16

    /// `host` in numbers, or nil when it is a name.
    package init?(host: String, port: UInt16) {
        var system = cposix_address()
        guard cposix_address_parse(host, port, &system) == 0 else { return nil }
        self.init(system)
    }

    /// An address of 4 or 16 bytes in network order; nil for any other number of them.
    package init?(networkBytes bytes: [UInt8], port: UInt16) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var system = cposix_address()
        withUnsafeMutableBytes(of: &system.bytes) { $0.copyBytes(from: bytes) }
        system.version = bytes.count == 4 ? 4 : 6
        system.port = port
        self.init(system)
    }

    init(_ system: cposix_address) {
        let words = withUnsafeBytes(of: system.bytes) {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        (high, low) = words
        scope = system.scope
        isIPv6 = system.version == 6
        port = system.port
    }

    var system: cposix_address {
        var system = cposix_address()
        withUnsafeMutableBytes(of: &system.bytes) {
            $0.storeBytes(of: high, as: UInt64.self)
            $0.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
        }
        system.scope = scope
        system.version = isIPv6 ? 6 : 4
        system.port = port
        return system
    }

    /// The address in network order: 4 bytes for IPv4, also where it comes inside IPv6, or else 16.
    package var networkBytes: [UInt8] {
        let all = withUnsafeBytes(of: (high, low)) { Array($0) }
        guard isIPv6 else { return Array(all[..<4]) }
        let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
        return isMapped ? Array(all[12...]) : all
    }

    /// The address without port, in its usual notation and without brackets.
    package var host: String {
        if !isIPv6 { return dotted }
        var system = system
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let base = text.baseAddress, cposix_address_format(&system, base, text.count) == 0 else {
                return "unknown"
            }
            return String(cString: base)
        }
    }

    /// Four bytes in decimal: written here because each request's log line has one.
    private var dotted: String {
        String(unsafeUninitializedCapacity: 15) { text in
            var count = 0
            func put(_ digit: UInt8) {
                text[count] = 0x30 + digit
                count += 1
            }
            withUnsafeBytes(of: high) { bytes in
                for (index, byte) in bytes.prefix(4).enumerated() {
                    if index > 0 {
                        text[count] = 0x2E
                        count += 1
                    }
                    if byte >= 100 { put(byte / 100) }
                    if byte >= 10 { put(byte / 10 % 10) }
                    put(byte % 10)
                }
            }
            return count
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `127.0.0.1:80` or `[::1]:80`.
    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
