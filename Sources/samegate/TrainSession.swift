import ArgumentParser
import Dispatch
import Foundation
import Learning
import RedTeam
import SAME
import Synchronization
import Tensor

/// What becomes of a directory that a training command has finished before.
struct ReplaceOptions: ParsableArguments {
    @Flag(
        help:
            "Replace a finished directory of the same kind at --output, which is refused otherwise, once the new one is there."
    )
    var replace = false
}

/// The options that every training command has, and the life of one run: signals, checkpoints, exit codes.
struct TrainSession: ParsableArguments {
    @Option(help: "Threads to compute with (default: as many as processors).")
    var threads: Int?

    @Option(help: ArgumentHelp("Folder of checkpoints (default: OUTPUT.checkpoint).", valueName: "folder"))
    var checkpoint: String?

    @Flag(help: "Go on from the checkpoint of an interrupted run with the same options.")
    var resume = false

    func validate() throws {
        try Self.check(threads: threads)
    }

    /// Whether a finished directory at `output` is replaced by this run's: where that is said, or where the run is gone on with
    /// that was to write it.
    func replaces(_ output: String, _ options: ReplaceOptions) -> Bool {
        options.replace || resume && TrainingRun.holdsWork(folder(of: output))
    }

    private func folder(of output: String) -> String {
        checkpoint ?? output.trimmingSuffix("/") + ".checkpoint"
    }

    /// The run of a command that writes `output`, which is judged now: at the end it would cost the run.
    func makeRun(output: String, stop: StopFlag, printer: ProgressPrinter) throws -> TrainingRun {
        let folder = folder(of: output)
        try OutputPlace.check(output, checkpoints: folder)
        let run = TrainingRun(
            workspace: Workspace(threads: threads ?? Workspace.processorCount), checkpoints: folder,
            resume: resume, stop: stop, show: printer.show, say: { printer.say($0) })
        try run.prepare()
        Self.folder.withLock { $0 = folder }
        return run
    }

    /// Where the checkpoints of this process's run are, once there is one: a process has one command.
    private static let folder = Mutex<String?>(nil)

    /// Runs a command's work; an interruption ends with exit code 130 and the command to go on with, any
    /// other error with its message, and that command where the run has left something to go on from.
    static func perform(_ body: @escaping @Sendable (StopFlag) async throws -> Void) throws {
        let stop = StopFlag()
        let signals = [SIGINT, SIGTERM].map { Self.raise(stop, on: $0) }
        defer { signals.forEach { $0.cancel() } }
        do {
            try wait { try await body(stop) }
        } catch {
            guard stop.isRaised, Self.isInterruption(error) else {
                let plain = Self.plain(error)
                if let folder = folder.withLock({ $0 }), TrainingRun.canGoOn(from: folder, after: error) {
                    Self.say("Everything done is kept; once it can go on:\n  \(Self.commandToGoOn)")
                }
                throw plain
            }
            Self.say("\(error). Everything done is kept; to go on:\n  \(Self.commandToGoOn)")
            throw ExitCode(130)
        }
    }

    /// Refuses a number of threads that nothing is computed with.
    static func check(threads: Int?) throws {
        guard let threads, !(1...1024).contains(threads) else { return }
        throw ValidationError("--threads must be from 1 to 1024")
    }

    /// The command that was run, with `--resume`.
    static var commandToGoOn: String {
        let words = CommandLine.arguments.filter { $0 != "--resume" } + ["--resume"]
        return words.map(quoted).joined(separator: " ")
    }

    /// The error as it leaves a command: a mistake in the options keeps its usage text, anything else is said
    /// in one line and ends with code 1.
    static func plain(_ error: any Error) -> any Error {
        guard !(error is ValidationError || error is ExitCode) else { return error }
        say("error: \(error)")
        return ExitCode.failure
    }

    /// Prints a line on standard error.
    static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    private static func isInterruption(_ error: any Error) -> Bool {
        switch error {
        case TrainingError.interrupted, VictimError.stopped, AttackError.stopped, is CancellationError: true
        default: false
        }
    }

    private static func raise(_ stop: StopFlag, on number: Int32) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler { @Sendable in
            // A second signal does not wait for the step to end; what the last checkpoint holds is kept.
            if stop.isRaised { Foundation.exit(130) }
            stop.raise()
        }
        source.resume()
        return source
    }

    /// Runs asynchronous work to its end on this thread's behalf: a command has nothing else to do.
    private static func wait(_ body: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0)
        let outcome = Mutex<Result<Void, any Error>>(.success(()))
        Task {
            do {
                try await body()
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        done.wait()
        try outcome.withLock { $0 }.get()
    }

    private static func quoted(_ word: String) -> String {
        let plain = word.allSatisfy { $0.isLetter || $0.isNumber || "-_./:=,+@%".contains($0) }
        return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}

extension String {
    fileprivate func trimmingSuffix(_ suffix: Character) -> String {
        var text = self
        while text.count > 1, text.last == suffix { text.removeLast() }
        return text
    }
}
