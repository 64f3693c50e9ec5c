import Neural
import Tensor

/// A trained classifier on disk: `model.json` and `weights.safetensors` in one directory, sealed as a bundle is.
package struct ClassifierDirectory: Sendable {
    /// What `model.json` says.
    package struct Manifest: Codable, Hashable, Sendable {
        package static let fileName = "model.json"
        package static let formatName = "samegate-model"
        package static let formatVersion = 1
        package static let weightsFile = "weights.safetensors"

        /// The name of the format, always the same.
        package var format: String
        /// The version of the format.
        package var version: Int
        /// The kind and sizes of the network.
        package var architecture: ClassifierArchitecture
        /// The range of the images' canonical values.
        package var range: PixelRange
        /// Where the weights came from.
        package var provenance: Provenance
        /// Size and digest of each weights file, by name.
        package var files: [String: FileSeal]

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

    /// What the directory says of itself.
    package let manifest: Manifest
    /// The network with its weights.
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

    /// Writes the directory; an existing one is replaced only once the new one is complete on disk.
    package func write(to path: String) throws(BundleError) {
        let files = [Manifest.weightsFile: Safetensors(tensors: classifier.stateDict).bytes]
        var manifest = manifest
        manifest.files = files.mapValues(FileSeal.init(of:))
        try SealedFolder.write(manifest, named: Manifest.fileName, files: files, to: path)
    }
}
