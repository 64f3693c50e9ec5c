extension HeaderList {
    /// Removes what concerns only this connection: the fields RFC 9110 §7.6.1 lists, those of proxy
    /// authentication (§11.7), and every field that a Connection field names.
    ///
    /// Host and Content-Length stay even when named: naming them is forbidden, and obeying it would let a sender
    /// change how the next hop frames or routes the message.
    package mutating func removeHopByHop() {
        guard !isEmpty else { return }
        var named: [[UInt8]] = []
        var next = firstIndex(of: "connection")
        while let index = next {
            withValue(at: index) { value in
                var list = TokenList(value)
                while let member = list.next() { named.append(Array(member)) }
            }
            next = firstIndex(of: "connection", from: index + 1)
        }
        for name in named { name.withUnsafeBufferPointer { removeUnlessProtected($0) } }
        for name in Self.hopByHopNames { remove(name) }
    }

    /// Removes fields that must not stand in a trailer section (RFC 9110 §6.5.1): a receiver that merges trailers
    /// into its head would take them for the sender's.
    package mutating func removeForbiddenInTrailers() {
        removeHopByHop()
        for name in Self.forbiddenTrailerNames { remove(name) }
    }

    private mutating func removeUnlessProtected(_ name: UnsafeBufferPointer<UInt8>) {
        guard let base = name.baseAddress else { return }
        for kept in [StaticString("host"), "content-length"] where name.count == kept.utf8CodeUnitCount {
            if Bytes.equalIgnoringCase(base, kept.utf8Start, name.count) { return }
        }
        _ = remove(name)
    }

    private static let hopByHopNames: [StaticString] = [
        "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade",
        "proxy-authenticate", "proxy-authorization",
    ]

    private static let forbiddenTrailerNames: [StaticString] = [
        "host", "content-length", "content-type", "content-encoding", "content-range", "trailer",
        "authorization",
        "cookie", "set-cookie", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
        "x-real-ip",
        "via", "cache-control", "expect", "max-forwards", "range", "if-match", "if-none-match", "location",
        "vary",
        "www-authenticate", "proxy-authentication-info", "content-location", "date", "expires", "age",
        "retry-after",
    ]
}
