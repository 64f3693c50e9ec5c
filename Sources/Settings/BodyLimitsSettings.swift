/// Bounds on how a request body may be framed, and on how slowly it may come.
package struct BodyLimitsSettings: Sendable, Equatable {
    /// **Units** bytes of one chunk-size line, its extensions included.
    package var chunkLineBytes: Int
    /// **Units** bytes of all chunk extensions of a body.
    package var chunkExtensionBytes: Int
    /// **Units** bytes of a trailer section.
    package var trailerBytes: Int
    /// Fields of a trailer section.
    package var trailerCount: Int
    /// **Units** bytes a second that a body must bring on average over each window; 0 asks for none.
    package var bytesPerSecond: Int
    /// Over how long the rate is measured.
    package var rateWindow: Duration

    /// Decoded bytes of a request body for each coded one.
    package var decodedRatio: Int
    /// Answers that are compressed at once.
    package var compressedAnswers: Int

    init(reading section: Section) {
        chunkLineBytes = section.value(
            "chunk_line_bytes", .size(in: 16...64 << 10), default: 512,
            "Line of a chunk's size with its extensions; longer is answered 400.")
        chunkExtensionBytes = section.value(
            "chunk_extension_bytes", .size(in: 0...1 << 20), default: 4 << 10,
            "All chunk extensions of a body together; more is answered 400.")
        trailerBytes = section.value(
            "trailer_bytes", .size(in: 2...1 << 20), default: 8 << 10,
            "Trailer section of a chunked body; longer is answered 431.")
        trailerCount = section.value(
            "trailer_count", .integer(in: 0...1_000), default: 32,
            "Trailer fields of a chunked body; more are answered 431.")
        bytesPerSecond = section.value(
            "body_bytes_per_second", .size(in: 0...1 << 30), default: 128,
            "Least rate of a request body over each window while the gateway is ready to read; slower is answered 408, 0 asks for none."
        )
        rateWindow = section.value(
            "body_rate_window", .duration(in: .milliseconds(100) ... .seconds(3600)), default: .seconds(20),
            "Over how long the rate of a request body is measured.")
        decodedRatio = section.value(
            "decoded_ratio", .integer(in: 1...1_032), default: 200,
            "Times as long a body on a protected route may become by decoding its Content-Encoding, beyond its first 64KiB; more is answered 413."
        )
        compressedAnswers = section.value(
            "compressed_answers", .integer(in: 1...1_000_000), default: 1_024,
            "Answers compressed at once, at about 300KiB each; further ones pass uncompressed.")
    }
}
