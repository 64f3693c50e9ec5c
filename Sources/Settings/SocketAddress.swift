import Foundation

/// An IP address and a port.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 address in text, without brackets.
    package let host: String
    /// A TCP port.
    package let port: UInt16
    /// Whether the host is an IPv6 address.
    package var isIPv6: Bool { host.contains(":") }
    /// The address in the network's order: one address has several spellings.
    private var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        _ = inet_pton(isIPv6 ? AF_INET6 : AF_INET, host, &bytes)
        return bytes
    }
    /// Whether it stands for every address of its family.
    package var isWildcard: Bool { bytes.allSatisfy { $0 == 0 } }
    /// `host:port`, with brackets around IPv6.
    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension SocketAddress {
    /// Whether the system lets only one of the two be listened at. IPv6 sockets are for IPv6 alone.
    func clashes(with other: SocketAddress) -> Bool {
        port == other.port && isIPv6 == other.isIPv6
            && (bytes == other.bytes || isWildcard || other.isWildcard)
    }
}

/// The place of an upstream: with or without TLS, a host, a port, and what comes before a request's path.
package struct UpstreamURL: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an IP address, IPv6 without brackets.
    package let host: String
    /// A TCP port; 80, or 443 with TLS, where the URL names none.
    package let port: UInt16
    /// A prefix of every path asked for; empty, or `/…` without a slash at its end.
    package let basePath: String
    /// Whether TLS is spoken.
    package var isSecure = false
    /// The URL as one would write it.
    package var description: String {
        (isSecure ? "https://" : "http://") + (host.contains(":") ? "[\(host)]" : host)
            + ":\(port)\(basePath)"
    }
}

extension Kind where Value == SocketAddress {
    /// `ADDRESS:PORT` to listen at.
    static var address: Kind {
        Kind(
            name: "address", bounds: "IP address and port, as in 127.0.0.1:8080 or [::]:8080",
            sample: SocketAddress(host: "127.0.0.1", port: 0), render: \.description,
            read: { reading in
                let expected = "an IP address and port such as 127.0.0.1:8080 or [::1]:8080"
                guard let text = reading.text(expected: expected) else { return nil }
                guard let (host, port) = splitPort(text), let port else {
                    return reading.complain("'\(excerpt(text))' is not \(expected)")
                }
                guard let number = parsePort(port) else {
                    return reading.complain("'\(excerpt(port))' is not a port; it must be 1 to 65535")
                }
                guard isIPAddress(host) else {
                    let name = host.isEmpty ? "an empty host" : "'\(excerpt(host))'"
                    return reading.complain(
                        "\(name) is not an IP address; for all addresses write 0.0.0.0, and [::] for IPv6")
                }
                return SocketAddress(host: host, port: number)
            })
    }
}

extension Kind where Value == UpstreamURL {
    /// `http://HOST[:PORT][/BASE]`, or with `https`.
    static var upstreamURL: Kind {
        Kind(
            name: "URL", bounds: "http(s)://HOST[:PORT][/BASE]",
            sample: UpstreamURL(host: "127.0.0.1", port: 80, basePath: ""), render: \.description,
            read: { reading in
                let expected = "a URL such as http://127.0.0.1:8501"
                guard let text = reading.text(expected: expected) else { return nil }
                let result = parseURL(text)
                guard case .success(let url) = result else {
                    guard case .failure(let fault) = result else { return nil }
                    return reading.complain("'\(excerpt(text))': \(fault.message)")
                }
                return url
            })
    }
}

extension Kind where Value == String {
    /// A host name or an IP address.
    static var serverName: Kind {
        Kind(
            name: "host", bounds: "a host name or an IP address", sample: "", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a host name") else { return nil }
                guard isIPAddress(text) || isHostName(text) else {
                    return reading.complain("'\(excerpt(text))' is not a host name or an IP address")
                }
                return text
            })
    }
}

private struct URLFault: Error {
    let message: String
}

private func parseURL(_ text: String) -> Result<UpstreamURL, URLFault> {
    func fault(_ message: String) -> Result<UpstreamURL, URLFault> { .failure(URLFault(message: message)) }
    let lowered = text.lowercased()
    let isSecure = lowered.hasPrefix("https://")
    guard isSecure || lowered.hasPrefix("http://") else {
        return fault("not a URL; write http://HOST:PORT or https://HOST:PORT")
    }
    let rest = text.dropFirst(isSecure ? "https://".count : "http://".count)
    let authority = String(rest.prefix { !"/?#".contains($0) })
    let path = String(rest.dropFirst(authority.count))
    if authority.contains("@") {
        return fault("a user name or password does not belong in an upstream's URL")
    }
    if path.contains("?") || path.contains("#") {
        return fault("a query or fragment does not belong in an upstream's URL")
    }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        return fault("the path has spaces or characters that are not ASCII; percent-encode them")
    }
    guard let (host, port) = splitPort(authority), isIPAddress(host) || isHostName(host) else {
        return fault("'\(excerpt(authority))' is not a host name or an IP address")
    }
    guard let number = port.map(parsePort) ?? (isSecure ? 443 : 80) else {
        return fault("the port must be 1 to 65535")
    }
    let base = path.hasSuffix("/") ? String(path.dropLast()) : path
    return .success(UpstreamURL(host: host, port: number, basePath: base, isSecure: isSecure))
}

/// Splits `HOST[:PORT]` with an IPv6 host in brackets; nil when the brackets do not match or a colon is ambiguous.
private func splitPort(_ text: String) -> (host: String, port: String?)? {
    if text.hasPrefix("[") {
        guard let close = text.firstIndex(of: "]") else { return nil }
        let host = String(text[text.index(after: text.startIndex)..<close])
        let rest = text[text.index(after: close)...]
        guard host.contains(":"), rest.isEmpty || rest.first == ":" else { return nil }
        return (host, rest.isEmpty ? nil : String(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2 else { return nil }
    return (parts[0], parts.count == 2 ? parts[1] : nil)
}

private func parsePort(_ text: String) -> UInt16? {
    guard (1...5).contains(text.count), text.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    return UInt16(text).flatMap { $0 == 0 ? nil : $0 }
}

private func isIPAddress(_ text: String) -> Bool {
    var v4 = in_addr()
    var v6 = in6_addr()
    return inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1
}

/// Whether a text is a host name by RFC 1123 §2.1; a name of digits and dots only is a mistyped IPv4 address.
private func isHostName(_ text: String) -> Bool {
    guard (1...253).contains(text.utf8.count), text.contains(where: \.isLetter) else { return false }
    return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        (1...63).contains(label.count) && label.first != "-" && label.last != "-"
            && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }
}
