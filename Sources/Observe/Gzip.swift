import CZlib
import Foundation

/// Whole files through zlib, in pieces of bounded size.
enum Gzip {
    /// **Units** bytes of one piece.
    static let pieceBytes = 64 << 10

    /// Writes a gzipped copy of a file and waits until the disk has it; what is left of a failed copy is removed.
    static func compress(_ path: String, to other: String) throws(LogFileError) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw LogFileError(code: errno) }
        defer { close(source) }
        let target = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard target >= 0 else { throw LogFileError(code: errno) }
        do throws(LogFileError) {
            defer { close(target) }
            try pump(from: source, to: target)
            guard fsync(target) == 0 else { throw LogFileError(code: errno) }
        } catch {
            unlink(other)
            throw error
        }
    }

    private static func pump(from source: Int32, to target: Int32) throws(LogFileError) {
        var stream = z_stream()
        // 15 + 16: the largest window, with a gzip header instead of zlib's own.
        let status = deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else { throw LogFileError(code: ENOMEM) }
        defer { deflateEnd(&stream) }
        var input = [UInt8](repeating: 0, count: pieceBytes)
        var output = [UInt8](repeating: 0, count: pieceBytes)
        var isLast = false
        while !isLast {
            let got = try readAll(source, into: &input)
            isLast = got == 0
            try deflatePiece(
                &stream, &input, count: got, flush: isLast ? Z_FINISH : Z_NO_FLUSH, &output, to: target)
        }
    }

    private static func deflatePiece(
        _ stream: inout z_stream, _ input: inout [UInt8], count: Int, flush: Int32, _ output: inout [UInt8],
        to target: Int32
    ) throws(LogFileError) {
        var failure: LogFileError?
        input.withUnsafeMutableBufferPointer { input in
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(count)
            repeat {
                let produced = output.withUnsafeMutableBufferPointer { output in
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(output.count)
                    // Z_BUF_ERROR only says that there was nothing to do.
                    _ = deflate(&stream, flush)
                    return output.count - Int(stream.avail_out)
                }
                do throws(LogFileError) {
                    try writeAll(target, output, count: produced)
                } catch {
                    failure = error
                    return
                }
            } while stream.avail_out == 0
            stream.next_in = nil
        }
        if let failure { throw failure }
    }

    private static func readAll(_ descriptor: Int32, into bytes: inout [UInt8]) throws(LogFileError) -> Int {
        while true {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            let code = errno
            if code != EINTR { throw LogFileError(code: code) }
        }
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], count: Int) throws(LogFileError) {
        var done = 0
        while done < count {
            let wrote = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: done), count - done)
            }
            let code = errno
            if wrote >= 0 { done += wrote } else if code != EINTR { throw LogFileError(code: code) }
        }
    }
}
