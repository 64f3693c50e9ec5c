import CPosix
import Foundation
import Transport

/// A file with the daemon's process id, for managers that look for one.
package struct PIDFile: Sendable {
    private let path: String
    private let processID: Int32

    /// The file at `path` for a process; nothing is written yet.
    package init(path: String, processID: Int32) {
        self.path = path
        self.processID = processID
    }

    /// Writes it, in place of what is there: nobody ever reads half a number. **Throws** when the system refuses.
    package func write() throws(ServiceError) {
        let fresh = "\(path).\(processID)"
        guard FileManager.default.createFile(atPath: fresh, contents: Data("\(processID)\n".utf8)) else {
            throw .system(operation: "write \(fresh)", code: errno)
        }
        guard rename(fresh, path) == 0 else {
            let code = errno
            unlink(fresh)
            throw .system(operation: "write \(path)", code: code)
        }
    }

    /// Removes it, unless another process's id stands there by now: a successor's.
    package func remove() {
        guard let bytes = FileManager.default.contents(atPath: path),
            String(decoding: bytes, as: UTF8.self) == "\(processID)\n"
        else { return }
        unlink(path)
    }
}
