import SAME
import Tensor

/// A way to steal a model through nothing but questions and answers.
package protocol Attack: Sendable {
    /// The name in reports and on the command line.
    var name: String { get }
    /// Everything that shapes the queries, by name, for reports.
    var options: [String: String] { get }
    /// Asks through the session until its budget or the attack's own rule ends it, and returns the
    /// substitute.
    ///
    /// Repeatable: the same generator, data and answers give the same queries, which is how a stopped run
    /// resumes.
    func steal(through session: AttackSession, generator: inout RandomGenerator) throws -> Classifier
}

/// Why an attack did not end with a substitute.
package enum AttackError: Error, Equatable, Sendable {
    /// Someone asked it to stop.
    case stopped(asked: Int)
    case oracle(OracleError)
    /// The data at hand does not do for this attack.
    case unfit(attack: String, reason: String)
    /// Training came to a loss that is not a number.
    case diverged(attack: String)
    /// A resumed run asked something else than the run that it resumes.
    case replayDiffers(query: Int)
    case architecture(ArchitectureError)
    case trace(path: String, reason: String)
    /// What came of a run cannot be written.
    case unwritable(path: String, reason: String)
}

extension AttackError: CustomStringConvertible {
    /// A sentence with what would mend it.
    package var description: String {
        switch self {
        case .stopped(let asked): "stopped after \(asked) queries"
        case .oracle(let error): error.description
        case .unfit(let attack, let reason): "\(attack) cannot run: \(reason)"
        case .diverged(let attack): "\(attack): the substitute's loss is no number; lower its learning rate"
        case .replayDiffers(let query):
            "query \(query) is not the one that the unfinished run asked: its options or data differ; remove its file"
        case .architecture(let error): error.description
        case .trace(let path, let reason): "\(path) is not a usable attack trace: \(reason)"
        case .unwritable(let path, let reason):
            FileError.unwritable(path: path, reason: reason).description
        }
    }
}

/// What an attack's query was for.
package enum QueryOrigin: UInt8, Sendable, CaseIterable {
    /// Made or chosen by the attack.
    case attack = 0
    /// A clean picture of the victim's own kind that the attack starts from: in itself no different from
    /// honest use.
    case seed = 1
}
