import Neural
import Tensor

/// A fitted scorer on disk: `manifest.json`, `mae.safetensors`, `auxiliary.safetensors` and, where small
/// perturbations are looked for, `perturbation.safetensors`, where features are compared `references.safetensors`, where
/// statistics of pixels are `statistics.safetensors` and where frames are `frame.safetensors`, in one directory.
package struct ModelBundle: Sendable {
    /// Everything but the weights.
    package let manifest: BundleManifest
    /// Reconstructs queries.
    package let autoencoder: MaskedAutoencoder
    /// Predicts the victim's answer from a reconstruction.
    package let auxiliary: Classifier
    /// Tells genuine images from perturbed ones; a bundle may have none.
    package let detector: PerturbationDetector?
    /// Where benign images lie among the auxiliary model's features; a bundle may have none.
    package let references: ReferenceFeatures?
    /// Where they lie among plain statistics of pixels; a bundle may have none.
    package let statistics: ReferenceStatistics?
    /// Where their frames lie; a bundle may have none.
    package let frames: ReferenceStatistics?

    /// A bundle of trained models. Its manifest's file seals are made when it is written.
    package init(
        manifest: BundleManifest, autoencoder: MaskedAutoencoder, auxiliary: Classifier,
        detector: PerturbationDetector? = nil, references: ReferenceFeatures? = nil,
        statistics: ReferenceStatistics? = nil, frames: ReferenceStatistics? = nil
    ) {
        precondition(manifest.perturbation == detector?.architecture)
        precondition(manifest.references == references?.shape)
        precondition(manifest.statistics == statistics?.shape)
        precondition(manifest.frame == frames?.shape)
        self.references = references
        self.statistics = statistics
        self.frames = frames
        self.manifest = manifest
        self.detector = detector
        self.autoencoder = autoencoder
        self.auxiliary = auxiliary
    }

    /// Loads a directory whole or not at all: every size, digest, name and shape is checked.
    package init(contentsOf path: String) throws(BundleError) {
        manifest = try SealedFolder.readManifest(
            BundleManifest.self, named: BundleManifest.fileName, format: BundleManifest.formatName,
            version: BundleManifest.formatVersion, in: path)
        if let reason = manifest.defect {
            throw .inconsistent(file: "\(path)/\(BundleManifest.fileName)", reason: reason)
        }
        let manifest = manifest
        autoencoder = try Self.model(BundleManifest.autoencoderFile, manifest.files, path) {
            try MaskedAutoencoder(manifest.autoencoder, state: $0)
        }
        auxiliary = try Self.model(BundleManifest.auxiliaryFile, manifest.files, path) {
            try Classifier(manifest.auxiliary, state: $0)
        }
        if let perturbation = manifest.perturbation {
            detector = try Self.model(BundleManifest.detectorFile, manifest.files, path) {
                try PerturbationDetector(perturbation, state: $0)
            }
        } else {
            detector = nil
        }
        if let shape = manifest.references {
            references = try Self.model(BundleManifest.referencesFile, manifest.files, path) {
                try ReferenceFeatures(shape, state: $0)
            }
        } else {
            references = nil
        }
        statistics = try Self.measured(
            manifest.statistics, .statistics, BundleManifest.statisticsFile, manifest.files, path)
        frames = try Self.measured(manifest.frame, .frame, BundleManifest.frameFile, manifest.files, path)
    }

    private static func measured(
        _ shape: ReferenceStatistics.Shape?, _ measure: PixelMeasure, _ name: String,
        _ seals: [String: FileSeal], _ path: String
    ) throws(BundleError) -> ReferenceStatistics? {
        guard let shape else { return nil }
        return try model(name, seals, path) { try ReferenceStatistics(shape, measure, state: $0) }
    }

    /// What examining a query takes.
    package var networks: ScoringNetworks {
        ScoringNetworks(
            autoencoder, auxiliary, detector, references: references, statistics: statistics, frames: frames,
            maskedPass: manifest.maskedPass)
    }

    /// The same weights under another manifest.
    package func with(_ manifest: BundleManifest) -> ModelBundle {
        ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, detector: detector,
            references: references, statistics: statistics, frames: frames)
    }

    /// Whether the directory holds the bundle of `manifest`, weights included, to the byte. **Throws** as `init`.
    package static func isUnchanged(_ manifest: BundleManifest, at path: String) throws(BundleError) -> Bool {
        let present = try SealedFolder.readManifest(
            BundleManifest.self, named: BundleManifest.fileName, format: BundleManifest.formatName,
            version: BundleManifest.formatVersion, in: path)
        guard present == manifest else { return false }
        for (name, seal) in present.files { _ = try SealedFolder.readFile(name, seal: seal, in: path) }
        return true
    }

    /// Refuses a place where no bundle could be written without loss: see ``write(to:replacing:)``.
    package static func refuseOccupied(_ path: String, replacing: Bool) throws(BundleError) {
        try SealedFolder.refuseOccupied(path, by: BundleManifest.kind, replacing: replacing)
    }

    /// Writes the directory. An existing bundle is replaced only once the new one is complete on disk, and refused where it
    /// holds anything else or `replacing` is false.
    package func write(to path: String, replacing: Bool = true) throws(BundleError) {
        var files = [
            BundleManifest.autoencoderFile: Safetensors(tensors: autoencoder.stateDict).bytes,
            BundleManifest.auxiliaryFile: Safetensors(tensors: auxiliary.stateDict).bytes,
        ]
        if let detector {
            files[BundleManifest.detectorFile] = Safetensors(tensors: detector.stateDict).bytes
        }
        if let references {
            files[BundleManifest.referencesFile] = Safetensors(tensors: references.stateDict).bytes
        }
        if let statistics {
            files[BundleManifest.statisticsFile] = Safetensors(tensors: statistics.stateDict).bytes
        }
        if let frames { files[BundleManifest.frameFile] = Safetensors(tensors: frames.stateDict).bytes }
        var manifest = manifest
        manifest.files = files.mapValues(FileSeal.init(of:))
        try SealedFolder.write(
            manifest, of: BundleManifest.kind, files: files, to: path, replacing: replacing)
    }

    /// The model that a sealed weights file holds.
    static func model<Model>(
        _ name: String, _ seals: [String: FileSeal], _ path: String, _ make: (StateDict) throws -> Model
    ) throws(BundleError) -> Model {
        let file = "\(path)/\(name)"
        guard let seal = seals[name] else {
            throw .missingField(file: "\(path)/\(BundleManifest.fileName)", field: "files.\(name)")
        }
        let bytes = try SealedFolder.readFile(name, seal: seal, in: path)
        do {
            return try make(try Safetensors(bytes: bytes).tensors)
        } catch {
            throw .weights(file: file, reason: "\(error)")
        }
    }
}
