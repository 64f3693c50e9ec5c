/// The grammar of `host[:port]` (RFC 9110 §7.2, RFC 3986 §3.2), stricter than the standard where readers differ.
enum Authority {
    /// What a well-formed authority says of its port.
    struct Port { let isPresent: Bool }

    /// The port of a well-formed authority, or nil.
    ///
    /// A host is letters, digits, `-`, `.`, `_`, `~`, or an address in brackets; user information, commas and
    /// percent-encodings are refused, and so is an empty host: each has been read in two ways by somebody.
    static func parse(_ base: UnsafePointer<UInt8>, _ count: Int) -> Port? {
        guard let end = hostLength(base, count), end > 0 else { return nil }
        if end == count { return Port(isPresent: false) }
        guard base[end] == Bytes.colon, count - end - 1 <= 5, count - end > 1 else { return nil }
        var port = 0
        for index in (end + 1)..<count {
            guard Bytes.isDigit(base[index]) else { return nil }
            port = port * 10 + Int(base[index] - 0x30)
        }
        return port <= 65_535 ? Port(isPresent: true) : nil
    }

    private static func hostLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        guard count > 0 else { return nil }
        if base[0] == 0x5B { return literalLength(base, count) }
        return ByteClass.length(base, count, ByteClass.host)
    }

    /// The length of `[IPv6]`, brackets included.
    private static func literalLength(_ base: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        var index = 1
        while index < count,
            Bytes.hexValue(base[index]) != nil || base[index] == Bytes.colon || base[index] == 0x2E
        {
            index += 1
        }
        guard index > 2, index < count, base[index] == 0x5D else { return nil }
        return index + 1
    }
}
