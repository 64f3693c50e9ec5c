import SAME

/// Why training ended without a result.
package enum TrainingError: Error, Hashable, Sendable {
    /// Someone asked it to stop; everything up to `step` is in the checkpoint.
    case interrupted(phase: String, epoch: Int, step: Int)
    /// The loss, or a weight, is no longer a finite number.
    case diverged(phase: String, epoch: Int, step: Int, learningRate: Float, checkpoint: String?)
    /// The checkpoint cannot be written; nothing that was there is lost.
    case checkpoint(FileError)
    /// The checkpoint is not one of this run.
    case unusable(path: String, reason: String)
    /// What is asked for cannot be made of these images.
    case impossible(reason: String)
}

extension TrainingError: CustomStringConvertible {
    /// A sentence that says where training stood and what to do.
    package var description: String {
        switch self {
        case .interrupted(let phase, let epoch, let step):
            "stopped in epoch \(epoch) of the \(phase), after step \(step)"
        case .diverged(let phase, let epoch, let step, let rate, let checkpoint):
            "the \(phase)'s loss is not a number any more in epoch \(epoch), step \(step), "
                + "at learning rate \(rate): lower the learning rate. "
                + (checkpoint.map { "The last good checkpoint is \($0)" } ?? "There was no checkpoint yet")
        case .checkpoint(let error):
            "\(error); training stopped, and what an earlier checkpoint holds is as it was"
        case .unusable(let path, let reason): "\(path) cannot be resumed from: \(reason)"
        case .impossible(let reason): reason
        }
    }
}
