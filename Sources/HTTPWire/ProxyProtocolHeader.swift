/// What a proxy in front says of a connection before its first byte: the PROXY protocol, versions 1 and 2.
///
/// **Source** "The PROXY protocol", W. Tarreau, HAProxy Technologies, §2.
package struct ProxyProtocolHeader: Sendable, Equatable {
    /// An address as it stands in the header.
    package struct Address: Sendable, Equatable {
        /// In network order, 4 for IPv4 or 16 for IPv6.
        package let bytes: [UInt8]
        /// The port.
        package let port: UInt16

        /// The two together.
        package init(bytes: [UInt8], port: UInt16) {
            precondition(bytes.count == 4 || bytes.count == 16, "an address has 4 or 16 bytes")
            self.bytes = bytes
            self.port = port
        }
    }

    /// Whose connection it is.
    package enum Origin: Sendable, Equatable {
        /// The proxy's own, for a health check (`LOCAL`): the connection's addresses are the true ones.
        case own
        /// Somebody's whose address the proxy does not know or cannot say (`UNKNOWN`, `UNSPEC`, a Unix socket): the
        /// connection's addresses are all there is.
        case unknown
        /// A client's, and what it connected to.
        case client(Address, destination: Address)
    }

    /// Whose connection it is.
    package var origin: Origin
    /// What the proxy calls the connection (`PP2_TYPE_UNIQUE_ID`); at most 128 bytes.
    package var uniqueID: [UInt8]?

    /// The parts together.
    package init(origin: Origin, uniqueID: [UInt8]? = nil) {
        self.origin = origin
        self.uniqueID = uniqueID
    }
}

/// Why bytes at the start of a connection are no PROXY header that everybody reads the same way.
///
/// The connection is closed without an answer: nobody knows whose it is.
package enum ProxyProtocolError: Error, Sendable, Equatable, CaseIterable {
    /// The first bytes are those of neither version.
    case absent
    /// The line of version 1 does not end within 107 bytes.
    case lineTooLong
    /// The line of version 1 is not as §2.1 has it.
    case malformedLine
    /// An address of version 1 is not in its usual form.
    case malformedAddress
    /// A port of version 1 is no number from 0 to 65535.
    case malformedPort
    /// Not version 2.
    case unsupportedVersion
    /// Neither LOCAL nor PROXY.
    case unknownCommand
    /// Addresses or a transport that the standard does not know.
    case unknownFamily
    /// A datagram's, which no connection carries.
    case datagram
    /// Version 2's header is longer than is read here.
    case tooLong
    /// Version 2's header is shorter than its addresses.
    case truncatedAddresses
    /// An extension is longer than the header, or than its kind may be.
    case malformedExtension
    /// An extension that there can be one of is there twice.
    case repeatedExtension
    /// The checksum is wrong.
    case wrongChecksum
}

extension ProxyProtocolError: CustomStringConvertible {
    /// One sentence for the log; never for the peer.
    package var description: String {
        switch self {
        case .absent: "the connection does not begin with a PROXY header"
        case .lineTooLong: "the PROXY line does not end within 107 bytes"
        case .malformedLine: "the PROXY line is not 'PROXY TCP4|TCP6 source destination port port'"
        case .malformedAddress: "an address in the PROXY line is malformed"
        case .malformedPort: "a port in the PROXY line is malformed"
        case .unsupportedVersion: "the PROXY header is of a version other than 2"
        case .unknownCommand: "the PROXY header's command is neither LOCAL nor PROXY"
        case .unknownFamily: "the PROXY header's address family or transport is unknown"
        case .datagram: "the PROXY header speaks of a datagram"
        case .tooLong: "the PROXY header is longer than is read here"
        case .truncatedAddresses: "the PROXY header is shorter than its addresses"
        case .malformedExtension: "an extension of the PROXY header is malformed"
        case .repeatedExtension: "an extension of the PROXY header is repeated"
        case .wrongChecksum: "the PROXY header's checksum is wrong"
        }
    }
}
