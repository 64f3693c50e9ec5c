import Coding
import Foundation

/// Whole files through gzip, in pieces of bounded size.
enum Gzip {
    /// **Units** bytes of one piece.
    static let pieceBytes = 64 << 10
    /// The fastest: lines of a log are too alike for more work to pay. Level 6 takes twice the time for a few per cent
    /// less space.
    private static let level = 1

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
        guard let deflater = try? Deflater(.gzip, level: level) else { throw LogFileError(code: ENOMEM) }
        var input = [UInt8](repeating: 0, count: pieceBytes)
        var isLast = false
        while !isLast {
            let count = try readAll(source, into: &input)
            isLast = count == 0
            var failure: LogFileError?
            input.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                deflater.deflate(piece, isLast ? .finish : .none) { coded in
                    guard failure == nil else { return }
                    do throws(LogFileError) { try writeAll(target, coded) } catch { failure = error }
                }
            }
            if let failure { throw failure }
        }
    }

    private static func readAll(_ descriptor: Int32, into bytes: inout [UInt8]) throws(LogFileError) -> Int {
        while true {
            let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            let code = errno
            if code != EINTR { throw LogFileError(code: code) }
        }
    }

    private static func writeAll(
        _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer
    ) throws(LogFileError) {
        var done = 0
        while done < bytes.count {
            let wrote = write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
            let code = errno
            if wrote >= 0 { done += wrote } else if code != EINTR { throw LogFileError(code: code) }
        }
    }
}
