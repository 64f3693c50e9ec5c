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
        guard index > 2, index < count, base[index] == 0x5D, isAddress(base + 1, index - 1) else {
            return nil
        }
        return index + 1
    }

    /// Whether `count` hexadecimal digits, colons and dots are an IPv6 address: groups of at most four digits, eight of them or
    /// fewer with one `::`, the last two perhaps as an IPv4 address (RFC 3986 §3.2.2).
    private static func isAddress(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var groups = 0
        var isShortened = false
        var index = 0
        while index < count {
            if base[index] == Bytes.colon {
                let isDouble = index + 1 < count && base[index + 1] == Bytes.colon
                // A single colon stands between two groups, a double one once anywhere.
                guard isDouble ? !isShortened : index > 0 && index + 1 < count else { return false }
                isShortened = isShortened || isDouble
                index += isDouble ? 2 : 1
                if index < count, base[index] == Bytes.colon { return false }
                continue
            }
            var end = index
            while end < count, Bytes.hexValue(base[end]) != nil { end += 1 }
            if end < count, base[end] == 0x2E {
                guard isIPv4(base + index, count - index) else { return false }
                groups += 2
                break
            }
            guard (1...4).contains(end - index) else { return false }
            groups += 1
            index = end
        }
        return isShortened ? groups < 8 : groups == 8
    }

    /// Four numbers of one to three digits up to 255.
    private static func isIPv4(_ base: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let parts = UnsafeBufferPointer(start: base, count: count).split(
            separator: 0x2E, omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(Bytes.isDigit)
                    && part.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 255
            }
    }
}
