import Foundation
import Neural
import Tensor

/// A PyTorch state dict saved as safetensors, on its way to become one of the networks.
///
/// The architecture is read off the tensors' names and shapes; what shapes do not tell, the number of attention heads
/// and of a flattened image's sides, comes from the file's metadata, where this program or `train-gpu.py` wrote it, or
/// from the caller.
package struct ForeignWeights: Sendable {
    /// The metadata's key that holds an architecture as JSON, as a manifest has it.
    package static let architectureKey = "samegate.architecture"

    let path: String
    let state: StateDict
    private let architectureText: String?

    /// Reads a file strictly and takes off what wrappers put before every name.
    package init(contentsOf path: String) throws(ImportError) {
        let file: Safetensors
        do throws(SafetensorsError) {
            file = try Safetensors(contentsOf: path)
        } catch {
            throw .unreadable(path: path, error)
        }
        try self.init(file, path: path)
    }

    /// The same of a file already read; `path` is what messages call it.
    package init(_ file: Safetensors, path: String) throws(ImportError) {
        self.path = path
        architectureText = file.metadata[Self.architectureKey]
        let integers = file.integers.filter { !$0.hasSuffix(".num_batches_tracked") }.sorted()
        guard integers.isEmpty else { throw .integers(path: path, names: integers) }
        var state = file.tensors
        // DataParallel's and torch.compile's wrappers.
        for prefix in ["module.", "_orig_mod."] where state.keys.allSatisfy({ $0.hasPrefix(prefix) }) {
            state = Dictionary(
                uniqueKeysWithValues: state.map { (String($0.key.dropFirst(prefix.count)), $0.value) })
        }
        self.state = state
    }

    /// The masked autoencoder for images of a shape; `heads` where the file does not state them.
    package func autoencoder(
        image: ImageShape, heads: (encoder: Int, decoder: Int)? = nil
    ) throws(ImportError) -> MaskedAutoencoder {
        let sizes: MaskedAutoencoderArchitecture
        if let stated = try stated(MaskedAutoencoderArchitecture.self) {
            sizes = stated
            let own = [stated.encoderHeads, stated.decoderHeads]
            if let heads, [heads.encoder, heads.decoder] != own {
                throw .otherHeads(path: path, stated: own, given: [heads.encoder, heads.decoder])
            }
        } else {
            sizes = try readAutoencoder(image, heads)
        }
        try check(sizes.image, is: image)
        let model: MaskedAutoencoder
        do throws(ArchitectureError) {
            try sizes.validate()
        } catch {
            throw .impossible(path: path, error)
        }
        try requireRoom(sizes.parameterCount)
        do throws(ArchitectureError) {
            model = try MaskedAutoencoder(unfilled: sizes)
        } catch {
            throw .impossible(path: path, error)
        }
        try fill(model) { _ in false }
        return model
    }

    /// The classifier for images of a shape; `heads` for a transformer whose file does not state them, and for no other network.
    package func classifier(image: ImageShape, heads: Int? = nil) throws(ImportError) -> Classifier {
        let architecture: ClassifierArchitecture
        if let stated = try stated(ClassifierArchitecture.self) {
            architecture = stated
        } else {
            architecture = try readClassifier(image, heads)
        }
        if let heads {
            guard let own = architecture.heads else { throw .headless(path: path) }
            guard heads == own else { throw .otherHeads(path: path, stated: [own], given: [heads]) }
        }
        try check(architecture.image, is: image)
        let model: Classifier
        do throws(ArchitectureError) {
            try architecture.validate()
        } catch {
            throw .impossible(path: path, error)
        }
        try requireRoom(architecture.parameterCount)
        do throws(ArchitectureError) {
            model = try Classifier(unfilled: architecture)
        } catch {
            throw .impossible(path: path, error)
        }
        try fill(model) { model.ignores($0) }
        return model
    }

    /// The perturbation detector for images of a shape.
    package func detector(image: ImageShape) throws(ImportError) -> PerturbationDetector {
        let architecture: PerturbationDetectorArchitecture
        if let stated = try stated(PerturbationDetectorArchitecture.self) {
            architecture = stated
        } else {
            architecture = try readDetector(image)
        }
        try check(architecture.image, is: image)
        let model: PerturbationDetector
        do throws(ArchitectureError) {
            try architecture.validate()
        } catch {
            throw .impossible(path: path, error)
        }
        try requireRoom(architecture.parameterCount)
        do throws(ArchitectureError) {
            model = try PerturbationDetector(unfilled: architecture)
        } catch {
            throw .impossible(path: path, error)
        }
        try fill(model) { _ in false }
        return model
    }

    private func requireRoom(_ parameters: Int) throws(ImportError) {
        do throws(StateDictError) {
            try state.requireRoom(parameters: parameters)
        } catch {
            throw .mismatch(path: path, [error])
        }
    }

    /// Every tensor that does not fit is told at once.
    private func fill(_ model: some Module, _ ignores: (String) -> Bool) throws(ImportError) {
        let defects = model.defects(of: state, ignoring: ignores)
        guard defects.isEmpty else { throw .mismatch(path: path, defects) }
        do throws(StateDictError) {
            try model.load(state, ignoring: ignores)
        } catch {
            throw .mismatch(path: path, [error])
        }
    }

    private func check(_ found: ImageShape, is image: ImageShape) throws(ImportError) {
        guard found == image else { throw .otherImage(path: path, found: found, expected: image) }
    }

    private func stated<Architecture: Decodable>(
        _ type: Architecture.Type
    ) throws(ImportError) -> Architecture? {
        guard let architectureText else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(architectureText.utf8))
        } catch {
            throw .unknown(
                path: path,
                reason:
                    "its metadata's “\(Self.architectureKey)” describes no such network: \(architectureText)")
        }
    }
}

extension Safetensors {
    /// A network's weights under PyTorch's names, with the architecture in the metadata.
    package init(_ model: MaskedAutoencoder) throws {
        self.init(tensors: model.stateDict, metadata: try Self.metadata(model.architecture))
    }

    /// A network's weights under PyTorch's names, with the architecture in the metadata.
    package init(_ model: Classifier) throws {
        self.init(tensors: model.stateDict, metadata: try Self.metadata(model.architecture))
    }

    /// A network's weights under PyTorch's names, with the architecture in the metadata.
    package init(_ model: PerturbationDetector) throws {
        self.init(tensors: model.stateDict, metadata: try Self.metadata(model.architecture))
    }

    private static func metadata(_ architecture: some Encodable) throws -> [String: String] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(architecture), as: UTF8.self)
        // What PyTorch's own writer says, and its loaders ask for.
        return ["format": "pt", ForeignWeights.architectureKey: text]
    }
}
