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

        package var format: String
        package var version: Int
        package var architecture: ClassifierArchitecture
        package var range: PixelRange
        package var provenance: Provenance
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

    package let manifest: Manifest
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
