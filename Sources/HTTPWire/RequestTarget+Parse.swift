extension RequestTarget {
    /// Reads `count` bytes at `base`, checking their form against `method`.
    mutating func parse(_ base: UnsafePointer<UInt8>, _ count: Int, method: Method) throws(FramingError) {
        guard count > 0 else { throw .malformedTarget }
        let text = UnsafeBufferPointer(start: base, count: count)
        if method != .connect, repeats(text) { return }
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
        bytes.append(contentsOf: text)
        routePath = RoutePath.normalise(normalisable(text))
    }

    /// Whether it is the last one, byte for byte, of a form that any method may have: clients repeat themselves, and all that
    /// can be said of it has been found out.
    private func repeats(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard form == .origin || form == .absolute, bytes.count == text.count else { return false }
        return bytes.withUnsafeBytes { last in
            guard let left = last.baseAddress, let right = text.baseAddress else { return false }
            return Bytes.equal(left, UnsafeRawPointer(right), text.count)
        }
    }

    /// The path, or `/` where an absolute form has none (RFC 9110 §4.2.3).
    private func normalisable(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        if form == .absolute, pathRange.isEmpty {
            return UnsafeBufferPointer(start: StaticString("/").utf8Start, count: 1)
        }
        return UnsafeBufferPointer(rebasing: text[pathRange])
    }

    private mutating func parsePath(
        _ base: UnsafePointer<UInt8>, from start: Int, to end: Int
    ) throws(FramingError) {
        let pathEnd = start &+ ByteClass.length(base + start, end &- start, ByteClass.path)
        pathRange = start..<pathEnd
        guard pathEnd < end else { return }
        guard base[pathEnd] == 0x3F else { throw .malformedTarget }
        let queryStart = pathEnd &+ 1
        let queryLength = ByteClass.length(base + queryStart, end &- queryStart, ByteClass.query)
        guard queryStart &+ queryLength == end else { throw .malformedTarget }
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
