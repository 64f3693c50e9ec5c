import Foundation
import Neural
import SAME
import Tensor

/// A training run between two steps: weights, optimiser and counters in one file, so that they cannot
/// disagree.
///
/// The file is safetensors: weights under `model.`, the optimiser's arrays under its own `optimizer.` names,
/// and the counters as JSON in the metadata entry `state`. Which images a step takes and what it draws follow
/// from the seed and the step's number, so no generator is stored.
struct Checkpoint {
    /// The counters.
    struct State: Codable, Equatable {
        static let formatVersion = 1
        var version = formatVersion
        /// A digest of everything that must be equal for the run to go on to the same result.
        var fingerprint: String
        var phase: String
        /// Steps done since the beginning.
        var step: Int
        /// The sum and number of the present epoch's losses so far, for the progress line.
        var lossSum: Double
        var lossCount: Int
        /// The mean loss of the last whole epoch.
        var epochLoss: Double
    }

    var state: State
    var weights: StateDict
    var optimizer: StateDict

    /// Replaces the file at `path`, whole.
    func write(to path: String) throws(TrainingError) {
        var tensors = optimizer
        for (name, tensor) in weights { tensors["model." + name] = tensor }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let json = String(decoding: try encoder.encode(state), as: UTF8.self)
            try FileBytes.replace(path, with: Safetensors(tensors: tensors, metadata: ["state": json]).bytes)
        } catch let error as FileError {
            throw .checkpoint(error)
        } catch {
            throw .checkpoint(.unwritable(path: path, reason: "\(error)"))
        }
    }

    /// The checkpoint at `path`, or nil when there is none; one of another run is refused.
    static func read(_ path: String, phase: String, fingerprint: String) throws(TrainingError) -> Checkpoint?
    {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file: Safetensors
        let state: State
        do {
            file = try Safetensors(bytes: try FileBytes.read(path, bytesMax: SealedFolder.fileBytesMax))
            state = try JSONDecoder().decode(State.self, from: Data((file.metadata["state"] ?? "").utf8))
        } catch {
            throw .unusable(path: path, reason: "\(error)")
        }
        guard state.version == State.formatVersion, state.phase == phase else {
            throw .unusable(path: path, reason: "it is of another phase or format version")
        }
        guard state.fingerprint == fingerprint else {
            throw .unusable(
                path: path, reason: "the options, images or answers differ from those it was made with")
        }
        guard state.step >= 0, state.lossCount >= 0 else {
            throw .unusable(path: path, reason: "its counters are negative")
        }
        var checkpoint = Checkpoint(state: state, weights: [:], optimizer: [:])
        for (name, tensor) in file.tensors {
            if name.hasPrefix("model.") {
                checkpoint.weights[String(name.dropFirst(6))] = tensor
            } else {
                checkpoint.optimizer[name] = tensor
            }
        }
        return checkpoint
    }
}
