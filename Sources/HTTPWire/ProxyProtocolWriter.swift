/// Writes PROXY headers, as the one in front of a connection that is made for a client.
package enum ProxyProtocolWriter {
    /// The versions.
    package enum Version: String, Sendable, CaseIterable {
        /// A line of text.
        case v1
        /// A binary block.
        case v2
    }

    /// Appends the header of a connection from `source` to `destination`. Where one is IPv4 and the other IPv6, both are
    /// written as IPv6 (RFC 4291 §2.5.5.2): a header has one family.
    package static func append(
        _ version: Version, source: ProxyProtocolHeader.Address, destination: ProxyProtocolHeader.Address,
        to output: inout [UInt8]
    ) {
        let isMixed = source.bytes.count != destination.bytes.count
        let ends = [source, destination].map { isMixed ? widened($0) : $0 }
        switch version {
        case .v1: appendLine(ends, to: &output)
        case .v2: appendBlock(ends, to: &output)
        }
    }

    /// Appends the header of a connection of our own, such as a check's: whose it is the connection itself says.
    package static func appendOwn(_ version: Version, to output: inout [UInt8]) {
        switch version {
        case .v1: output += ProxyProtocolParser.word + Array("UNKNOWN\r\n".utf8)
        case .v2: output += ProxyProtocolParser.signature + [0x20, 0, 0, 0]
        }
    }

    private static func widened(_ address: ProxyProtocolHeader.Address) -> ProxyProtocolHeader.Address {
        guard address.bytes.count == 4 else { return address }
        let prefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return ProxyProtocolHeader.Address(bytes: prefix + address.bytes, port: address.port)
    }

    private static func appendLine(_ ends: [ProxyProtocolHeader.Address], to output: inout [UInt8]) {
        output += ProxyProtocolParser.word
        output += (ends[0].bytes.count == 4 ? "TCP4" : "TCP6").utf8
        for end in ends { output += " \(text(end.bytes))".utf8 }
        for end in ends { output += " \(end.port)".utf8 }
        output += "\r\n".utf8
    }

    /// Groups in full: the receiver need not know how zeros are left out.
    private static func text(_ bytes: [UInt8]) -> String {
        guard bytes.count == 16 else { return bytes.map { "\($0)" }.joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2).map {
            String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16)
        }.joined(separator: ":")
    }

    private static func appendBlock(_ ends: [ProxyProtocolHeader.Address], to output: inout [UInt8]) {
        let isIPv4 = ends[0].bytes.count == 4
        output += ProxyProtocolParser.signature
        output += [0x21, isIPv4 ? 0x11 : 0x21, 0, isIPv4 ? 12 : 36]
        for end in ends { output += end.bytes }
        for end in ends { output += [UInt8(end.port >> 8), UInt8(end.port & 0xFF)] }
    }
}
