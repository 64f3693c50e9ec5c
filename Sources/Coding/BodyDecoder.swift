/// Undoes the codings of a body that is whole.
package enum BodyDecoder {
    /// The plain bytes of `body`, whose codings are in the order in which they were applied (RFC 9110 §8.4).
    ///
    /// Each stage is held to the same bounds, so that what lies between two codings cannot be the bomb.
    ///
    /// **Throws** what is wrong with the body, as soon as a bound is passed.
    package static func decode(
        _ body: [UInt8], _ codings: [ContentCoding], limits: DecodingLimits
    ) throws(CodingError) -> [UInt8] {
        guard codings.count <= limits.codingsMax else { throw .tooManyCodings(limits.codingsMax) }
        var plain = body
        for coding in codings.reversed() {
            plain = try decode(plain, coding, limits: limits, coded: body.count)
        }
        return plain
    }

    private static func decode(
        _ body: [UInt8], _ coding: ContentCoding, limits: DecodingLimits, coded: Int
    ) throws(CodingError) -> [UInt8] {
        let inflater = Inflater(coding, limits: limits, coded: coded)
        var plain: [UInt8] = []
        // Text shrinks to a third or a quarter; no more than this is set aside on the body's word.
        plain.reserveCapacity(min(4 * body.count, limits.bytesMax, 1 << 20))
        try body.span.withUnsafeBytes { bytes throws(CodingError) in
            try inflater.inflate(bytes) { piece in plain.append(contentsOf: piece) }
        }
        try inflater.finish()
        return plain
    }
}
