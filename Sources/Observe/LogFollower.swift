import Foundation

/// Reads what is appended to a log, across rotations, as `tail -F` does.
///
/// A poll reads what is there and never waits; who calls it decides how often. A file that was rotated is read to its end
/// before its successor is opened. Files that come and go between two polls are not seen.
package final class LogFollower {
    private let path: String
    private var descriptor: Int32 = -1
    private var identity: LogFileIdentity?
    private var offset: Int64 = 0
    private var splitter = LineSplitter()
    private var buffer = [UInt8](repeating: 0, count: Gzip.pieceBytes)

    /// Follows the file at a path, from its end or from its beginning; it need not be there yet.
    package init(_ path: String, fromEnd: Bool) {
        self.path = path
        open()
        if fromEnd, let identity { offset = identity.size }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Gives every line appended since the last poll to `take`, without its newline.
    package func poll(_ take: (ArraySlice<UInt8>) -> Void) {
        if descriptor < 0 { open() }
        while descriptor >= 0 {
            readToEnd(take)
            let named = LocalLogFiles().identity(at: path)
            guard let named, named.inode != identity?.inode || named.device != identity?.device else {
                return
            }
            // What was written to it before it was given up may have come since.
            readToEnd(take)
            splitter.end(take)
            close(descriptor)
            open()
        }
    }

    private func open() {
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        identity = descriptor >= 0 ? LocalLogFiles().identity(of: descriptor) : nil
        offset = 0
    }

    private func readToEnd(_ take: (ArraySlice<UInt8>) -> Void) {
        // A file shorter than what was read was emptied in place.
        if let size = LocalLogFiles().identity(of: descriptor)?.size, size < offset { offset = 0 }
        while true {
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, $0.count, off_t(offset))
            }
            guard count > 0 else { return }
            offset += Int64(count)
            splitter.split(buffer[..<count], take)
        }
    }
}
