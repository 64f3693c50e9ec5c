import Foundation
import Gateway
import Logging
import Service
import Settings

/// What the system that starts the daemon gives it and asks of it: sockets, limits, users, a manager to report to.
struct ServeSurroundings {
    /// Sockets that were opened for this process.
    let inherited: InheritedSockets
    /// Whoever serves until this process does; nil when it is the first.
    let predecessor: StateStream?
    /// Whom to tell; nil when nobody asked.
    let notifier: Notifier?
    /// How often the manager wants a sign of life; nil when it does not.
    let watchdogInterval: Duration?
    let environment: [String: String]
    let pidFile: PIDFile?
    let program: Successor
    /// How many descriptors the process may have open.
    let descriptorsMax: Int
    private let account: Privileges?
    private let log: Logger

    /// Reads the environment and raises what may be raised. Prints what is wrong with it and **throws** `ExitCode` 1.
    init(_ environment: [String: String], _ settings: GatewaySettings, log: Logger) throws {
        self.environment = environment
        self.log = log
        let processID = ProcessInfo.processInfo.processIdentifier
        do {
            inherited = try InheritedSockets(environment, processID: processID)
            watchdogInterval = try Watchdog.interval(environment, processID: processID)
            descriptorsMax = Int(clamping: try DescriptorLimit.raise())
            account = try settings.daemon.user.map { try Privileges(user: $0, group: settings.daemon.group) }
            program = try Successor(arguments: CommandLine.arguments)
        } catch {
            throw ConfigurationFile.refuse("\(error)")
        }
        predecessor = StateStream(environment)
        notifier = Notifier(environment)
        pidFile = settings.daemon.pidFile.map { PIDFile(path: $0, processID: processID) }
    }

    /// Called once the sockets are bound: makes what the other user could not, and gives up what only binding needed. **Throws**
    /// when that cannot be done, or when the logs could not be written afterwards.
    func settle(_ settings: GatewaySettings) throws(ServiceError) {
        // A successor's comes into its place only when it serves.
        if predecessor == nil { try pidFile?.write() }
        guard let account else {
            if Privileges.isRoot {
                log.warning("serves as root; name another user in daemon.user, or start it as one")
            }
            return
        }
        pidFile?.give(to: account)
        if let socket = settings.admin?.socket, inherited.sockets.isEmpty { account.take(socket) }
        let folders = [settings.logs.decisions, settings.logs.access].compactMap { $0?.path }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().path
        }
        for folder in folders { try account.make(folder) }
        try account.assume()
        log.info("goes on as another user", metadata: ["user": "\(account.user)"])
        for folder in folders { try Privileges.demandWritable(folder, as: account.user) }
    }
}
