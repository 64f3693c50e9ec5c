/// What decoding may cost, whatever the bytes say of themselves.
package struct DecodingLimits: Sendable, Equatable {
    /// **Units** plain bytes.
    package var bytesMax: Int
    /// Plain bytes for each coded one. Deflate itself reaches 1032.
    package var ratioMax: Int
    /// Up to here the ratio is nobody's concern: a small body of one repeated value is an honest one.
    /// **Units** plain bytes.
    package var ratioFloorBytes = 64 << 10
    /// Gzip members of one body.
    package var membersMax = 16
    /// Codings on top of each other.
    package var codingsMax = 2
    /// Blocks that any body may have.
    package var blocksFloor = 1024
    /// Plain bytes that each further block must be worth. A block with tables of its own costs about a microsecond and
    /// can be written in a dozen bytes, so that without this bound the coded bytes alone would buy processor time.
    package var bytesPerBlock = 256

    /// Bounds on plain bytes and their ratio to coded ones; the others have their defaults.
    package init(bytesMax: Int, ratioMax: Int) {
        self.bytesMax = bytesMax
        self.ratioMax = ratioMax
    }

    /// For files of the operator's own, read in pieces: only memory is bounded.
    package static let ownFiles: DecodingLimits = {
        var limits = DecodingLimits(bytesMax: .max, ratioMax: .max)
        limits.membersMax = .max
        limits.blocksFloor = .max
        return limits
    }()

    /// The error of going beyond `bytesMax(coded:)`, and the bound itself: the lower of the two.
    package func bound(coded: Int) -> (bytesMax: Int, error: CodingError) {
        let (product, overflow) = coded.multipliedReportingOverflow(by: ratioMax)
        let byRatio = max(ratioFloorBytes, overflow ? .max : product)
        return byRatio < bytesMax
            ? (byRatio, .ratioTooHigh(ratioMax: ratioMax)) : (bytesMax, .tooLarge(bytesMax: bytesMax))
    }

    /// Whether so many blocks are more than so many plain bytes are worth.
    func forbids(blocks: Int, bytes: Int) -> Bool {
        blocks > blocksFloor && (blocks - blocksFloor) > bytes / max(1, bytesPerBlock)
    }
}
