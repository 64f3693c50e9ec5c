import Foundation

/// Whole files, read with a bound and written to the disk itself, with the system's own words for what went
/// wrong.
package enum FileBytes {
    /// The bytes of a regular file of at most `bytesMax` bytes.
    package static func read(_ path: String, bytesMax: Int) throws(FileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: systemReason(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, reason: systemReason(errno))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "it is not a regular file")
        }
        guard status.st_size <= bytesMax else {
            throw .tooLarge(path: path, bytes: Int(status.st_size), bytesMax: bytesMax)
        }
        return try fill(Int(status.st_size), from: descriptor, path)
    }

    /// Writes a file, replacing what is there, and returns once the disk has it.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: systemReason(errno)) }
        var failure = pour(bytes, into: descriptor)
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        guard failure == 0 else { throw .unwritable(path: path, reason: systemReason(failure)) }
    }

    /// Refuses a path that `replace` could not write to, before the work that the file is the result of; what is there stays.
    package static func checkPlace(_ path: String) throws(FileError) {
        guard !path.isEmpty else { throw .unwritable(path: path, reason: "it has no name") }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw .unwritable(path: path, reason: "it is a folder; give a file")
        }
        let trial = "\(path).new-\(getpid())"
        do throws(FileError) {
            try write([], to: trial)
        } catch {
            guard case .unwritable(_, let reason) = error else { throw error }
            throw .unwritable(path: path, reason: reason)
        }
        unlink(trial)
    }

    /// Writes a file so that a reader finds either the old one or the new one, whole.
    package static func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let fresh = "\(path).new-\(getpid())"
        do {
            try write(bytes, to: fresh)
        } catch {
            unlink(fresh)
            throw error
        }
        guard rename(fresh, path) == 0 else {
            let failure = errno
            unlink(fresh)
            throw .unwritable(path: path, reason: systemReason(failure))
        }
        syncDirectory(holding: path)
    }

    /// Adds bytes to the end of a file, creating it, and returns once the disk has them.
    package static func append(_ bytes: [UInt8], to path: String) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritable(path: path, reason: systemReason(errno)) }
        var failure = pour(bytes, into: descriptor)
        if failure == 0, fdatasync(descriptor) != 0 { failure = errno }
        close(descriptor)
        guard failure == 0 else { throw .unwritable(path: path, reason: systemReason(failure)) }
    }

    /// Makes a rename in the folder that holds `path` survive a power cut; a file system that cannot is left
    /// be.
    package static func syncDirectory(holding path: String) {
        // Not by NSString, whose own way crashes on names of one character.
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// The system's sentence for an error number.
    package static func systemReason(_ number: Int32) -> String { String(cString: strerror(number)) }

    private static func fill(
        _ count: Int, from descriptor: Int32, _ path: String
    ) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { room in
                Glibc.read(descriptor, room.baseAddress! + filled, count - filled)
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw .unreadable(path: path, reason: systemReason(errno))
            }
            if got == 0 { throw .unreadable(path: path, reason: "it shrank while it was read") }
            filled += got
        }
        return bytes
    }

    private static func pour(_ bytes: [UInt8], into descriptor: Int32) -> Int32 {
        var written = 0
        while written < bytes.count {
            let done = bytes.withUnsafeBytes { room in
                Glibc.write(descriptor, room.baseAddress! + written, bytes.count - written)
            }
            if done < 0 {
                if errno == EINTR { continue }
                return errno
            }
            written += done
        }
        return 0
    }
}

/// Why a file could not be read or written.
package enum FileError: Error, Hashable, Sendable {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case tooLarge(path: String, bytes: Int, bytesMax: Int)
}

extension FileError: CustomStringConvertible {
    /// A sentence with the path and the system's reason.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .unwritable(let path, let reason): "cannot write \(path): \(reason)"
        case .tooLarge(let path, let bytes, let bytesMax):
            "\(path) has \(bytes) bytes; at most \(bytesMax) are read"
        }
    }
}
