extension HeaderList {
    /// Removes what concerns only this connection: the fields RFC 9110 §7.6.1 lists, those of proxy
    /// authentication (§11.7), and every field that a Connection field names.
    ///
    /// Host and Content-Length stay even when named: naming them is forbidden, and obeying it would let a sender
    /// change how the next hop frames or routes the message.
    package mutating func removeHopByHop() {
        guard !isEmpty else { return }
        let named = namedByConnection()
        removeEntries { Self.isHopByHop($0, $1) }
        for name in named { name.withUnsafeBufferPointer { removeUnlessProtected($0) } }
    }

    /// What Connection fields name, but for the options that are no fields or go anyway.
    private func namedByConnection() -> [[UInt8]] {
        var named: [[UInt8]] = []
        var next = firstIndex(of: "connection")
        while let index = next {
            withValue(at: index) { value in
                var list = TokenList(value)
                while let member = list.next() {
                    if !Self.isCommonOption(member) { named.append(Array(member)) }
                }
            }
            next = firstIndex(of: "connection", from: index + 1)
        }
        return named
    }

    private static func isCommonOption(_ option: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let base = option.baseAddress else { return true }
        return switch option.count {
        case 5: Bytes.isLiteral(base, "close")
        case 7: Bytes.isLiteral(base, "upgrade")
        case 10: Bytes.isLiteral(base, "keep-alive")
        default: false
        }
    }

    private static func isHopByHop(_ name: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        switch count {
        case 2: Bytes.isLiteral(name, "te")
        case 7: Bytes.isLiteral(name, "upgrade")
        case 10: Bytes.isLiteral(name, "connection") || Bytes.isLiteral(name, "keep-alive")
        case 16: Bytes.isLiteral(name, "proxy-connection")
        case 17: Bytes.isLiteral(name, "transfer-encoding")
        case 18: Bytes.isLiteral(name, "proxy-authenticate")
        case 19: Bytes.isLiteral(name, "proxy-authorization")
        default: false
        }
    }

    /// Removes the fields whose name the test accepts, keeping the order of the others.
    private mutating func removeEntries(where test: (UnsafePointer<UInt8>, Int) -> Bool) {
        var kept = 0
        for index in 0..<entries.count {
            let entry = entries[index]
            let goes = arena.withUnsafeBufferPointer { bytes in
                bytes.baseAddress.map { test($0 + Int(entry.nameStart), Int(entry.nameLength)) } ?? false
            }
            if goes { continue }
            if kept != index { entries[kept] = entry }
            kept += 1
        }
        if kept < entries.count { entries.removeLast(entries.count - kept) }
    }

    /// Removes fields that must not stand in a trailer section (RFC 9110 §6.5.1): a receiver that merges trailers
    /// into its head would take them for the sender's. Besides those of a fixed list, they are the ones that `isKept` refuses.
    package mutating func removeForbiddenInTrailers(
        _ isKept: (UnsafeBufferPointer<UInt8>) -> Bool = { _ in true }
    ) {
        removeHopByHop()
        for name in Self.forbiddenTrailerNames { remove(name) }
        removeEntries { !isKept(UnsafeBufferPointer(start: $0, count: $1)) }
    }

    private mutating func removeUnlessProtected(_ name: UnsafeBufferPointer<UInt8>) {
        guard let base = name.baseAddress else { return }
        for kept in [StaticString("host"), "content-length"] where name.count == kept.utf8CodeUnitCount {
            if Bytes.equalIgnoringCase(base, kept.utf8Start, name.count) { return }
        }
        _ = remove(name)
    }

    private static let forbiddenTrailerNames: [StaticString] = [
        "host", "content-length", "content-type", "content-encoding", "content-range", "trailer",
        "authorization",
        "cookie", "set-cookie", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
        "x-real-ip",
        "via", "cache-control", "expect", "max-forwards", "range", "if-match", "if-none-match", "location",
        "vary",
        "www-authenticate", "proxy-authentication-info", "content-location", "date", "expires", "age",
        "retry-after", "traceparent", "tracestate",
    ]
}
