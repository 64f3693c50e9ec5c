/// A host, by number or by name, and a port: what configuration says before anything is resolved.
package struct Endpoint: Hashable, Sendable {
    /// Without brackets.
    package let host: String
    /// 0 asks the system for a free one, where that makes sense.
    package let port: UInt16

    /// The two as given.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:8080`, `[::1]:0` or `localhost:80`. **Throws** `addressInvalid` on anything else.
    package init(parsing text: String) throws(TransportError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...])
        else { throw .addressInvalid(text) }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            guard let address = SocketAddress(host: inner, port: port), address.isIPv6 else {
                throw .addressInvalid(text)
            }
            self.init(host: inner, port: port)
        } else {
            guard Self.isName(host) else { throw .addressInvalid(text) }
            self.init(host: String(host), port: port)
        }
    }

    /// The numeric address, or nil when the host is a name that has to be resolved first.
    package var address: SocketAddress? { SocketAddress(host: host, port: port) }

    private static func port(_ digits: Substring) -> UInt16? {
        guard (1...5).contains(digits.utf8.count) else { return nil }
        // `UInt16("+80")` is 80, so every byte is looked at.
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(digits)
    }

    private static func isName(_ host: Substring) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        return host.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
    }
}

extension Endpoint: CustomStringConvertible {
    /// The notation that `init(parsing:)` reads.
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
