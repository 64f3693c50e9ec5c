/// Bounds on how a request body may be framed, and on how slowly it may come.
package struct BodyLimitsSettings: Sendable, Equatable {
    /// **Units** bytes of one chunk-size line, its extensions included.
    package var chunkLineBytes = 512
    /// **Units** bytes of all chunk extensions of a body.
    package var chunkExtensionBytes = 4 << 10
    /// **Units** bytes of a trailer section.
    package var trailerBytes = 8 << 10
    /// Fields of a trailer section.
    package var trailerCount = 32
    /// **Units** bytes a second that a body must bring on average over each window; 0 asks for none.
    package var bytesPerSecond = 128
    /// Over how long the rate is measured.
    package var rateWindow = Duration.seconds(20)

    /// Decoded bytes of a request body for each coded one.
    package var decodedRatio = 200
    /// Answers that are compressed at once.
    package var compressedAnswers = 1_024

    /// The defaults.
    package init() {}

    /// The keys of the `limits` section that say so.
    static var keys: [LimitKey] {
        [
            LimitKey(
                "chunk_line_bytes", \.body.chunkLineBytes, .size(in: 16...64 << 10), .listener,
                "Line of a chunk's size with its extensions; longer is answered 400."),
            LimitKey(
                "chunk_extension_bytes", \.body.chunkExtensionBytes, .size(in: 0...1 << 20), .listener,
                "All chunk extensions of a body together; more is answered 400."),
            LimitKey(
                "trailer_bytes", \.body.trailerBytes, .size(in: 2...1 << 20), .listener,
                "Trailer section of a chunked body; longer is answered 431."),
            LimitKey(
                "trailer_count", \.body.trailerCount, .integer(in: 0...1_000), .listener,
                "Trailer fields of a chunked body; more are answered 431."),
            LimitKey(
                "body_bytes_per_second", \.body.bytesPerSecond, .size(in: 0...1 << 30), .route,
                "Least rate of a request body over each window while the gateway is ready to read; slower is answered 408, 0 asks for none."
            ),
            LimitKey(
                "body_rate_window", \.body.rateWindow,
                .duration(in: .milliseconds(100) ... .seconds(3600)), .route,
                "Over how long the rate of a request body is measured."),
            LimitKey(
                "decoded_ratio", \.body.decodedRatio, .integer(in: 1...1_032), .gateway,
                "Times as long a body on a protected route may become by decoding its Content-Encoding, beyond its first 64KiB; more is answered 413."
            ),
            LimitKey(
                "compressed_answers", \.body.compressedAnswers, .integer(in: 1...1_000_000), .gateway,
                "Answers compressed at once, at about 300KiB each; further ones pass uncompressed."),
        ]
    }
}
