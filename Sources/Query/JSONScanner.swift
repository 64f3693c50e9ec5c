/// Reads JSON text (RFC 8259) front to back, strictly, and builds nothing.
///
/// The caller says what it expects next: this is a scanner to write readers with, not a parser that makes a tree.
/// Depth, names and numbers are bounded; everything else is bounded by the length of the text.
///
/// A scanner lives inside the closure that lends it the bytes and never leaves it.
struct JSONScanner<Failure: JSONReadingError> {
    /// How deep values may nest.
    static var depthMax: Int { 64 }
    /// How many names an object may have.
    static var keysMax: Int { 1024 }
    /// How long a name may be, in bytes after decoding.
    static var keyBytesMax: Int { 1024 }
    /// How long a number may be.
    static var numberBytesMax: Int { 1024 }

    let base: UnsafePointer<UInt8>
    let end: Int
    /// The offset of the next byte.
    var position = 0

    /// Calls `body` with a scanner over the first `count` of `bytes`, or all. Throws: what `body` throws, and for no bytes at all.
    static func scan<R>(
        _ bytes: [UInt8], count: Int? = nil, _ body: (inout Self) throws(Failure) -> R
    ) throws(Failure) -> R {
        try bytes.withUnsafeBufferPointer { buffer throws(Failure) -> R in
            guard let base = buffer.baseAddress, !buffer.isEmpty else {
                throw .notJSON(.endOfInput, offset: 0)
            }
            var scanner = Self(base: base, end: min(count ?? buffer.count, buffer.count))
            return try body(&scanner)
        }
    }

    /// The error for `fault` at `offset`, or at the next byte.
    func failure(_ fault: JSONFault, at offset: Int? = nil) -> Failure {
        .notJSON(fault, offset: offset ?? position)
    }

    /// The error for a next byte that the grammar does not allow.
    var unexpected: Failure {
        position < end ? failure(.unexpected(byte: base[position])) : failure(.endOfInput)
    }

    // MARK: Structure

    /// Skips white space: space, tab, line feed, carriage return (RFC 8259 §2).
    @inline(__always)
    mutating func skipSpace() {
        while position < end {
            let byte = base[position]
            // One comparison decides for the text without spaces that clients mostly send.
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    /// The next byte after white space, or nil at the end.
    @inline(__always)
    mutating func peek() -> UInt8? {
        skipSpace()
        return position < end ? base[position] : nil
    }

    /// Takes `byte` after white space if it is next.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    /// Takes `byte` after white space. Throws: where it is not next.
    mutating func expect(_ byte: UInt8) throws(Failure) {
        guard take(byte) else { throw unexpected }
    }

    /// Checks that nothing but white space is left.
    mutating func finish() throws(Failure) {
        guard peek() == nil else { throw failure(.trailingBytes) }
    }

    /// What an object's reader remembers between names.
    struct ObjectState {
        fileprivate(set) var keys: Set<[UInt8]> = []
    }

    /// The next name of an object whose `{` was taken, decoded, with the scanner at its value; nil takes the `}`.
    ///
    /// Throws: for a name that was there before, among the faults of the grammar.
    mutating func nextKey(_ state: inout ObjectState) throws(Failure) -> [UInt8]? {
        if take(UInt8(ascii: "}")) { return nil }
        if !state.keys.isEmpty { try expect(UInt8(ascii: ",")) }
        guard state.keys.count < Self.keysMax else { throw failure(.tooManyKeys(most: Self.keysMax)) }
        guard peek() == UInt8(ascii: "\"") else { throw unexpected }
        let start = position
        let key = try key()
        guard state.keys.insert(key).inserted else {
            throw failure(.duplicateKey(String(decoding: key, as: UTF8.self)), at: start)
        }
        try expect(UInt8(ascii: ":"))
        skipSpace()
        return key
    }

    /// Whether a list whose `[` was taken has another element, with the scanner at it; false takes the `]`.
    mutating func nextElement(isFirst: inout Bool) throws(Failure) -> Bool {
        if isFirst {
            isFirst = false
            guard !take(UInt8(ascii: "]")) else { return false }
        } else {
            if take(UInt8(ascii: "]")) { return false }
            try expect(UInt8(ascii: ","))
        }
        skipSpace()
        return true
    }

    /// Skips one value, checking it as strictly as if it were read.
    mutating func skipValue(depth: Int = 0) throws(Failure) {
        guard depth < Self.depthMax else { throw failure(.tooDeep(most: Self.depthMax)) }
        switch peek() {
        case UInt8(ascii: "{"):
            position += 1
            var object = ObjectState()
            while try nextKey(&object) != nil { try skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            position += 1
            var isFirst = true
            while try nextElement(isFirst: &isFirst) { try skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default:
            guard !isAtNonFinite else { throw failure(.notFiniteLiteral) }
            _ = try number()
        }
    }

    /// True before `NaN`, `Infinity`, `Inf` or their negatives, by their first letters.
    var isAtNonFinite: Bool {
        var next = position
        if next < end, base[next] == UInt8(ascii: "-") { next += 1 }
        return next < end && (base[next] == UInt8(ascii: "N") || base[next] == UInt8(ascii: "I"))
    }

    private mutating func literal(_ word: StaticString) throws(Failure) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < end, base[position] == word.utf8Start[index] else { throw unexpected }
            position += 1
        }
    }
}
