extension RoutePath {
    /// Decodes and checks in one pass over `bytes`.
    static func normalise(_ bytes: UnsafeBufferPointer<UInt8>) -> RoutePath {
        guard bytes.first == 0x2F else { return .refused(.notAbsolute) }
        if isPlain(bytes) { return .path(String(decoding: bytes, as: UTF8.self)) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        do throws(Ambiguity) {
            try decode(bytes, into: &decoded)
            try checkSegments(decoded)
        } catch {
            return .refused(error)
        }
        guard let text = String(validating: decoded, as: UTF8.self) else { return .refused(.invalidText) }
        return .path(text)
    }

    /// Whether the path is its own normal form at first sight: ASCII of which nothing is encoded or refused, and no segment
    /// that begins with a dot or is empty. What is not plain is read in full.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var last: UInt8 = 0
        for byte in bytes {
            if !ByteClass.contains(byte, ByteClass.path) || byte == 0x25 || byte == 0x3B { return false }
            if last == 0x2F, byte == 0x2E || byte == 0x2F { return false }
            last = byte
        }
        return true
    }

    private static func decode(
        _ bytes: UnsafeBufferPointer<UInt8>, into decoded: inout [UInt8]
    ) throws(Ambiguity) {
        var index = 0
        while index < bytes.count {
            var byte = bytes[index]
            index += 1
            if byte == 0x25 {
                byte = try decodeTriplet(bytes, index)
                index += 2
                if byte == 0x2F { throw .encodedSlash }
                if byte == 0x25, isTripletTail(bytes, index) { throw .doubleEncoding }
            }
            if byte == 0x5C { throw .backslash }
            if byte == 0x3B { throw .pathParameter }
            if byte < 0x20 || byte == 0x7F { throw .controlCharacter }
            decoded.append(byte)
        }
    }

    private static func decodeTriplet(
        _ bytes: UnsafeBufferPointer<UInt8>, _ index: Int
    ) throws(Ambiguity) -> UInt8 {
        guard isTripletTail(bytes, index), let high = Bytes.hexValue(bytes[index]),
            let low = Bytes.hexValue(bytes[index + 1])
        else { throw .invalidPercentEncoding }
        return high << 4 | low
    }

    private static func isTripletTail(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> Bool {
        index + 1 < bytes.count && Bytes.hexValue(bytes[index]) != nil
            && Bytes.hexValue(bytes[index + 1]) != nil
    }

    /// Refuses empty and dot segments; the last segment alone may be empty, which is a trailing slash.
    private static func checkSegments(_ decoded: [UInt8]) throws(Ambiguity) {
        let segments = decoded.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            if segment.isEmpty, index < segments.count - 1 { throw .emptySegment }
            if segment.elementsEqual([0x2E]) || segment.elementsEqual([0x2E, 0x2E]) { throw .dotSegment }
        }
    }
}
