import Glibc

extension BodyReader {
    /// Reads one chunk-size line; returns its length with CRLF, or nil while it is incomplete.
    mutating func readChunkSize(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ limits: WireLimits
    ) throws(FramingError) -> Int? {
        let limit = min(count, limits.chunkLineBytesMax)
        guard lineSearched < limit, let found = memchr(base + lineSearched, 0x0A, limit - lineSearched) else {
            lineSearched = limit
            if count >= limits.chunkLineBytesMax { throw .chunkLineTooLong }
            return nil
        }
        let end = base.distance(to: UnsafePointer(found.assumingMemoryBound(to: UInt8.self)))
        guard end > 0, base[end - 1] == Bytes.carriageReturn else { throw .bareLineFeed }
        lineSearched = 0
        try takeChunkLine(base, end - 1, limits)
        return end + 1
    }

    private mutating func takeChunkLine(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ limits: WireLimits
    ) throws(FramingError) {
        let (size, digits) = try Self.chunkSize(base, count)
        if digits < count {
            extensionBytes += count - digits
            guard extensionBytes <= limits.chunkExtensionBytesMax else { throw .chunkExtensionsTooLarge }
            try ChunkExtension.check(base + digits, count - digits)
        }
        if size == 0 {
            stage = .trailers
            return
        }
        guard size <= bytesMax, announced <= bytesMax - size else { throw .bodyTooLarge }
        announced += size
        remaining = size
        stage = .chunkData
    }

    /// 1*HEXDIG of at most 16 digits, up to 2⁶³ − 1; and how many digits they are.
    private static func chunkSize(
        _ base: UnsafePointer<UInt8>, _ count: Int
    ) throws(FramingError) -> (size: UInt64, digits: Int) {
        var size: UInt64 = 0
        var digits = 0
        while digits < count, let value = Bytes.hexValue(base[digits]) {
            guard digits < 16, size <= UInt64(Int64.max) >> 4 else { throw .chunkSizeOverflow }
            size = size << 4 | UInt64(value)
            digits += 1
        }
        guard digits > 0, digits == count || base[digits] == 0x3B else { throw .malformedChunkSize }
        return (size, digits)
    }

    /// Reads the trailer section to its empty line; returns its length, or nil while it is incomplete.
    mutating func readTrailers(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ limits: WireLimits
    ) throws(FramingError) -> Int? {
        while true {
            let end = try trailers.nextLineEnd(
                base, count, endMax: limits.trailerBytesMax, tooLong: .trailersTooLarge)
            if end < 0 { return nil }
            if end == trailers.lineStart {
                trailers.finish(base, to: end)
                stage = .end
                return end + 2
            }
            let entry = try trailers.readField(
                base, to: end, countMax: limits.trailerCountMax, tooMany: .tooManyTrailers)
            let name = UnsafeBufferPointer(start: base + Int(entry.nameStart), count: Int(entry.nameLength))
            guard !ForbiddenTrailer.steersFraming(name) else { throw .forbiddenTrailer }
        }
    }
}

/// Chunk extensions are checked, bounded and dropped: nobody acts on them, and they have hidden whole requests.
enum ChunkExtension {
    /// Accepts `*( ";" token [ "=" ( token / quoted-string ) ] )` (RFC 9112 §7.1.1), without optional white space.
    static func check(_ base: UnsafePointer<UInt8>, _ count: Int) throws(FramingError) {
        var index = 0
        while index < count {
            guard base[index] == 0x3B else { throw .malformedChunkExtension }
            index += 1
            let name = Bytes.tokenLength(base + index, count - index)
            guard name > 0 else { throw .malformedChunkExtension }
            index += name
            guard index < count, base[index] == 0x3D else { continue }
            index += 1
            let value = valueLength(base + index, count - index)
            guard value > 0 else { throw .malformedChunkExtension }
            index += value
        }
    }

    /// The length of a token or quoted string at the front; 0 when there is neither.
    private static func valueLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int {
        guard count > 0, base[0] == 0x22 else { return Bytes.tokenLength(base, count) }
        var index = 1
        while index < count, base[index] != 0x22 {
            if base[index] == 0x5C { index += 1 }
            index += 1
        }
        guard index < count, FieldValue.isValid(base, index) else { return 0 }
        return index + 1
    }
}

/// Trailer fields that would change how a message is delimited or routed if a reader merged them into its head.
enum ForbiddenTrailer {
    /// Whether a trailer of this name makes the message one that two readers delimit differently.
    static func steersFraming(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = name.baseAddress else { return false }
        return switch name.count {
        case 4: isNamed(base, "host")
        case 7: isNamed(base, "trailer") || isNamed(base, "upgrade")
        case 10: isNamed(base, "connection")
        case 14: isNamed(base, "content-length") || isUnderscored(base, "content_length")
        case 17: isNamed(base, "transfer-encoding") || isUnderscored(base, "transfer_encoding")
        default: false
        }
    }

    private static func isNamed(_ name: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
        Bytes.isLiteral(name, literal)
    }

    private static func isUnderscored(_ name: UnsafePointer<UInt8>, _ literal: StaticString) -> Bool {
        Bytes.equalIgnoringCase(name, literal.utf8Start, literal.utf8CodeUnitCount)
    }
}
