import ArgumentParser
import Foundation
import Gateway
import Logging
import Observe
import Service
import Settings

/// `samegate serve`: the daemon.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway.",
        discussion:
            """
            SIGTERM and SIGINT end it gracefully: /readyz says so for shutdown.lame_duck, then what is under way is finished \
            within shutdown.drain; a second one ends it at once. SIGHUP reads the whole configuration again, with bundles, \
            keys and certificates; when anything in it is wrong, everything stays as it was and the log says why. SIGUSR1 \
            opens the logs by their names again. SIGUSR2 starts the program's file anew, hands its sockets over, and drains \
            once the new process serves.
            """)

    @Option(name: .long, help: "The configuration file.")
    var config: String

    func run() throws {
        Footing.prepare()
        Heaps.bound(to: ProcessorAllowance(root: "/").loops)
        let environment = ProcessInfo.processInfo.environment
        try Parent.follow(environment)
        let file = ConfigurationFile(config)
        let loaded = try file.load()
        let level = Diagnostics.bootstrap(level: loaded.settings.logs.level.logLevel)
        let log = Logger(label: "samegate")
        for warning in loaded.warnings { log.warning("\(warning)") }
        let surroundings = try ServeSurroundings(environment, loaded.settings, log: log)
        do {
            try daemon(file, loaded, surroundings, level, log).run()
        } catch {
            surroundings.pidFile?.remove()
            throw error
        }
    }

    /// What serves, accepting already.
    private func daemon(
        _ file: ConfigurationFile, _ loaded: LoadedSettings, _ surroundings: ServeSurroundings,
        _ level: LogLevelSwitch, _ log: Logger
    ) throws -> ServeDaemon {
        let gateway = try file.assemble(
            loaded, log: log, inherited: surroundings.inherited, predecessor: surroundings.predecessor,
            descriptorsMax: surroundings.descriptorsMax
        ) {
            try surroundings.settle(loaded.settings)
        }
        let reloader = Reloader(path: config, gateway: gateway, level: level, log: log)
        gateway.attach(AdminControls(reloader: reloader, level: level))
        let daemon = try ServeDaemon(gateway, reloader, surroundings, log: log)
        try gateway.start()
        for address in gateway.addresses { log.info("listening", metadata: ["address": "\(address)"]) }
        if let address = gateway.adminAddress { log.info("side door", metadata: ["address": "\(address)"]) }
        if let path = gateway.adminPath { log.info("side door", metadata: ["socket": "\(path)"]) }
        return daemon
    }
}
