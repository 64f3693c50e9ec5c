import Foundation

/// What the system refused, as `errno` names it.
package struct LogFileError: Error, Equatable, CustomStringConvertible {
    /// The value of `errno`.
    package let code: Int32
    /// The system's own words.
    package var description: String { String(cString: strerror(code)) }

    /// An error of that number.
    package init(code: Int32) { self.code = code }
}

/// What a file is, whatever its name.
package struct LogFileIdentity: Sendable, Equatable {
    /// The device it is on.
    package var device: UInt64
    /// Its number on the device.
    package var inode: UInt64
    /// **Units** bytes.
    package var size: Int64
    /// Whether it is a file with contents of its own, and no pipe, terminal or other device.
    package var isRegular: Bool
}

/// What a log asks of the file system: a seam, so that tests fill disks and lose directories at will.
package protocol LogFileSystem: Sendable {
    /// The path of the file that symbolic links at a path lead to, there or not; the path itself where it is no link. Nil where
    /// they lead to what a process has open, which has no name to rename.
    func target(of path: String) -> String?
    /// Opens a file to append to, making it (mode 0640) and the directories above it where missing.
    func openToAppend(_ path: String) throws(LogFileError) -> Int32
    /// Writes what the system takes at once; returns how many bytes that were.
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(LogFileError) -> Int
    /// Closes a descriptor.
    func close(_ descriptor: Int32)
    /// What an open file is.
    func identity(of descriptor: Int32) -> LogFileIdentity?
    /// What stands at a path; nil when nothing does.
    func identity(at path: String) -> LogFileIdentity?
    /// Up to `count` bytes of a file from an offset.
    func read(_ path: String, at offset: Int64, count: Int) throws(LogFileError) -> [UInt8]
    /// Gives a file another name, replacing what had it.
    func rename(_ path: String, to other: String) throws(LogFileError)
    /// Removes a file.
    func remove(_ path: String) throws(LogFileError)
    /// The names in a directory.
    func list(_ directory: String) throws(LogFileError) -> [String]
    /// Writes a gzipped copy of a file and waits until the disk has it.
    func gzip(_ path: String, to other: String) throws(LogFileError)
}

/// The machine's own file system.
package struct LocalLogFiles: LogFileSystem {
    /// The machine's own file system.
    package init() {}

    /// As many links as Linux follows (path_resolution(7)).
    private static let linksMax = 40

    /// Follows links by `readlink(2)`; a path whose links end nowhere is left for `open(2)` to refuse.
    package func target(of path: String) -> String? {
        var place = path
        for _ in 0..<Self.linksMax {
            var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(place, &bytes, bytes.count)
            guard count > 0 else { return place }
            if Self.isOfProcess(place) { return nil }
            let link = String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
            place = link.hasPrefix("/") ? link : LogFilePlan(path: place).directory + link
        }
        return path
    }

    /// Whether a link is one of /proc, such as /proc/self/fd/1: what it says is for people and need not be a path.
    private static func isOfProcess(_ link: String) -> Bool {
        var own = stat()
        var system = stat()
        return lstat(link, &own) == 0 && lstat("/proc/self", &system) == 0 && own.st_dev == system.st_dev
    }

    /// Opens by `open(2)`; a missing directory is made and the opening tried once more.
    package func openToAppend(_ path: String) throws(LogFileError) -> Int32 {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
        var descriptor = open(path, flags, 0o640)
        if descriptor < 0, errno == ENOENT {
            let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            descriptor = open(path, flags, 0o640)
        }
        guard descriptor >= 0 else { throw LogFileError(code: errno) }
        return descriptor
    }

    /// Writes by `write(2)`, again where a signal came between.
    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws(LogFileError) -> Int {
        while true {
            let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            let code = errno
            if code != EINTR { throw LogFileError(code: code) }
        }
    }

    /// Closes by `close(2)`.
    package func close(_ descriptor: Int32) {
        Glibc.close(descriptor)
    }

    /// Asks `fstat(2)`.
    package func identity(of descriptor: Int32) -> LogFileIdentity? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? LogFileIdentity(status) : nil
    }

    /// Asks `stat(2)`.
    package func identity(at path: String) -> LogFileIdentity? {
        var status = stat()
        return stat(path, &status) == 0 ? LogFileIdentity(status) : nil
    }

    /// Reads by `pread(2)`.
    package func read(_ path: String, at offset: Int64, count: Int) throws(LogFileError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LogFileError(code: errno) }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, count, off_t(offset)) }
        guard got >= 0 else { throw LogFileError(code: errno) }
        return Array(bytes.prefix(got))
    }

    /// Renames by `rename(2)`.
    package func rename(_ path: String, to other: String) throws(LogFileError) {
        guard Glibc.rename(path, other) == 0 else { throw LogFileError(code: errno) }
    }

    /// Removes by `unlink(2)`.
    package func remove(_ path: String) throws(LogFileError) {
        guard unlink(path) == 0 else { throw LogFileError(code: errno) }
    }

    /// Lists by `readdir(3)`.
    package func list(_ directory: String) throws(LogFileError) -> [String] {
        guard let stream = opendir(directory) else { throw LogFileError(code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Compresses by zlib in pieces.
    package func gzip(_ path: String, to other: String) throws(LogFileError) {
        try Gzip.compress(path, to: other)
    }
}

extension LogFileIdentity {
    fileprivate init(_ status: stat) {
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            isRegular: status.st_mode & S_IFMT == S_IFREG)
    }
}
