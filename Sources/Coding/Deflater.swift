import CZlib

/// Plain bytes to coded ones, in pieces, with a choice at each piece of how soon it is to come out.
///
/// Memory is bounded by the window: up to 256 KiB for zlib and one piece of output.
///
/// `@unchecked Sendable` because: it is handed from one stream to the next, and used by one of them at a time.
package final class Deflater: @unchecked Sendable {
    /// How much of what was put in has to come out.
    package enum Flush: Sendable {
        /// As much as zlib likes: the best ratio.
        case none
        /// Everything, so that a receiver can decode it now (RFC 1951 §3.2.4: an empty stored block ends at a byte).
        case sync
        /// Everything, and the end of the coding.
        case finish

        fileprivate var code: Int32 {
            switch self {
            case .none: Z_NO_FLUSH
            case .sync: Z_SYNC_FLUSH
            case .finish: Z_FINISH
            }
        }
    }

    /// The levels there are: 1 is the fastest, 9 the smallest.
    package static let levels = 1...9
    /// **Units** bytes of one piece of output.
    private static let pieceBytes = 16 << 10

    /// What it writes.
    package let coding: ContentCoding
    /// How hard it tries.
    package let level: Int
    /// The binary logarithm of its window.
    let windowBits: Int32
    /// At one place for life: zlib keeps a pointer to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let piece: UnsafeMutableRawBufferPointer

    /// A deflater at the beginning of a body; `count` is how long the body is where it is known, since a short one needs no
    /// large window. **Throws** `outOfMemory`.
    package init(_ coding: ContentCoding, level: Int, count: Int? = nil) throws(CodingError) {
        precondition(Self.levels.contains(level), "levels are 1 to 9")
        self.coding = coding
        self.level = level
        windowBits = Self.windowBits(for: count)
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Int32(level), Z_DEFLATED, coding == .gzip ? windowBits + 16 : windowBits,
            max(1, windowBits - 7), Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
        self.stream = stream
        piece = .allocate(byteCount: Self.pieceBytes, alignment: 16)
    }

    deinit {
        deflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
        piece.deallocate()
    }

    /// The smallest window that holds `count` bytes with zlib's look-ahead of 262; 9 is the least that works for every
    /// format. The memory beside the window follows it.
    static func windowBits(for count: Int?) -> Int32 {
        guard let count, count < 1 << 15 else { return 15 }
        return min(15, max(9, Int32(Int.bitWidth - (count + 261).leadingZeroBitCount)))
    }

    /// Puts bytes in and gives what comes out to `take`, piece by piece; each is valid during the call.
    ///
    /// After `finish` only `reset` may follow.
    package func deflate(
        _ input: UnsafeRawBufferPointer, _ flush: Flush, _ take: (UnsafeRawBufferPointer) -> Void
    ) {
        var rest = input
        // zlib counts in 32 bits.
        while rest.count > Int(Int32.max) {
            run(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(Int32.max))), Z_NO_FLUSH, take)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(Int32.max)))
        }
        run(rest, flush.code, take)
    }

    /// Begins another body.
    package func reset() { deflateReset(stream) }

    private func run(
        _ input: UnsafeRawBufferPointer, _ flush: Int32, _ take: (UnsafeRawBufferPointer) -> Void
    ) {
        // zlib only reads from it, whatever its type says.
        stream.pointee.next_in = UnsafeMutableRawPointer(mutating: input.baseAddress)?.assumingMemoryBound(
            to: UInt8.self)
        stream.pointee.avail_in = UInt32(input.count)
        repeat {
            stream.pointee.next_out = piece.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(piece.count)
            // Z_BUF_ERROR only says that there was nothing to do.
            let status = CZlib.deflate(stream, flush)
            precondition(status != Z_STREAM_ERROR, "nothing may follow the end of a body")
            let count = piece.count - Int(stream.pointee.avail_out)
            if count > 0 { take(UnsafeRawBufferPointer(rebasing: piece[..<count])) }
        } while stream.pointee.avail_out == 0
        stream.pointee.next_in = nil
    }

    /// A whole body, coded. **Throws** `outOfMemory`.
    package static func encode(
        _ body: [UInt8], _ coding: ContentCoding, level: Int
    ) throws(CodingError) -> [UInt8] {
        let deflater = try Deflater(coding, level: level, count: body.count)
        var coded: [UInt8] = []
        coded.reserveCapacity(body.count / 2 + 64)
        body.withUnsafeBytes { bytes in
            deflater.deflate(bytes, .finish) { coded.append(contentsOf: $0) }
        }
        return coded
    }
}
