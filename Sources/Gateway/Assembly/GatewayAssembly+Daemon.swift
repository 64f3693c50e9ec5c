import Foundation
import Glibc
import Service
import Settings

extension GatewayAssembly {
    /// What the system does not know of the account to go on as.
    static func accountProblems(_ settings: DaemonSettings) -> [AssemblyProblem] {
        guard let user = settings.user else { return [] }
        var accounts: [(path: String, group: String?)] = [("daemon.user", nil)]
        if let group = settings.group { accounts.append(("daemon.group", group)) }
        for (path, group) in accounts {
            do throws(ServiceError) {
                _ = try Privileges(user: user, group: group)
            } catch {
                return [AssemblyProblem(path: path, message: "\(error)")]
            }
        }
        return []
    }

    /// The file of the process id works when this user may make it, since whoever starts the daemon writes it.
    func probePIDFile() -> [PlaceProbe] {
        guard let path = settings.daemon.pidFile else { return [] }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let works = access(folder, W_OK | X_OK) == 0
        let missing = access(folder, F_OK) == 0 ? "this user may make no file in" : "there is no"
        let finding = works ? "can be made" : "\(missing) \(folder)"
        return [PlaceProbe(path: "daemon.pid_file", place: path, finding: finding, works: works)]
    }
}
