import Testing

@testable import HTTPWire

/// The PROXY protocol's versions 1 and 2, by the sections of HAProxy's document.
@Suite("PROXY header")
struct ProxyProtocolTests {
    private typealias Header = ProxyProtocolHeader

    /// What a stream begins with, in one piece; the same must come of it byte by byte.
    private func read(_ bytes: [UInt8]) throws -> (header: Header, consumed: Int)? {
        var whole: (header: Header, consumed: Int)?
        var failure: ProxyProtocolError?
        do throws(ProxyProtocolError) { whole = try ProxyProtocolParser.parse(bytes.span) } catch {
            failure = error
        }
        for count in 0...bytes.count {
            let prefix = Array(bytes[..<count])
            do throws(ProxyProtocolError) {
                guard let early = try ProxyProtocolParser.parse(prefix.span) else { continue }
                #expect(early.header == whole?.header && early.consumed == whole?.consumed)
                #expect(count == early.consumed)
            } catch {
                #expect(error == failure)
            }
            break
        }
        if let failure { throw failure }
        return whole
    }

    private func client(_ bytes: [UInt8], _ port: UInt16, to other: [UInt8], _ otherPort: UInt16) -> Header {
        Header(
            origin: .client(
                Header.Address(bytes: bytes, port: port),
                destination: Header.Address(bytes: other, port: otherPort)))
    }

    // MARK: Version 1

    @Test("a line names source and destination (§2.1)")
    func line() throws {
        let text = "PROXY TCP4 192.0.2.7 198.51.100.255 56324 443\r\nGET / HTTP/1.1\r\n"
        let found = try #require(try read(Array(text.utf8)))
        #expect(found.header == client([192, 0, 2, 7], 56324, to: [198, 51, 100, 255], 443))
        #expect(found.consumed == 47)
    }

    @Test("a line of the greatest length, 107 bytes, is read (§2.1)")
    func longestLine() throws {
        let group = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        let text = "PROXY TCP6 \(group) \(group) 65535 65535\r\n"
        #expect(text.utf8.count == 104)
        let ones = [UInt8](repeating: 0xFF, count: 16)
        #expect(try read(Array(text.utf8))?.header == client(ones, 65535, to: ones, 65535))
        let padding = String(repeating: "x", count: 107 - "PROXY UNKNOWN \r\n".utf8.count)
        #expect(try read(Array("PROXY UNKNOWN \(padding)\r\n".utf8))?.consumed == 107)
        #expect(throws: ProxyProtocolError.lineTooLong) {
            try read(Array("PROXY UNKNOWN \(padding)x\r\n".utf8))
        }
    }

    @Test(
        "behind UNKNOWN the line means nothing (§2.1)",
        arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f ::1 65535 65535\r\n"])
    func unknown(text: String) throws {
        #expect(try read(Array(text.utf8))?.header == Header(origin: .unknown))
    }

    @Test(
        "what is not the grammar of §2.1 is refused",
        arguments: [
            ("GET / HTTP/1.1\r\n", ProxyProtocolError.absent), ("proxy TCP4 ", .absent),
            ("PROXY\tTCP4 1.1.1.1", .absent), ("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n", .malformedLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", .malformedLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rX", .malformedLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", .malformedLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", .malformedLine),
            ("PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", .malformedLine),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", .malformedLine),
            ("PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", .malformedAddress),
            ("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", .malformedAddress),
            ("PROXY TCP4 ::1 2.2.2.2 1 2\r\n", .malformedAddress),
            ("PROXY TCP6 1.1.1.1 ::1 1 2\r\n", .malformedAddress),
            ("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", .malformedAddress),
            ("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", .malformedAddress),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", .malformedPort),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", .malformedPort),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", .malformedPort),
            ("PROXY TCP4 1.1.1.1 2.2.2.2 1 -2\r\n", .malformedPort),
            ("PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n", .malformedLine),
        ])
    func refusedLines(text: String, error: ProxyProtocolError) {
        #expect(throws: error) { try read(Array(text.utf8)) }
    }

    @Test("port 0 is a port")
    func portZero() throws {
        #expect(
            try read(Array("PROXY TCP4 1.1.1.1 2.2.2.2 0 0\r\n".utf8))?.header
                == client([1, 1, 1, 1], 0, to: [2, 2, 2, 2], 0))
    }

    // MARK: Version 2

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    private static let ends: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 9, 0xDC, 0x04, 0x01, 0xBB]

    private func block(_ rest: [UInt8]) -> [UInt8] { block(0x21, 0x11, rest) }

    private func block(_ version: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        Self.signature + [version, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest
    }

    private func field(_ kind: UInt8, _ value: [UInt8]) -> [UInt8] {
        [kind, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
    }

    @Test("a block names source and destination (§2.2)")
    func blockIPv4() throws {
        let found = try #require(try read(block(Self.ends) + [1, 2, 3]))
        #expect(found.header == client([192, 0, 2, 7], 56324, to: [198, 51, 100, 9], 443))
        #expect(found.consumed == 28)
    }

    @Test("a block of IPv6 addresses (§2.2)")
    func blockIPv6() throws {
        let source = (1...16).map { UInt8($0) }
        let other = (17...32).map { UInt8($0) }
        let found = try read(block(0x21, 0x21, source + other + [0, 80, 1, 0]))
        #expect(found?.header == client(source, 80, to: other, 256))
    }

    @Test("LOCAL keeps the connection's own addresses, whatever else the header holds (§2.2)")
    func local() throws {
        #expect(try read(block(0x20, 0x00, []))?.header == Header(origin: .own))
        #expect(try read(block(0x20, 0xFF, [1, 2, 3]))?.header == Header(origin: .own))
    }

    @Test("UNSPEC and Unix sockets name nobody (§2.2)")
    func unspecified() throws {
        #expect(try read(block(0x21, 0x00, []))?.header == Header(origin: .unknown))
        let paths = [UInt8](repeating: 0x2F, count: 216)
        #expect(try read(block(0x21, 0x31, paths))?.header == Header(origin: .unknown))
    }

    @Test("what is not version 2's form is refused (§2.2)")
    func refusedBlocks() {
        let cases: [([UInt8], ProxyProtocolError)] = [
            (block(0x11, 0x11, Self.ends), .unsupportedVersion),
            (block(0x22, 0x11, Self.ends), .unknownCommand),
            (block(0x21, 0x12, Self.ends), .datagram), (block(0x21, 0x41, Self.ends), .unknownFamily),
            (block(0x21, 0x10, Self.ends), .unknownFamily), (block(0x21, 0x13, Self.ends), .unknownFamily),
            (block(Self.ends.dropLast()), .truncatedAddresses),
            (block(0x21, 0x21, Self.ends), .truncatedAddresses),
            (Self.signature + [0x21, 0x11, 0xFF, 0xFF], .tooLong),
            (Self.signature.dropLast() + [0x0D], .absent),
            (block(Self.ends + [4]), .malformedExtension),
            (block(Self.ends + [4, 0, 1]), .malformedExtension),
            (block(Self.ends + field(5, Array(repeating: 1, count: 129))), .malformedExtension),
            (block(Self.ends + field(5, [1]) + field(5, [1])), .repeatedExtension),
            (block(Self.ends + field(3, [1, 2, 3])), .malformedExtension),
            (block(Self.ends + field(3, [1, 2, 3, 4])), .wrongChecksum),
            (block(Self.ends + field(0x20, [1, 0, 0, 0])), .malformedExtension),
            (block(Self.ends + field(0x20, [1, 0, 0, 0, 0, 0x21, 0, 9])), .malformedExtension),
        ]
        for (bytes, error) in cases { #expect(throws: error, "\(bytes)") { try read(Array(bytes)) } }
    }

    @Test("extensions are bounded; a unique id is kept, the rest means nothing (§2.2.1 to §2.2.8)")
    func extensions() throws {
        let fields =
            field(1, Array("http/1.1".utf8)) + field(2, Array("h".utf8)) + field(4, [0, 0])
            + field(5, [7, 8])
            + field(0x20, [1, 0, 0, 0, 0] + field(0x21, Array("TLSv1.3".utf8))) + field(0xE0, [])
        #expect(try read(block(Self.ends + fields))?.header.uniqueID == [7, 8])
    }

    @Test("the checksum is CRC-32C (RFC 3720 §B.4) over the header with its own bytes as zeros (§2.2.3)")
    func checksum() throws {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
        var bytes = block(Self.ends + field(3, [0, 0, 0, 0]))
        let sum = CRC32C.checksum(bytes)
        for index in 0..<4 {
            bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * index))
        }
        #expect(try read(bytes) != nil)
        bytes[16] ^= 1
        #expect(throws: ProxyProtocolError.wrongChecksum) { try read(bytes) }
    }

    // MARK: Writing

    @Test("what is written is read as the same", arguments: ProxyProtocolWriter.Version.allCases)
    func written(version: ProxyProtocolWriter.Version) throws {
        let four = Header.Address(bytes: [10, 0, 0, 1], port: 1)
        let six = Header.Address(
            bytes: [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1], port: 65535)
        let mapped = Header.Address(
            bytes: [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 10, 0, 0, 1], port: 1)
        for (source, destination, read) in [
            (four, four, Header(origin: .client(four, destination: four))),
            (six, six, Header(origin: .client(six, destination: six))),
            (four, six, Header(origin: .client(mapped, destination: six))),
        ] {
            var bytes: [UInt8] = []
            ProxyProtocolWriter.append(version, source: source, destination: destination, to: &bytes)
            let found = try #require(try self.read(bytes))
            #expect(found.header == read && found.consumed == bytes.count)
        }
    }
}
