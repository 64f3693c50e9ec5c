/// What `Host` says to an upstream.
package enum UpstreamHost: Sendable, Equatable {
    /// What the client said.
    case pass
    /// The host of the server's URL, and its port where that is not the scheme's.
    case url
    /// This.
    case fixed(String)
}

extension Kind where Value == UpstreamHost {
    /// `pass`, `url`, or a name.
    static var upstreamHost: Kind {
        Kind(
            name: "host", bounds: "pass, url, or a host name with or without a port", sample: .pass,
            render: {
                switch $0 {
                case .pass: "pass"
                case .url: "url"
                case .fixed(let name): name
                }
            },
            read: { reading in
                guard let text = reading.text(expected: "pass, url, or a host name") else { return nil }
                switch text {
                case "pass": return .pass
                case "url": return .url
                default: break
                }
                // RFC 3986 §3.2.2, without percent-encoding, which no host that can be resolved needs.
                let isHost = text.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x3A, 0x5B, 0x5D, 0x5F: true
                    default: false
                    }
                }
                guard (1...255).contains(text.utf8.count), isHost else {
                    return reading.complain("'\(excerpt(text))' is neither pass, url, nor a host name")
                }
                return .fixed(text)
            })
    }
}

extension Kind where Value == String {
    /// A path to ask a server for, with or without a query.
    static var requestPath: Kind {
        Kind(
            name: "URL path", bounds: "begins with '/'", sample: "/", render: { $0 },
            read: { reading in
                guard let text = reading.text(expected: "a path such as /health") else { return nil }
                let isPrintable = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x23 }
                guard text.hasPrefix("/"), isPrintable, text.utf8.count <= 2_048 else {
                    return reading.complain(
                        "'\(excerpt(text))' is not a path such as /health: it begins with '/' and has neither spaces nor '#'"
                    )
                }
                return text
            })
    }
}

extension Kind where Value == ClosedRange<Int> {
    /// `200-399`, or one status alone.
    static var statusRange: Kind {
        Kind(
            name: "status range", bounds: "200 to 599, as in 200-399 or 204", sample: 200...399,
            render: { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" },
            read: { reading in
                guard let text = reading.text(expected: "a range of statuses such as 200-399") else {
                    return nil
                }
                let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                let numbers = parts.compactMap { part in
                    part.count == 3 && part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part) : nil
                }
                guard (1...2).contains(parts.count), numbers.count == parts.count,
                    let low = numbers.first, let high = numbers.last, low <= high, (200...599).contains(low),
                    (200...599).contains(high)
                else {
                    return reading.complain("'\(excerpt(text))' is not a range of statuses such as 200-399")
                }
                return low...high
            })
    }
}
