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
            certificates and keys of TLS again; connections that are open keep theirs.
            """)

    @Option(name: .long, help: "The configuration file.")
    var config: String

    func run() throws {
        let loaded = try ConfigurationFile(config).load()
        Diagnostics.bootstrap(level: loaded.settings.logs.level.logLevel)
        let log = Logger(label: "samegate")
        for warning in loaded.warnings { log.warning("\(warning)") }
        let gateway = try ConfigurationFile(config).assemble(loaded, log: log)
        try gateway.start()
        for address in gateway.addresses { log.info("listening", metadata: ["address": "\(address)"]) }
        if let address = gateway.adminAddress { log.info("side door", metadata: ["address": "\(address)"]) }
        let reloading = CertificateReload(gateway.security, log: log)
        TerminationSignals.wait()
        reloading.stop()
        log.info("draining", metadata: ["deadline": "\(loaded.settings.shutdown.drain)"])
        let drained = DispatchSemaphore(value: 0)
        gateway.drain { drained.signal() }
        drained.wait()
        log.info("ended")
    }
}

/// SIGHUP: certificates, keys and authorities are read again, for new connections.
///
/// When one of them is not good, all stay as they were, and the log says why.
final class CertificateReload {
    private let source: any DispatchSourceSignal

    init(_ security: GatewaySecurity, log: Logger) {
        signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(
            signal: SIGHUP, queue: DispatchQueue(label: "samegate.reload"))
        source.setEventHandler { @Sendable in
            do {
                try security.reload()
                log.info("certificates read again")
            } catch {
                log.error("certificates stay as they were", metadata: ["reason": "\(error)"])
            }
        }
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

extension LogsSettings.Level {
    /// The same level in the logging library's terms.
    var logLevel: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}
