import Foundation
import Neural
import SAME
import Tensor

/// What training needs of the machine and its user: threads, checkpoints, a way to stop, a place for
/// progress.
package struct TrainingRun {
    /// Memory and threads.
    package let workspace: Workspace
    /// The folder of checkpoints; nil to keep none.
    package let checkpoints: String?
    /// Whether to go on from the checkpoints that are there.
    package let resume: Bool
    /// Raised when someone asks to stop.
    package let stop: StopFlag
    /// Called after every step.
    package let show: (TrainingProgress) -> Void
    /// Prints a line of its own, from any thread.
    package let say: @Sendable (String) -> Void
    var checkpointPause = Duration.seconds(60)
    /// The most memory that stored reconstructions may take; past it they are made anew in every epoch.
    package var reconstructionBytesMax = 1 << 30

    /// What training needs of the machine and its user.
    package init(
        workspace: Workspace, checkpoints: String?, resume: Bool, stop: StopFlag,
        show: @escaping (TrainingProgress) -> Void, say: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.workspace = workspace
        self.checkpoints = checkpoints
        self.resume = resume
        self.stop = stop
        self.show = show
        self.say = say
    }

    /// Makes the folder of checkpoints. One that holds checkpoints already is refused unless the run resumes:
    /// they may be hours of work. So is a finished bundle.
    package func prepare() throws(TrainingError) {
        guard let checkpoints else { return }
        let held = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
        if !resume, Self.holdsWork(checkpoints) {
            throw .unusable(
                path: checkpoints,
                reason:
                    "it is left from an earlier run; continue that one with --resume, or remove the folder")
        }
        if held.contains(BundleManifest.fileName) {
            throw .unusable(
                path: checkpoints, reason: "it is a bundle; give checkpoints a folder of their own")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: checkpoints, withIntermediateDirectories: true)
        } catch {
            throw .checkpoint(.unwritable(path: checkpoints, reason: error.localizedDescription))
        }
    }

    /// Whether a folder holds what a run could go on from: a phase's checkpoint, or an answer.
    package static func holdsWork(_ folder: String) -> Bool {
        let held = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return held.contains { $0.hasSuffix(".safetensors") }
            || AnswerJournal.holdsAnswers(folder + "/" + journalName)
    }

    /// Whether the same command with `--resume` is what helps after an error: `folder` holds work, and what failed may work
    /// the next time. Of errors of options, data and other runs' checkpoints there would be the same again.
    package static func canGoOn(from folder: String, after error: any Error) -> Bool {
        let mayPass =
            switch error {
            case VictimError.badURL, VictimError.classesDiffer: false
            case is VictimError, is FileError, is CancellationError: true
            case TrainingError.interrupted, TrainingError.checkpoint: true
            case AnswerJournalError.file, AnswerSetError.file, BundleError.file: true
            // Somebody has put something there meanwhile.
            case BundleError.occupied, BundleError.strangers: true
            default: false
            }
        return mayPass && holdsWork(folder)
    }

    /// Removes the checkpoints: to be called once the result is on the disk. Whatever else lies in their folder stays there,
    /// the folder too then.
    package func discardCheckpoints() {
        guard let checkpoints else { return }
        let held = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
        for name in held where Self.isOwn(name) {
            try? FileManager.default.removeItem(atPath: checkpoints + "/" + name)
        }
        rmdir(checkpoints)
    }

    /// Whether a file of this name is one that training leaves in the folder.
    private static func isOwn(_ name: String) -> Bool {
        if name == journalName { return true }
        guard name.hasSuffix(".safetensors") else { return false }
        let phase = name.dropLast(".safetensors".count)
        if ["autoencoder", "auxiliary", "classifier", "perturbation"].contains(phase) { return true }
        return phase.hasPrefix("thief-") && Int(phase.dropFirst("thief-".count)) != nil
    }

    /// The victim's answers so far, among the checkpoints.
    private static let journalName = "answers.jsonl"
    /// The path of the journal of the victim's answers.
    package var journalPath: String { (checkpoints ?? ".") + "/" + Self.journalName }

    /// The path of a file among the checkpoints.
    func checkpoint(_ name: String) -> String? { checkpoints.map { $0 + "/" + name } }

    func loop(
        phase: String, module: any Module, schedule: TrainingSchedule, imageCount: Int, seed: UInt64,
        streams: (order: Stream, steps: Stream), fingerprint: String
    ) -> TrainingLoop {
        TrainingLoop(
            phase: phase, module: module, schedule: schedule, imageCount: imageCount, seed: seed,
            orderStream: streams.order, stepStream: streams.steps, fingerprint: fingerprint,
            checkpointPath: checkpoint("\(phase).safetensors"), stop: stop, workspace: workspace,
            checkpointPause: checkpointPause, show: show)
    }
}
