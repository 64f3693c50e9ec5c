import ArgumentParser
import Dispatch
import Foundation
import Gateway
import Logging
import Observe
import Settings
import Synchronization

/// `samegate serve`: the daemon.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway.",
        discussion:
            """
            SIGTERM and SIGINT end it gracefully: what is under way is finished within shutdown.drain. SIGHUP reads the \
            whole configuration again, with bundles, keys and certificates; when anything in it is wrong, everything stays \
            as it was and the log says why. SIGUSR1 opens the logs by their names again.
            """)

    @Option(name: .long, help: "The configuration file.")
    var config: String

    func run() throws {
        let loaded = try ConfigurationFile(config).load()
        let level = Diagnostics.bootstrap(level: loaded.settings.logs.level.logLevel)
        let log = Logger(label: "samegate")
        for warning in loaded.warnings { log.warning("\(warning)") }
        let gateway = try ConfigurationFile(config).assemble(loaded, log: log)
        try gateway.start()
        for address in gateway.addresses { log.info("listening", metadata: ["address": "\(address)"]) }
        if let address = gateway.adminAddress { log.info("side door", metadata: ["address": "\(address)"]) }
        let reloader = Reloader(path: config, gateway: gateway, level: level, log: log)
        gateway.attach(AdminControls(reloader: reloader, level: level))
        let watches = [
            SignalWatch(SIGHUP) { reloader.request() },
            SignalWatch(SIGUSR1) {
                gateway.reopenLogs()
                log.info("logs opened again")
            },
        ]
        TerminationSignals.wait()
        for watch in watches { watch.stop() }
        log.info("draining", metadata: ["deadline": "\(loaded.settings.shutdown.drain)"])
        let drained = DispatchSemaphore(value: 0)
        gateway.drain { drained.signal() }
        drained.wait()
        log.info("ended")
    }
}

/// A signal that asks for something and ends nothing.
final class SignalWatch {
    private let source: any DispatchSourceSignal

    /// Calls `action` on a queue of its own each time `number` comes.
    init(_ number: Int32, _ action: @escaping @Sendable () -> Void) {
        signal(number, SIG_IGN)
        source = DispatchSource.makeSignalSource(
            signal: number, queue: DispatchQueue(label: "samegate.signal.\(number)"))
        source.setEventHandler { @Sendable in action() }
        source.activate()
    }

    func stop() { source.cancel() }
}

/// Waiting for the operator's word to end.
enum TerminationSignals {
    /// Returns when SIGTERM or SIGINT has come. A second one ends the process at once.
    static func wait() {
        let came = DispatchSemaphore(value: 0)
        let queue = DispatchQueue(label: "samegate.signals")
        let count = Mutex(0)
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { @Sendable in
                let nth = count.withLock { count in
                    count += 1
                    return count
                }
                if nth > 1 { _exit(128 + number) }
                came.signal()
            }
            source.activate()
            return source
        }
        came.wait()
        // The sources stay alive for the second signal; the process ends soon after.
        _ = Unmanaged.passRetained(sources as NSArray)
    }
}
