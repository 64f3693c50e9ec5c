/// What each byte may be part of, as one table that is laid out at compile time.
///
/// A table costs one load a byte whatever the class; sets of two 64-bit words cost about twice the instructions.
enum ByteClass {
    /// `tchar` (RFC 9110 §5.6.2).
    static let token: UInt8 = 1
    /// A path: RFC 3986 §3.3, and `^`, `` ` ``, `{`, `|`, `}`, which browsers send raw. Never controls, space,
    /// `"`, `#`, `<`, `>`, `?`, `\`, DEL or a byte over 127.
    static let path: UInt8 = 2
    /// A query: as a path, and `?` and `\` besides.
    static let query: UInt8 = 4
    /// A registered name or IPv4 address: letters, digits, `.`, `-`, `_`, `~`.
    static let host: UInt8 = 8

    // swift-format-ignore
    private static let table: InlineArray<256, UInt8> = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 7, 0, 1, 7, 7, 7, 7, 6, 6, 7, 7, 6, 15, 15, 6,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 0, 6, 0, 4,
        6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 4, 6, 7, 15,
        7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]

    /// Whether `byte` belongs to the class.
    @inline(__always)
    static func contains(_ byte: UInt8, _ kind: UInt8) -> Bool { table[Int(byte)] & kind != 0 }

    /// How many of the `count` bytes from the front belong to the class.
    @inline(__always)
    static func length(_ base: UnsafePointer<UInt8>, _ count: Int, _ kind: UInt8) -> Int {
        var index = 0
        while index < count, contains(base[index], kind) { index &+= 1 }
        return index
    }
}
