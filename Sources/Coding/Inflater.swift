import CZlib

/// Coded bytes to plain ones, fed in pieces of any size with the same result.
///
/// Memory is bounded whatever comes: zlib's window and tables (about 42 KiB) and one piece of output.
///
/// **Source** RFC 1950, 1951, 1952. A gzip body may be a series of members (RFC 1952 §2.2), whose checksums and lengths
/// are verified; what follows the last one must be another. A `deflate` body is taken for bare RFC 1951 when its first two
/// bytes are no RFC 1950 header. The readings cannot both hold for what compressors write: a low nibble of 8 would be a
/// stored block with padding bits that are not zero.
package final class Inflater {
    /// **Units** bytes of one piece of output.
    private static let pieceBytes = 32 << 10

    private let coding: ContentCoding
    private let limits: DecodingLimits
    private let bytesMax: Int
    private let tooLong: CodingError
    /// At one place for life: zlib keeps a pointer to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let piece: UnsafeMutableRawBufferPointer
    private var isReady = false
    /// The bytes that tell RFC 1950 from RFC 1951.
    private var prefix: [UInt8] = []
    private var members = 0
    private var blocks = 0
    private var isInMember = false
    private var failure: CodingError?
    /// **Units** plain bytes so far.
    package private(set) var produced = 0

    /// An inflater at the beginning of a body. `coded` is how long the body is where it is known, for the ratio.
    package init(_ coding: ContentCoding, limits: DecodingLimits, coded: Int = .max) {
        self.coding = coding
        self.limits = limits
        (bytesMax, tooLong) = limits.bound(coded: coded)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        piece = .allocate(byteCount: Self.pieceBytes, alignment: 16)
    }

    deinit {
        if isReady { inflateEnd(stream) }
        stream.deinitialize(count: 1)
        stream.deallocate()
        piece.deallocate()
    }

    /// Gives the plain bytes of `input` to `take`, piece by piece; each is valid during the call.
    ///
    /// **Throws** the same error again once it has thrown.
    package func inflate(
        _ input: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(CodingError) -> Void
    ) throws(CodingError) {
        if let failure { throw failure }
        do throws(CodingError) {
            var rest = input
            if !isReady { rest = try begin(rest, take) }
            if isReady { try run(rest, take) }
        } catch {
            failure = error
            throw error
        }
    }

    /// Says that nothing more comes. **Throws** `truncated` when the coding is not at its end.
    package func finish() throws(CodingError) {
        if let failure { throw failure }
        guard members > 0, !isInMember else { throw .truncated }
    }

    /// Finds out the format; returns what is left of the input once it is known.
    private func begin(
        _ input: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(CodingError) -> Void
    ) throws(CodingError) -> UnsafeRawBufferPointer {
        guard coding == .deflate else {
            // 15 + 16: the largest window, gzip headers only.
            try start(windowBits: 15 + 16)
            return input
        }
        let taken = min(input.count, 2 - prefix.count)
        prefix.append(contentsOf: input.prefix(taken))
        let rest = UnsafeRawBufferPointer(rebasing: input.dropFirst(taken))
        guard prefix.count == 2 else { return rest }
        let isWrapped =
            prefix[0] & 0x0F == 8 && prefix[0] >> 4 <= 7 && (Int(prefix[0]) << 8 | Int(prefix[1])) % 31 == 0
        try start(windowBits: isWrapped ? 15 : -15)
        let first = prefix
        try first.span.withUnsafeBytes { bytes throws(CodingError) in try run(bytes, take) }
        return rest
    }

    private func start(windowBits: Int32) throws(CodingError) {
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(stream, windowBits, ZLIB_VERSION, size) == Z_OK else { throw .outOfMemory }
        isReady = true
    }

    private func run(
        _ input: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(CodingError) -> Void
    ) throws(CodingError) {
        var rest = input
        // zlib counts in 32 bits.
        while rest.count > Int(Int32.max) {
            try runPiece(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(Int32.max))), take)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(Int32.max)))
        }
        try runPiece(rest, take)
    }

    private func runPiece(
        _ input: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws(CodingError) -> Void
    ) throws(CodingError) {
        // zlib only reads from it, whatever its type says.
        stream.pointee.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(
            to: UInt8.self)
        stream.pointee.avail_in = UInt32(input.count)
        defer { stream.pointee.next_in = nil }
        while try step(take) {}
    }

    /// One call of zlib's, to the end of a block at most. Returns whether another could get further.
    private func step(
        _ take: (UnsafeRawBufferPointer) throws(CodingError) -> Void
    ) throws(CodingError) -> Bool {
        if !isInMember {
            guard stream.pointee.avail_in > 0 else { return false }
            try beginMember()
        }
        stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(piece.count)
        let status = CZlib.inflate(stream, Z_BLOCK)
        let count = piece.count - Int(stream.pointee.avail_out)
        if count > 0 {
            guard count <= bytesMax - produced else { throw tooLong }
            produced += count
            try take(UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        switch status {
        case Z_STREAM_END:
            isInMember = false
            return true
        case Z_OK, Z_BUF_ERROR: return try blockEnded() || stream.pointee.avail_out == 0
        case Z_NEED_DICT: throw .needsDictionary
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "no such data")
        }
    }

    private func beginMember() throws(CodingError) {
        if members > 0 {
            guard coding == .gzip else { throw .trailingData }
            guard members < limits.membersMax else { throw .tooManyMembers(limits.membersMax) }
            inflateReset(stream)
        }
        members += 1
        isInMember = true
    }

    /// Whether zlib stands behind a block or a header (bit 7 of `data_type`), which is then counted. What it has read ahead
    /// may hold the next block already, so that it is to be asked again even without input.
    private func blockEnded() throws(CodingError) -> Bool {
        guard stream.pointee.data_type & 128 != 0 else { return false }
        blocks += 1
        if limits.forbids(blocks: blocks, bytes: produced) { throw .tooManyBlocks }
        return true
    }
}
