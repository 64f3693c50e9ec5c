import CZlib
import Foundation
import SAME

/// A file read front to back, inflated on the way when it is gzipped and as it is when not.
struct InflatedFile: ~Copyable {
    private let handle: gzFile
    private let path: String

    init(_ path: String) throws(DataError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw .file(.unreadable(path: path, reason: FileBytes.systemReason(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .file(.unreadable(path: path, reason: "it is not a regular file"))
        }
        guard let handle = gzopen(path, "rb") else {
            throw .file(.unreadable(path: path, reason: FileBytes.systemReason(errno)))
        }
        gzbuffer(handle, 1 << 17)
        self.handle = handle
        self.path = path
    }

    deinit { gzclose_r(handle) }

    /// Exactly `count` bytes.
    ///
    /// **Throws** when the file ends before, or its compressed data is damaged.
    func read(_ count: Int) throws(DataError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let part = min(count - filled, 1 << 24)
            let got = bytes.withUnsafeMutableBytes { gzread(handle, $0.baseAddress! + filled, UInt32(part)) }
            if got < 0 { throw .truncated(path: path, reason: message) }
            if got == 0 { throw .truncated(path: path, reason: shortfall(count - filled)) }
            filled += Int(got)
        }
        return bytes
    }

    /// Checks that nothing follows, the gzip trailer with its checksum included.
    func expectEnd() throws(DataError) {
        var byte: UInt8 = 0
        let got = gzread(handle, &byte, 1)
        if got < 0 { throw .truncated(path: path, reason: message) }
        if got > 0 { throw .trailingData(path: path) }
        var code: Int32 = 0
        _ = gzerror(handle, &code)
        if code != Z_OK && code != Z_STREAM_END { throw .truncated(path: path, reason: message) }
    }

    /// Everything to the end, of at most `bytesMax` bytes.
    func readAll(bytesMax: Int) throws(DataError) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let got = part.withUnsafeMutableBytes { gzread(handle, $0.baseAddress, UInt32($0.count)) }
            if got < 0 { throw .truncated(path: path, reason: message) }
            if got == 0 { break }
            bytes += part.prefix(Int(got))
            guard bytes.count <= bytesMax else {
                throw .tooLarge(path: path, bytes: bytes.count, bytesMax: bytesMax)
            }
        }
        try expectEnd()
        return bytes
    }

    private func shortfall(_ missing: Int) -> String {
        var code: Int32 = 0
        _ = gzerror(handle, &code)
        return code == Z_OK ? "\(missing) bytes of what its header announces are missing" : message
    }

    private var message: String {
        var code: Int32 = 0
        guard let text = gzerror(handle, &code) else { return "damaged" }
        return code == Z_ERRNO ? FileBytes.systemReason(errno) : String(cString: text)
    }
}
