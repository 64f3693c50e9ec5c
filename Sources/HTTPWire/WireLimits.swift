/// The bounds a parser enforces while bytes arrive, before anything is stored beyond them.
///
/// Every limit counts bytes or items of one message. A value of zero forbids the thing outright.
package struct WireLimits: Sendable, Equatable {
    /// Longest request or status line, its CRLF included. Longer: 414.
    package var startLineBytesMax: Int
    /// Longest head (start line and header section together, CRLFs included). Longer: 431.
    package var headBytesMax: Int
    /// Longest line of one header field, its CRLF left out. Longer: 431.
    package var fieldBytesMax: Int
    /// Most header fields in a head. More: 431.
    package var headerCountMax: Int
    /// Longest chunk-size line: digits, extensions and CRLF. Longer: 400.
    package var chunkLineBytesMax: Int
    /// Most bytes of chunk extensions in a whole message. More: 400.
    package var chunkExtensionBytesMax: Int
    /// Longest trailer section, CRLFs included. Longer: 431.
    package var trailerBytesMax: Int
    /// Most trailer fields. More: 431.
    package var trailerCountMax: Int
    /// Most body bytes, chunk framing not counted. More: 413. A route may lower or raise it once the head is known.
    package var bodyBytesMax: UInt64
    /// Empty lines skipped before a request line (RFC 9112 §2.2). More: 400.
    package var emptyLinesMax: Int

    /// The defaults are those of common servers: 8 KiB lines, 32 KiB heads, 16 KiB fields, 100 of them, 8 MiB bodies.
    package init(
        startLineBytesMax: Int = 8 << 10,
        headBytesMax: Int = 32 << 10,
        fieldBytesMax: Int = 16 << 10,
        headerCountMax: Int = 100,
        chunkLineBytesMax: Int = 512,
        chunkExtensionBytesMax: Int = 4 << 10,
        trailerBytesMax: Int = 8 << 10,
        trailerCountMax: Int = 32,
        bodyBytesMax: UInt64 = 8 << 20,
        emptyLinesMax: Int = 2
    ) {
        self.startLineBytesMax = startLineBytesMax
        self.headBytesMax = headBytesMax
        self.fieldBytesMax = fieldBytesMax
        self.headerCountMax = headerCountMax
        self.chunkLineBytesMax = chunkLineBytesMax
        self.chunkExtensionBytesMax = chunkExtensionBytesMax
        self.trailerBytesMax = trailerBytesMax
        self.trailerCountMax = trailerCountMax
        self.bodyBytesMax = bodyBytesMax
        self.emptyLinesMax = emptyLinesMax
    }
}
