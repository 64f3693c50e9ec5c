import HTTPWire
import Transport

/// Who asked, as the proxies on the way say it: the field they write and which of them are believed.
package struct ForwardedTrust: Sendable, Equatable {
    /// Which field the trusted proxies write. Only one is read: a proxy that writes one passes the other on as a
    /// client made it up.
    package enum Field: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        case forwarded
    }

    /// The networks of proxies whose word is taken; empty believes nobody.
    package var proxies: [AddressPrefix] = []
    /// What they write.
    package var field = Field.xForwardedFor

    /// Nobody is believed.
    package init() {}

    /// The most hops that are looked at: what a client has written may be thousands, each to be sought among all networks.
    private static let hopsMax = 32

    /// Whether this end of a connection is a believed proxy.
    func contains(_ peer: SocketAddress) -> Bool {
        let bytes = peer.networkBytes
        return proxies.contains { $0.contains(networkBytes: bytes) }
    }

    /// The client's address: going from the last hop back, the first that is no believed proxy. What an entry that
    /// is no address hides is not guessed at; the hop that reported it stands for the client then, as does the last that is looked at.
    func client(behind peer: SocketAddress, _ fields: HeaderList) -> SocketAddress {
        guard contains(peer) else { return peer }
        var client = peer
        for entry in entries(fields).suffix(Self.hopsMax).reversed() {
            guard let hop = Self.address(entry) else { return client }
            client = hop
            if !contains(hop) { return client }
        }
        return client
    }

    /// The hops in the order of the field lines.
    ///
    /// Bytes are split, not `Character`s: one of those may hide a separator behind what a client has sent before it.
    private func entries(_ fields: HeaderList) -> [Bytes] {
        switch field {
        case .xForwardedFor:
            fields.values("x-forwarded-for").flatMap { value in
                Array(value.utf8).split(separator: Self.comma, omittingEmptySubsequences: false)
                    .map(Self.trimmed)
            }
        case .forwarded:
            fields.values("forwarded").flatMap { value in
                Self.parts(Array(value.utf8)[...], Self.comma).map(Self.hop)
            }
        }
    }

    private typealias Bytes = ArraySlice<UInt8>
    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")

    /// The value of an element's only `for`, quotes removed; what is no address when there is none.
    private static func hop(_ element: Bytes) -> Bytes {
        let pairs = parts(element, UInt8(ascii: ";")).map(trimmed).filter {
            String(decoding: $0.prefix(4), as: UTF8.self).lowercased() == "for="
        }
        guard pairs.count == 1, let pair = pairs.first else { return [] }
        let value = pair.dropFirst(4)
        guard value.first == quote else { return value }
        return value.count >= 2 && value.last == quote ? value.dropFirst().dropLast() : []
    }

    private static func trimmed(_ text: Bytes) -> Bytes {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let front = text.drop(while: isSpace)
        return front.lastIndex { !isSpace($0) }.map { front[...$0] } ?? []
    }

    /// Splits at a separator outside quotes. A quote that nothing ends leaves one part that is empty: what a proxy has added
    /// behind it cannot be told from what its client had sent.
    private static func parts(_ text: Bytes, _ separator: UInt8) -> [Bytes] {
        var parts: [Bytes] = []
        var start = text.startIndex
        var isQuoted = false
        var isEscaped = false
        for (index, byte) in zip(text.indices, text) {
            if isEscaped {
                isEscaped = false
            } else if isQuoted, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == quote {
                isQuoted.toggle()
            } else if byte == separator, !isQuoted {
                parts.append(text[start..<index])
                start = index + 1
            }
        }
        return isQuoted ? [[]] : parts + [text[start...]]
    }

    /// `1.2.3.4`, `1.2.3.4:5`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:5`; nil for everything else.
    private static func address(_ entry: Bytes) -> SocketAddress? {
        guard entry.count <= 64, entry.allSatisfy({ $0 < 0x80 }) else { return nil }
        let text = Substring(decoding: entry, as: UTF8.self)
        if text.first == "[" {
            guard let end = text.lastIndex(of: "]") else { return nil }
            let host = text[text.index(after: text.startIndex)..<end]
            guard let port = port(text[text.index(after: end)...]), host.contains(":") else { return nil }
            return SocketAddress(host: String(host), port: port)
        }
        let colons = text.count { $0 == ":" }
        guard colons == 1, let colon = text.firstIndex(of: ":") else {
            return SocketAddress(host: String(text), port: 0)
        }
        guard let port = port(text[colon...]) else { return nil }
        return SocketAddress(host: String(text[..<colon]), port: port)
    }

    /// `:5`, or nothing, which is 0.
    private static func port(_ text: Substring) -> UInt16? {
        if text.isEmpty { return 0 }
        let digits = text.dropFirst()
        guard text.first == ":", digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return UInt16(digits)
    }
}
