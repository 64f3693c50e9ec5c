/// A comma-separated list of tokens inside a field value (RFC 9110 §5.6.1), read without copying.
struct TokenList {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    /// A list over bytes that outlive it.
    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// The next member without the white space around it, empty ones skipped; nil at the end.
    mutating func next() -> UnsafeBufferPointer<UInt8>? {
        while position < bytes.count {
            var start = position
            var end = start
            while end < bytes.count, bytes[end] != 0x2C { end += 1 }
            position = end + 1
            while start < end, Bytes.isWhitespace(bytes[start]) { start += 1 }
            while end > start, Bytes.isWhitespace(bytes[end - 1]) { end -= 1 }
            if start < end { return UnsafeBufferPointer(rebasing: bytes[start..<end]) }
        }
        return nil
    }

    /// Whether `token` is a member, in any case.
    func contains(_ token: StaticString) -> Bool {
        var rest = self
        while let member = rest.next() {
            if member.count == token.utf8CodeUnitCount, let base = member.baseAddress,
                Bytes.equalIgnoringCase(base, token.utf8Start, member.count)
            {
                return true
            }
        }
        return false
    }
}
