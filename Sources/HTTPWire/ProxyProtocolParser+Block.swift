/// Version 2: a binary block (§2.2).
extension ProxyProtocolParser {
    static func parseBlock(
        _ input: Span<UInt8>
    ) throws(ProxyProtocolError) -> (header: ProxyProtocolHeader, consumed: Int)? {
        guard input.count > 12 else { return nil }
        guard input[12] >> 4 == 2 else { throw .unsupportedVersion }
        let isProxied = input[12] & 15 == 1
        guard isProxied || input[12] & 15 == 0 else { throw .unknownCommand }
        guard input.count > 13 else { return nil }
        let kind = isProxied ? try Kind(input[13]) : .unspecified
        guard input.count >= headBytes else { return nil }
        let extent = Int(input[14]) << 8 | Int(input[15])
        guard extent <= extentMax else { throw .tooLong }
        guard extent >= kind.addressBytes else { throw .truncatedAddresses }
        guard input.count >= headBytes + extent else { return nil }
        let block = Array(input, 0..<headBytes + extent)
        // What a LOCAL header holds besides means nothing, whatever its family says.
        guard isProxied else { return (ProxyProtocolHeader(origin: .own), block.count) }
        var header = ProxyProtocolHeader(origin: kind.origin(block))
        header.uniqueID = try Extensions(block, from: headBytes + kind.addressBytes).uniqueID
        return (header, block.count)
    }

    /// What the addresses are; the others of the standard's values are refused, as it asks.
    private enum Kind {
        case unspecified, ipv4, ipv6, unix

        init(_ byte: UInt8) throws(ProxyProtocolError) {
            switch byte {
            case 0x00: self = .unspecified
            case 0x11: self = .ipv4
            case 0x21: self = .ipv6
            case 0x31: self = .unix
            case 0x12, 0x22, 0x32: throw .datagram
            default: throw .unknownFamily
            }
        }

        var addressBytes: Int {
            switch self {
            case .unspecified: 0
            case .ipv4: 12
            case .ipv6: 36
            case .unix: 216
            }
        }

        func origin(_ block: [UInt8]) -> ProxyProtocolHeader.Origin {
            let count: Int
            switch self {
            case .unspecified, .unix: return .unknown
            case .ipv4: count = 4
            case .ipv6: count = 16
            }
            func address(_ start: Int, _ port: Int) -> ProxyProtocolHeader.Address {
                ProxyProtocolHeader.Address(
                    bytes: Array(block[start..<start + count]),
                    port: UInt16(block[port]) << 8 | UInt16(block[port + 1]))
            }
            let ports = headBytes + 2 * count
            return .client(
                address(headBytes, ports), destination: address(headBytes + count, ports + 2))
        }
    }

    /// The extensions behind the addresses (§2.2.1 to §2.2.8). All are checked for their bounds; few mean anything here.
    private struct Extensions {
        private static let checksum: UInt8 = 0x03
        private static let uniqueID: UInt8 = 0x05
        private static let security: UInt8 = 0x20
        /// By kind; a value may be this long at most.
        private static let bounds: [UInt8: Int] = [0x02: 255, uniqueID: 128, 0x30: 255]

        private(set) var uniqueID: [UInt8]?
        private var hasChecksum = false
        private let block: [UInt8]

        init(_ block: [UInt8], from start: Int) throws(ProxyProtocolError) {
            self.block = block
            var place = start
            while place < block.count {
                guard block.count - place >= 3 else { throw .malformedExtension }
                let count = Int(block[place + 1]) << 8 | Int(block[place + 2])
                let value = place + 3..<place + 3 + count
                guard value.upperBound <= block.count else { throw .malformedExtension }
                try take(block[place], value)
                place = value.upperBound
            }
        }

        private mutating func take(_ kind: UInt8, _ value: Range<Int>) throws(ProxyProtocolError) {
            guard value.count <= Self.bounds[kind] ?? .max else { throw .malformedExtension }
            switch kind {
            case Self.checksum:
                guard value.count == 4 else { throw .malformedExtension }
                guard !hasChecksum else { throw .repeatedExtension }
                hasChecksum = true
                guard isRight(at: value) else { throw .wrongChecksum }
            case Self.uniqueID:
                guard uniqueID == nil else { throw .repeatedExtension }
                uniqueID = Array(block[value])
            case Self.security: try checkSecurity(value)
            default: break
            }
        }

        /// CRC-32C over the header with the checksum's own bytes as zeros (§2.2.3).
        private func isRight(at place: Range<Int>) -> Bool {
            var zeroed = block
            for index in place { zeroed[index] = 0 }
            let said = block[place].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return CRC32C.checksum(zeroed) == said
        }

        /// A byte of flags, four of a result, and extensions of its own that must fill it (§2.2.6). What a client has shown to
        /// the proxy in front is not taken for shown to us.
        private func checkSecurity(_ value: Range<Int>) throws(ProxyProtocolError) {
            var place = value.lowerBound + 5
            guard place <= value.upperBound else { throw .malformedExtension }
            while place < value.upperBound {
                guard value.upperBound - place >= 3 else { throw .malformedExtension }
                place += 3 + (Int(block[place + 1]) << 8 | Int(block[place + 2]))
                guard place <= value.upperBound else { throw .malformedExtension }
            }
        }
    }
}

/// The checksum of RFC 3720 §12.1: the Castagnoli polynomial, reflected.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }

    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
    }
}
