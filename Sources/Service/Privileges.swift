import CPosix
import Foundation
import Glibc

/// The user and groups that the daemon goes on as once its sockets are bound.
package struct Privileges: Sendable, Equatable {
    /// As the configuration names it.
    package let user: String
    let userID: UInt32
    let groupID: UInt32

    /// The account `user`, with `group` instead of its own group where given. **Throws** when the system knows no such one.
    package init(user: String, group: String?) throws(ServiceError) {
        var userID: UInt32 = 0
        var groupID: UInt32 = 0
        guard cposix_find_user(user, &userID, &groupID) == 0 else { throw .unknownAccount(user) }
        if let group {
            guard cposix_find_group(group, &groupID) == 0 else { throw .unknownAccount(group) }
        }
        self.user = user
        self.userID = userID
        self.groupID = groupID
    }

    /// Whether this process runs as root.
    package static var isRoot: Bool { geteuid() == 0 }

    /// Becomes the account for good; nothing when it is it already. **Throws** when the process may not, or when root could
    /// be had back.
    package func assume() throws(ServiceError) {
        if geteuid() == userID, getuid() == userID, getegid() == groupID { return }
        guard Self.isRoot else { throw .notRoot(user: user) }
        try ServiceError.check(cposix_become(user, userID, groupID), "become \(user)")
    }

    /// Makes a file that was made for the account its own, as far as this process may: root may.
    package func take(_ path: String) { _ = lchown(path, userID, groupID) }

    /// Makes a directory that is missing, with those above it, the account's own; what is there stays as it is. To be called
    /// while this process may. **Throws** when the system refuses.
    package func make(_ directory: String) throws(ServiceError) {
        guard access(directory, F_OK) != 0 else { return }
        try make(URL(fileURLWithPath: directory).deletingLastPathComponent().path)
        guard mkdir(directory, 0o750) == 0 else {
            let code = errno
            throw .system(operation: "make the directory \(directory) for \(user)", code: code)
        }
        take(directory)
    }

    /// **Throws** when this process may not make files in `directory`.
    package static func demandWritable(_ directory: String, as user: String) throws(ServiceError) {
        guard cposix_may_write_directory(directory) == 0 else {
            throw .unwritable(directory: directory, user: user)
        }
    }
}
