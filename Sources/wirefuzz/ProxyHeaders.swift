import HTTPWire

/// PROXY headers: well-formed ones, and what a few random edits leave of them.
extension Mutator {
    private static let headers: [[UInt8]] =
        [
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\nGET", "PROXY TCP6 2001:db8::1 ::1 65535 0\r\n",
            "PROXY UNKNOWN ffff::1 x\r\n",
        ].map { Array($0.utf8) } + [
            block(0x11, count: 12, []), block(0x21, count: 36, [0x20, 0, 8, 1, 0, 0, 0, 0, 0x21, 0, 0]),
            block(0x00, count: 0, [4, 0, 1, 9]), block(0x31, count: 216, []),
            block(0x11, count: 12, [5, 0, 2, 7, 8]),
        ]

    private static func block(_ family: UInt8, count: Int, _ fields: [UInt8]) -> [UInt8] {
        let rest = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) } + fields
        let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
        return signature + [0x21, family, UInt8(rest.count >> 8), UInt8(rest.count & 255)] + rest + [
            71, 69, 84,
        ]
    }

    /// A stream that begins with a header, edited.
    mutating func proxyHeader() -> [UInt8] { edited(Self.headers[random.below(Self.headers.count)]) }
}

/// What is said of a stream's PROXY header.
enum ProxyHeaders {
    /// What is found of a header.
    enum Found: Equatable {
        case incomplete, refused(ProxyProtocolError)
        case header(ProxyProtocolHeader, Int)
    }

    /// What the parser says of these bytes.
    static func read(_ bytes: [UInt8]) -> Found {
        do throws(ProxyProtocolError) {
            guard let (header, consumed) = try ProxyProtocolParser.parse(bytes.span) else {
                return .incomplete
            }
            precondition(consumed > 0 && consumed <= bytes.count, "consumed what was not fed")
            return .header(header, consumed)
        } catch {
            return .refused(error)
        }
    }

    /// What is wrong with how the stream is read; nil when nothing is. Byte by byte it must be read as in one piece, and
    /// addresses that are written again are read as the same.
    static func fault(_ bytes: [UInt8]) -> String? {
        let whole = read(bytes)
        for count in 0..<bytes.count {
            let early = read(Array(bytes[..<count]))
            guard early != .incomplete else { continue }
            guard early == whole else { return "of \(count) bytes it reads otherwise" }
            break
        }
        guard case .header(let header, _) = whole, case .client(let source, let destination) = header.origin
        else {
            return nil
        }
        for version in ProxyProtocolWriter.Version.allCases {
            var output: [UInt8] = []
            ProxyProtocolWriter.append(version, source: source, destination: destination, to: &output)
            let again = Found.header(ProxyProtocolHeader(origin: header.origin), output.count)
            guard read(output) == again else { return "written again in \(version) it reads otherwise" }
        }
        return nil
    }
}
