import CZlib

/// Gzipped bytes to plain bytes, member after member, in pieces.
///
/// **Source** RFC 1952 §2.2: a file is a series of members; `cat a.gz b.gz` is one file.
final class Inflater {
    /// What a file turned out to be once its bytes are used up.
    enum Ending {
        /// The last member is complete.
        case complete
        /// The file ends inside a member.
        case truncated
        /// Bytes that are not gzip's.
        case corrupt
    }

    private var stream = z_stream()
    private var isInMember = false
    private var isCorrupt = false

    /// Nil when there is no memory.
    init?() {
        // 15 + 16: the largest window, gzip headers only.
        guard
            inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
    }

    deinit {
        inflateEnd(&stream)
    }

    /// How the file stands after the bytes given so far.
    var ending: Ending {
        isCorrupt ? .corrupt : isInMember ? .truncated : .complete
    }

    /// Gives every piece of plain bytes to `take`; false when nothing further can be read.
    func inflate(_ input: [UInt8], _ take: (ArraySlice<UInt8>) -> Void) -> Bool {
        var input = input
        var output = [UInt8](repeating: 0, count: Gzip.pieceBytes)
        return input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            defer { stream.next_in = nil }
            repeat {
                let (status, produced) = step(into: &output)
                if produced > 0 { take(output[..<produced]) }
                guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
                    isCorrupt = true
                    return false
                }
            } while stream.avail_in > 0 || stream.avail_out == 0
            return true
        }
    }

    private func step(into output: inout [UInt8]) -> (status: Int32, produced: Int) {
        output.withUnsafeMutableBufferPointer { output in
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            if stream.avail_in > 0 { isInMember = true }
            let status = CZlib.inflate(&stream, Z_NO_FLUSH)
            if status == Z_STREAM_END {
                isInMember = false
                inflateReset(&stream)
            }
            return (status, output.count - Int(stream.avail_out))
        }
    }
}
