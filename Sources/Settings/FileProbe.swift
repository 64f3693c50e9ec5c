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

    /// Why no file can ever be at an absolute path, whoever asks; nil where one is, or could be.
    package let obstacle: @Sendable (String) -> String?

    /// A probe that answers with `look` and `obstacle`.
    package init(
        look: @escaping @Sendable (String) -> Finding,
        obstacle: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.look = look
        self.obstacle = obstacle
    }

    /// The machine's own file system.
    package static let local = FileProbe(look: { look($0) }, obstacle: { obstacle(at: $0) })

    private static func look(_ path: String) -> Finding {
        var status = stat()
        guard stat(path, &status) == 0 else { return errno == EACCES ? .unreadable : .missing }
        guard access(path, R_OK) == 0 else { return .unreadable }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(bytes: Int(status.st_size), mode: UInt16(status.st_mode & 0o777))
        case S_IFDIR: return .directory
        default: return .missing
        }
    }

    /// Looks at the path and then at what encloses it, until something is there; nothing is made to find out.
    private static func obstacle(at path: String) -> String? {
        var place = path
        while true {
            var status = stat()
            if stat(place, &status) == 0 {
                guard place != path else { return nil }
                guard status.st_mode & S_IFMT == S_IFDIR else { return "\(place) is no directory" }
                return isOfKernel(status) ? "no file can be made in \(place), which is the kernel's" : nil
            }
            switch errno {
            case ENOENT, ENOTDIR: break
            case ELOOP: return "the symbolic links at \(place) lead in a circle"
            case ENAMETOOLONG: return "one of its names is too long"
            // What this user may not see may well be there for the daemon's.
            default: return nil
            }
            let cut = place.lastIndex(of: "/") ?? place.startIndex
            place = cut == place.startIndex ? "/" : String(place[..<cut])
        }
    }

    /// Whether it lies in /proc or /sys, where root too is told that it may write.
    private static func isOfKernel(_ status: stat) -> Bool {
        ["/proc/self", "/sys/kernel"].contains { name in
            var own = stat()
            return stat(name, &own) == 0 && own.st_dev == status.st_dev
        }
    }
}
