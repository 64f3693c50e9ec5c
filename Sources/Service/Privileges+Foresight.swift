import Foundation
import Glibc

extension Privileges {
    /// What the account will find at a place.
    package enum Access: Sendable, Equatable {
        /// It may.
        case granted
        /// It may not.
        case denied
        /// Nothing is there, and it may go to where that would be.
        case missing
        /// The present user may not look.
        case unknown
    }

    /// Whether it is another account than that of this process, whose own rights say nothing of it then.
    package var isAnother: Bool { geteuid() != userID }

    /// Whether the account will be able to make files in `directory`, by the owners and modes of that and of what leads to it;
    /// access lists are not looked at.
    package func mayMakeFiles(in directory: String) -> Access {
        var place = directory
        var wanted: mode_t = 0o3
        var isMissing = false
        while true {
            switch access(to: place, wanted) {
            case .granted: break
            case .missing: isMissing = true
            case let refusal: return refusal
            }
            guard place != "/", !place.isEmpty else { return isMissing ? .missing : .granted }
            place = URL(fileURLWithPath: place).deletingLastPathComponent().path
            wanted = 0o1
        }
    }

    /// Whether the account will be able to write the file at `path`, once it gets there.
    package func mayWrite(_ path: String) -> Access { access(to: path, 0o2) }

    private func access(to path: String, _ wanted: mode_t) -> Access {
        var status = stat()
        guard stat(path, &status) == 0 else { return errno == EACCES ? .unknown : .missing }
        if userID == 0 { return .granted }
        let shift: mode_t = status.st_uid == userID ? 6 : groups.contains(status.st_gid) ? 3 : 0
        return (status.st_mode >> shift) & wanted == wanted ? .granted : .denied
    }

    /// As `cposix_become` sets them: a number has its one group.
    private var groups: [gid_t] {
        guard UInt32(user) == nil else { return [groupID] }
        var count = Int32(1024)
        var groups = [gid_t](repeating: groupID, count: Int(count))
        guard getgrouplist(user, groupID, &groups, &count) >= 0 else { return [groupID] }
        return Array(groups.prefix(Int(count)))
    }
}
