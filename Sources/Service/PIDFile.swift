import CPosix
import Foundation
import Glibc
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

    /// Writes it, in place of what is there: nobody ever reads half a number. A successor that may make no files there, as the
    /// user that its predecessor has become, writes into the file that this has left to it. **Throws** when the system refuses.
    package func write() throws(ServiceError) {
        let fresh = "\(path).\(processID)"
        guard FileManager.default.createFile(atPath: fresh, contents: Data("\(processID)\n".utf8)) else {
            let code = errno
            guard writeInPlace() else { throw .system(operation: "write \(fresh)", code: code) }
            return
        }
        guard rename(fresh, path) == 0 else {
            let code = errno
            unlink(fresh)
            throw .system(operation: "write \(path)", code: code)
        }
    }

    private func writeInPlace() -> Bool {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let text = Array("\(processID)\n".utf8)
        return Glibc.write(descriptor, text, text.count) == text.count
    }

    /// Leaves the file to the account that the process goes on as. To be called while it may.
    package func give(to account: Privileges) { account.take(path) }

    /// Removes it, unless another process's id stands there by now: a successor's. Where the user that the process has become
    /// may remove nothing from its folder it is left empty: it names nobody.
    package func remove() {
        guard let bytes = FileManager.default.contents(atPath: path),
            String(decoding: bytes, as: UTF8.self) == "\(processID)\n"
        else { return }
        if unlink(path) != 0 { _ = truncate(path, 0) }
    }
}
