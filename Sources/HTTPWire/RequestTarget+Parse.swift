extension RequestTarget {
    /// Bytes 0–63 and 64–127 that may stand in a path: RFC 3986 §3.3, and `^`, `` ` ``, `{`, `|`, `}`, which
    /// browsers send raw. Never controls, space, `"`, `#`, `<`, `>`, `\`, DEL or a byte over 127.
    private static let pathLow: UInt64 = 0x2FFF_FFF2_0000_0000
    private static let pathHigh: UInt64 = 0x7FFF_FFFF_EFFF_FFFF
    /// A query may hold `?` and `\` besides.
    private static let queryLow: UInt64 = 0xAFFF_FFF2_0000_0000
    private static let queryHigh: UInt64 = 0x7FFF_FFFF_FFFF_FFFF

    /// Reads `count` bytes at `base`, checking their form against `method`.
    mutating func parse(_ base: UnsafePointer<UInt8>, _ count: Int, method: Method) throws(FramingError) {
        guard count > 0 else { throw .malformedTarget }
        bytes.removeAll(keepingCapacity: true)
        authorityRange = 0..<0
        pathRange = 0..<0
        queryRange = nil
        if method == .connect {
            try parseAuthorityForm(base, count)
        } else if base[0] == 0x2F {
            form = .origin
            try parsePath(base, from: 0, to: count)
        } else if count == 1, base[0] == 0x2A {
            guard method == .options else { throw .targetDoesNotFitMethod }
            form = .asterisk
        } else {
            try parseAbsoluteForm(base, count)
        }
        bytes.append(contentsOf: UnsafeBufferPointer(start: base, count: count))
    }

    @inline(__always)
    private static func isMember(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
        let set = byte < 64 ? low : high
        return byte < 128 && (set &>> UInt64(byte & 63)) & 1 == 1
    }

    private mutating func parsePath(
        _ base: UnsafePointer<UInt8>, from start: Int, to end: Int
    ) throws(FramingError) {
        var index = start
        while index < end, Self.isMember(base[index], Self.pathLow, Self.pathHigh) { index &+= 1 }
        pathRange = start..<index
        guard index < end else { return }
        guard base[index] == 0x3F else { throw .malformedTarget }
        let queryStart = index &+ 1
        index = queryStart
        while index < end, Self.isMember(base[index], Self.queryLow, Self.queryHigh) { index &+= 1 }
        guard index == end else { throw .malformedTarget }
        queryRange = queryStart..<end
    }

    private mutating func parseAuthorityForm(_ base: UnsafePointer<UInt8>, _ count: Int) throws(FramingError)
    {
        guard let port = Authority.parse(base, count) else { throw .targetDoesNotFitMethod }
        guard port.isPresent else { throw .targetDoesNotFitMethod }
        form = .authority
        authorityRange = 0..<count
    }

    private mutating func parseAbsoluteForm(_ base: UnsafePointer<UInt8>, _ count: Int) throws(FramingError) {
        guard let start = Self.schemeLength(base, count) else { throw Self.otherForm(base, count) }
        var end = start
        while end < count, base[end] != 0x2F, base[end] != 0x3F { end += 1 }
        guard Authority.parse(base + start, end - start) != nil else { throw .malformedHost }
        form = .absolute
        authorityRange = start..<end
        try parsePath(base, from: end, to: count)
    }

    /// How many bytes `http://` or `https://` takes at the front, in any case; nil when neither is there.
    private static func schemeLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        if count > 7, Bytes.equalIgnoringCase(base, StaticString("http://").utf8Start, 7) { return 7 }
        if count > 8, Bytes.equalIgnoringCase(base, StaticString("https://").utf8Start, 8) { return 8 }
        return nil
    }

    /// The error for a target of no form this method may have.
    private static func otherForm(_ base: UnsafePointer<UInt8>, _ count: Int) -> FramingError {
        Authority.parse(base, count)?.isPresent == true ? .targetDoesNotFitMethod : .malformedTarget
    }
}
