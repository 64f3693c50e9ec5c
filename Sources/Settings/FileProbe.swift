import Foundation

/// What the settings ask of the file system; a seam, so that tests need no files.
package struct FileProbe: Sendable {
    /// What stands at a path.
    package enum Finding: Sendable, Equatable {
        /// A regular file of so many bytes with these permission bits.
        case file(bytes: Int, mode: UInt16)
        /// A directory.
        case directory
        /// Nothing, or something neither file nor directory.
        case missing
        /// Something this process may not read.
        case unreadable
    }

    /// Looks at an absolute path.
    package let look: @Sendable (String) -> Finding

    /// A probe that answers with `look`.
    package init(look: @escaping @Sendable (String) -> Finding) {
        self.look = look
    }

    /// The machine's own file system.
    package static let local = FileProbe { path in
        var status = stat()
        guard stat(path, &status) == 0 else { return errno == EACCES ? .unreadable : .missing }
        guard access(path, R_OK) == 0 else { return .unreadable }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int(status.st_size), mode: UInt16(status.st_mode & 0o777))
        case S_IFDIR: return .directory
        default: return .missing
        }
    }
}
