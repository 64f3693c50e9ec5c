import Neural
import Tensor

/// A trained classifier on disk: `model.json` and `weights.safetensors` in one directory, sealed as a bundle
/// is.
package struct ClassifierDirectory: Sendable {
    /// What `model.json` says.
    package struct Manifest: Codable, Hashable, Sendable {
        /// The manifest's own file.
        package static let fileName = "model.json"
        /// What `format` must be.
        package static let formatName = "samegate-model"
        /// The `version` that this program writes and reads.
        package static let formatVersion = 1
        /// The weights.
        package static let weightsFile = "weights.safetensors"
        static let kind = SealedKind(noun: "model", manifestName: fileName, formatName: formatName)

        /// ``formatName``.
        package var format: String
        /// ``formatVersion``.
        package var version: Int
        /// The sizes that the weights must have.
        package var architecture: ClassifierArchitecture
        /// The range of canonical values.
        package var range: PixelRange
        /// What it was made from.
        package var provenance: Provenance
        /// Size and digest of the weights file, by name.
        package var files: [String: FileSeal]

        /// A manifest without seals; they are made when it is written.
        package init(architecture: ClassifierArchitecture, range: PixelRange, provenance: Provenance) {
            format = Self.formatName
            version = Self.formatVersion
            self.architecture = architecture
            self.range = range
            self.provenance = provenance
            files = [:]
        }

        /// What contradicts something else, or nil.
        package var defect: String? {
            if range != .signed { return "canonical values run from -1 to 1, not over another range" }
            if Set(files.keys) != [Self.weightsFile] { return "files must be \(Self.weightsFile) alone" }
            do throws(ArchitectureError) {
                try architecture.validate()
            } catch {
                return error.description
            }
            return nil
        }
    }

    /// Everything but the weights.
    package let manifest: Manifest
    /// The trained model.
    package let classifier: Classifier

    /// A directory's worth of a trained classifier.
    package init(manifest: Manifest, classifier: Classifier) {
        self.manifest = manifest
        self.classifier = classifier
    }

    /// Loads a directory whole or not at all.
    package init(contentsOf path: String) throws(BundleError) {
        manifest = try SealedFolder.readManifest(
            Manifest.self, named: Manifest.fileName, format: Manifest.formatName,
            version: Manifest.formatVersion, in: path)
        if let reason = manifest.defect {
            throw .inconsistent(file: "\(path)/\(Manifest.fileName)", reason: reason)
        }
        let architecture = manifest.architecture
        classifier = try ModelBundle.model(Manifest.weightsFile, manifest.files, path) {
            try Classifier(architecture, state: $0)
        }
    }

    /// Refuses a place where no model could be written without loss: see ``write(to:replacing:)``.
    package static func refuseOccupied(_ path: String, replacing: Bool) throws(BundleError) {
        try SealedFolder.refuseOccupied(path, by: Manifest.kind, replacing: replacing)
    }

    /// Writes the directory. An existing one is replaced only once the new one is complete on disk, and refused where it holds
    /// anything else or `replacing` is false.
    package func write(to path: String, replacing: Bool = true) throws(BundleError) {
        let files = [Manifest.weightsFile: Safetensors(tensors: classifier.stateDict).bytes]
        var manifest = manifest
        manifest.files = files.mapValues(FileSeal.init(of:))
        try SealedFolder.write(manifest, of: Manifest.kind, files: files, to: path, replacing: replacing)
    }
}
