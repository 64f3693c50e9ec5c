import Dispatch
import Foundation
import Gateway
import Logging
import Service
import Synchronization
import Transport

/// A gateway that answers to signals and to the service manager, from its first connection to its last.
final class ServeDaemon: Sendable {
    private let gateway: Gateway
    private let reloader: Reloader
    private let notifier: Notifier?
    private let pidFile: PIDFile?
    private let isSuccessor: Bool
    private let program: Successor
    private let environment: [String: String]
    private let watchdogInterval: Duration?
    private let log: Logger
    private let termination = Termination()
    private let isHandedOver = Atomic(false)

    init(_ gateway: Gateway, _ reloader: Reloader, _ surroundings: ServeSurroundings, log: Logger) throws {
        self.gateway = gateway
        self.reloader = reloader
        notifier = surroundings.notifier
        pidFile = surroundings.pidFile
        program = surroundings.program
        environment = surroundings.environment
        watchdogInterval = surroundings.watchdogInterval
        isSuccessor = surroundings.predecessor != nil
        self.log = log
        reloader.observe { [notifier] isBeginning in
            let now = SystemClock().now()
            if isBeginning {
                notifier?.reloading(now: now)
            } else {
                notifier?.ready("serving", processID: getpid())
            }
        }
    }

    /// Serves until it is told to end, and returns when everything has ended.
    func run() {
        let signals = [
            SignalWatch(SIGHUP) { self.reloader.request() },
            SignalWatch(SIGUSR1) {
                self.gateway.reopenLogs()
                self.log.info("logs opened again")
            },
            SignalWatch(SIGUSR2) { self.handOver() },
        ]
        termination.watch()
        if isSuccessor { takeOverPIDFile() }
        Successor.tellPredecessor(environment)
        notifier?.ready("serving", processID: getpid())
        let watchdog = watchdogInterval.map(watch)
        termination.wait()
        for signal in signals { signal.stop() }
        drain()
        watchdog?.stop()
    }

    private func watch(_ interval: Duration) -> Watchdog {
        Watchdog(interval: interval, ping: { [gateway] in gateway.ping($0) }) { [notifier, log] isAlive in
            if isAlive { return notifier?.alive() ?? () }
            log.error("an event loop does not answer; the service manager will end this process")
        }
    }

    private func drain() {
        let hasSuccessor = isHandedOver.load(ordering: .relaxed)
        log.info("draining", metadata: ["handed_over": "\(hasSuccessor)"])
        if !hasSuccessor { notifier?.stopping() }
        let isAlone = DispatchSemaphore(value: 0)
        program.withdraw { isAlone.signal() }
        let drained = DispatchSemaphore(value: 0)
        gateway.drain(isHandedOver: hasSuccessor) { drained.signal() }
        drained.wait()
        isAlone.wait()
        pidFile?.remove()
        log.info("ended")
    }

    /// The file is its predecessor's until now.
    private func takeOverPIDFile() {
        do throws(ServiceError) {
            try pidFile?.write()
        } catch {
            log.error("\(error)")
        }
    }

    /// SIGUSR2: starts the program's file anew with the listening sockets, and ends once that serves.
    private func handOver() {
        do {
            let begun = try program.start(
                gateway.listeners, asked: { @Sendable [gateway] in gateway.handOver(to: $0) }
            ) { @Sendable [self] outcome in
                switch outcome {
                case .serves(let processID):
                    log.info("a successor serves", metadata: ["pid": "\(processID)"])
                    notifier?.successor(processID)
                    isHandedOver.store(true, ordering: .relaxed)
                    termination.request()
                case .failed(let reason):
                    gateway.keepState()
                    log.error("no successor; this process goes on", metadata: ["reason": "\(reason)"])
                }
            }
            log.info(begun ? "starting a successor" : "a successor is being started already")
        } catch {
            log.error("no successor; this process goes on", metadata: ["reason": "\(error)"])
        }
    }
}

/// A signal that asks for something and ends nothing.
final class SignalWatch: Sendable {
    // because: the source is set up in `init` and only cancelled afterwards, which any thread may do.
    nonisolated(unsafe) private let source: any DispatchSourceSignal

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

/// The word to end, from the operator or from a hand-over.
final class Termination: Sendable {
    private let came = DispatchSemaphore(value: 0)
    private let count = Mutex(0)
    private let signals = Mutex<[SignalWatch]>([])

    /// Whether a signal has come.
    var hasCome: Bool { count.withLock { $0 > 0 } }

    /// Takes SIGTERM and SIGINT from here on, if it does not yet. A second one ends the process at once.
    func watch() {
        signals.withLock { signals in
            guard signals.isEmpty else { return }
            signals = [SIGTERM, SIGINT].map { number in
                SignalWatch(number) { [weak self] in self?.receive(number) }
            }
        }
    }

    private func receive(_ number: Int32) {
        let nth = count.withLock { count in
            count += 1
            return count
        }
        if nth > 1 { _exit(128 + number) }
        came.signal()
    }

    /// Asks for the end as a signal does.
    func request() { came.signal() }

    /// Returns when the word has come.
    func wait() { came.wait() }
}

/// The operator's word to end, for commands that are not the daemon.
enum TerminationSignals {
    private static let termination = Termination()

    /// Takes the signals from here on, for a command that looks by `hasCome` while it works.
    static func watch() { termination.watch() }

    /// Whether SIGTERM or SIGINT has come since.
    static var hasCome: Bool { termination.hasCome }

    /// Returns when SIGTERM or SIGINT has come. A second one ends the process at once.
    static func wait() {
        termination.watch()
        termination.wait()
    }
}
