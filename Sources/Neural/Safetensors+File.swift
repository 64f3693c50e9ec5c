import Foundation

extension Safetensors {
    /// The largest file read. The paper's model takes 22 MB.
    package static let fileBytesMax = 4 << 30

    /// Reads a file whole, strictly.
    package init(contentsOf path: String) throws(SafetensorsError) {
        try self.init(bytes: Self.read(path))
    }

    private static func read(_ path: String) throws(SafetensorsError) -> [UInt8] {
        // A pipe that nobody writes to would keep it from ever being looked at otherwise.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "it is not a file")
        }
        guard Int(status.st_size) <= fileBytesMax else {
            throw .unreadable(path: path, reason: "it is larger than \(fileBytesMax) bytes")
        }
        return try read(descriptor, Int(status.st_size), path)
    }

    private static func read(
        _ descriptor: Int32, _ count: Int, _ path: String
    ) throws(SafetensorsError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                Foundation.read(descriptor, $0.baseAddress! + done, count - done)
            }
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
            if got == 0 { throw .truncated(expectedBytes: count, foundBytes: done) }
            done += got
        }
        return bytes
    }

    /// Writes the file so that a reader finds the old one or the new one, whole: a temporary file beside it,
    /// flushed to disk, then renamed.
    package func write(to path: String) throws(SafetensorsError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).part"
        do {
            try Self.write(bytes, to: temporary)
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw .unwritable(path: path, reason: reason)
        }
        Self.flushDirectory(of: path)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(SafetensorsError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: String(cString: strerror(errno))) }
        var done = 0
        var failure: Int32 = 0
        while done < bytes.count, failure == 0 {
            let put = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress! + done, bytes.count - done)
            }
            if put >= 0 { done += put } else if errno != EINTR { failure = errno }
        }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        guard failure == 0 else { throw .unwritable(path: path, reason: String(cString: strerror(failure))) }
    }

    /// Makes the rename itself last. A file system that cannot is no reason to fail: the file is whole either way.
    private static func flushDirectory(of path: String) {
        // Not by NSString, whose own way crashes on names of one character.
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
