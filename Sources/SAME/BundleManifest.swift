import Tensor

/// What a bundle says of itself: everything but the weights.
package struct BundleManifest: Codable, Hashable, Sendable {
    /// The manifest's own file.
    package static let fileName = "manifest.json"
    /// What `format` must be.
    package static let formatName = "samegate-bundle"
    /// The `version` that this program writes and reads.
    package static let formatVersion = 1
    /// The masked autoencoder's weights.
    package static let autoencoderFile = "mae.safetensors"
    /// The auxiliary model's weights.
    package static let auxiliaryFile = "auxiliary.safetensors"
    /// The perturbation detector's weights, where there is one.
    package static let detectorFile = "perturbation.safetensors"
    /// The benign features, where there are any.
    package static let referencesFile = "references.safetensors"
    /// The benign images' plain statistics, where there are any.
    package static let statisticsFile = "statistics.safetensors"
    /// The benign images' frames, where there are any.
    package static let frameFile = "frame.safetensors"
    static let kind = SealedKind(noun: "bundle", manifestName: fileName, formatName: formatName)

    /// ``formatName``.
    package var format: String
    /// ``formatVersion``.
    package var version: Int
    /// The images that are scored, channels first.
    package var image: ImageShape
    /// The range of their canonical values.
    package var range: PixelRange
    /// The number of classes of the victim's answer.
    package var classes: Int
    /// The sizes that the autoencoder's weights must have.
    package var autoencoder: MaskedAutoencoderArchitecture
    /// The sizes that the auxiliary model's weights must have.
    package var auxiliary: ClassifierArchitecture
    /// The sizes that the perturbation detector's weights must have; nil, and no field of the file, where a bundle
    /// has none.
    package var perturbation: PerturbationDetectorArchitecture?
    /// The benign features that a query's are compared with; nil, and no field of the file, where none are.
    package var references: ReferenceFeatures.Shape?
    /// The plain statistics that a query's are compared with, likewise.
    package var statistics: ReferenceStatistics.Shape?
    /// The frames that a query's is compared with, likewise.
    package var frame: ReferenceStatistics.Shape?
    /// The second pass with patches hidden; nil, and no field of the file, where no term needs it.
    package var maskedPass: MaskedPass?
    /// The share of patches hidden when reconstructing for the auxiliary model. Only 0, every patch visible, is scored.
    package var scoringMaskRatio: Double
    /// What benign queries score.
    package var calibration: Calibration
    /// What lower precisions do to the scores, by their names; nil where none was measured. Bundles from before there was
    /// such a thing load without.
    package var precisions: [String: PrecisionShift]?
    /// What it was made from.
    package var provenance: Provenance
    /// Size and digest of each weights file, by name.
    package var files: [String: FileSeal]

    /// Every field as given.
    package init(
        image: ImageShape, range: PixelRange, classes: Int, autoencoder: MaskedAutoencoderArchitecture,
        auxiliary: ClassifierArchitecture, perturbation: PerturbationDetectorArchitecture? = nil,
        references: ReferenceFeatures.Shape? = nil, statistics: ReferenceStatistics.Shape? = nil,
        frame: ReferenceStatistics.Shape? = nil, maskedPass: MaskedPass? = nil,
        calibration: Calibration, provenance: Provenance,
        files: [String: FileSeal] = [:]
    ) {
        format = Self.formatName
        version = Self.formatVersion
        self.image = image
        self.range = range
        self.classes = classes
        self.autoencoder = autoencoder
        self.auxiliary = auxiliary
        self.perturbation = perturbation
        self.references = references
        self.statistics = statistics
        self.frame = frame
        self.maskedPass = maskedPass
        scoringMaskRatio = 0
        self.calibration = calibration
        self.provenance = provenance
        self.files = files
    }

    /// What contradicts something else, or nil.
    package var defect: String? {
        // First: sizes that are out of bounds are nothing to compute with.
        do throws(ArchitectureError) {
            try autoencoder.validate()
            try auxiliary.validate()
            try perturbation?.validate()
        } catch {
            return error.description
        }
        if autoencoder.image != image {
            return "the autoencoder is for images of \(autoencoder.image), not \(image)"
        }
        if auxiliary.image != image {
            return "the auxiliary model is for images of \(auxiliary.image), not \(image)"
        }
        if auxiliary.classes != classes {
            return "the auxiliary model has \(auxiliary.classes) classes, not \(classes)"
        }
        if let perturbation, perturbation.image != image {
            return "the perturbation detector is for images of \(perturbation.image), not \(image)"
        }
        if let defect = partDefect { return defect }
        if scoringMaskRatio != 0 { return "a scoring mask ratio of \(scoringMaskRatio) is not supported" }
        if range != .signed { return "canonical values run from -1 to 1, not over another range" }
        var expected = [Self.autoencoderFile, Self.auxiliaryFile]
        if perturbation != nil { expected.append(Self.detectorFile) }
        if references != nil { expected.append(Self.referencesFile) }
        if statistics != nil { expected.append(Self.statisticsFile) }
        if frame != nil { expected.append(Self.frameFile) }
        if Set(files.keys) != Set(expected) { return "files must be \(expected.joined(separator: " and "))" }
        for (name, shift) in (precisions ?? [:]).sorted(by: { $0.key < $1.key }) {
            if let defect = shift.defect { return "precisions.\(name): \(defect)" }
        }
        if let defect = maskedPass?.defect(autoencoder) { return defect }
        return calibration.defect.map { "calibration: \($0)" }
    }

    /// What the score's terms need and the bundle has not, or cannot have.
    private var partDefect: String? {
        let terms = calibration.terms.map(\.term)
        if perturbation == nil, terms.contains(.perturbation) {
            return "the score has a term of the perturbation detector, and there is none"
        }
        if references == nil, terms.contains(.neighbour) {
            return "the score has a term of benign features, and there are none"
        }
        if statistics == nil, terms.contains(.statistics) {
            return "the score has a term of plain statistics, and there are none to compare with"
        }
        if let defect = statistics?.defect(.statistics, of: image) { return defect }
        if frame == nil, terms.contains(.frame) {
            return "the score has a term of the frame, and there are none to compare with"
        }
        if let defect = frame?.defect(.frame, of: image) { return defect }
        if maskedPass == nil, terms.contains(.masked) {
            return "the score has a term of a masked pass, and there is none"
        }
        if let references {
            if let defect = references.defect { return defect }
            if references.features != auxiliary.features {
                return
                    "the references have \(references.features) features, the auxiliary model \(auxiliary.features)"
            }
        }
        return nil
    }
}

/// Where a bundle or model came from: enough to make it again, nothing about the machine or the day, so that
/// the same inputs give the same bytes.
package struct Provenance: Codable, Hashable, Sendable {
    /// `samegate VERSION`.
    package var program: String
    /// SHA-256 of the training images' values, in order.
    package var imagesDigest: String
    /// How many images there were.
    package var imageCount: Int
    /// How many images trained the models; the others calibrated or tested them.
    package var trainingCount: Int
    /// SHA-256 of the victim's answers or of the labels, in order.
    package var targetsDigest: String
    /// Where all chance came from.
    package var seed: UInt64
    /// Every option that shaped the result, by name.
    package var options: [String: String]
    /// What came of it, by name: final losses, accuracies.
    package var results: [String: Double]

    /// Every field as given.
    package init(
        program: String, imagesDigest: String, imageCount: Int, trainingCount: Int, targetsDigest: String,
        seed: UInt64, options: [String: String], results: [String: Double]
    ) {
        self.program = program
        self.imagesDigest = imagesDigest
        self.imageCount = imageCount
        self.trainingCount = trainingCount
        self.targetsDigest = targetsDigest
        self.seed = seed
        self.options = options
        self.results = results
    }
}
