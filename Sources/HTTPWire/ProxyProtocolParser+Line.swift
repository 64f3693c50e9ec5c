import Glibc

/// Version 1: one line of text (§2.1).
extension ProxyProtocolParser {
    static func parseLine(
        _ input: Span<UInt8>
    ) throws(ProxyProtocolError) -> (header: ProxyProtocolHeader, consumed: Int)? {
        var end = word.count
        let limit = min(input.count, lineBytesMax - 1)
        while end < limit, input[end] != Bytes.carriageReturn {
            guard (0x20...0x7E).contains(input[end]) else { throw .malformedLine }
            end += 1
        }
        guard end + 1 < lineBytesMax else { throw .lineTooLong }
        guard end + 1 < input.count else { return nil }
        guard input[end + 1] == Bytes.lineFeed else { throw .malformedLine }
        let line = Array(input, word.count..<end)
        return (ProxyProtocolHeader(origin: try origin(line)), end + 2)
    }

    /// What stands between `PROXY ` and CRLF. Behind `UNKNOWN` anything may stand, and means nothing.
    private static func origin(_ line: [UInt8]) throws(ProxyProtocolError) -> ProxyProtocolHeader.Origin {
        let parts = line.split(separator: Bytes.space, omittingEmptySubsequences: false)
        if parts[0].elementsEqual("UNKNOWN".utf8) { return .unknown }
        guard parts.count == 5 else { throw .malformedLine }
        let family: Int32
        switch String(decoding: parts[0], as: UTF8.self) {
        case "TCP4": family = AF_INET
        case "TCP6": family = AF_INET6
        default: throw .malformedLine
        }
        let source = try address(parts[1], family)
        let destination = try address(parts[2], family)
        return .client(
            ProxyProtocolHeader.Address(bytes: source, port: try port(parts[3])),
            destination: ProxyProtocolHeader.Address(bytes: destination, port: try port(parts[4])))
    }

    /// The address in network order. The system's reader takes no leading zeros, spaces, or addresses in short.
    private static func address(
        _ text: ArraySlice<UInt8>, _ family: Int32
    ) throws(ProxyProtocolError) -> [UInt8] {
        let count = family == AF_INET ? 4 : 16
        guard (2...39).contains(text.count) else { throw .malformedAddress }
        let terminated = text.map { CChar(bitPattern: $0) } + [0]
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(family, terminated, &bytes) == 1 else { throw .malformedAddress }
        return Array(bytes[..<count])
    }

    /// Digits without a leading zero, up to 65535.
    private static func port(_ text: ArraySlice<UInt8>) throws(ProxyProtocolError) -> UInt16 {
        guard let first = text.first, text.count <= 5, first != 0x30 || text.count == 1 else {
            throw .malformedPort
        }
        var value = 0
        for byte in text {
            guard Bytes.isDigit(byte) else { throw .malformedPort }
            value = value * 10 + Int(byte - 0x30)
        }
        guard let port = UInt16(exactly: value) else { throw .malformedPort }
        return port
    }
}

extension [UInt8] {
    /// A copy of part of a span.
    init(_ span: Span<UInt8>, _ range: Range<Int>) {
        self.init(unsafeUninitializedCapacity: range.count) { buffer, count in
            for index in range { buffer[index - range.lowerBound] = span[index] }
            count = range.count
        }
    }
}
