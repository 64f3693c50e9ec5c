/// What examining a query computes: the bundle's networks without what its score means.
package struct ScoringNetworks: Sendable {
    /// Reconstructs queries.
    package let autoencoder: MaskedAutoencoder
    /// Predicts the victim's answer from a reconstruction.
    package let auxiliary: Classifier
    /// Tells genuine images from perturbed ones; nil where no term needs it.
    package let detector: PerturbationDetector?
    /// Where benign images lie among the auxiliary model's features; nil where no term needs it.
    package let references: ReferenceFeatures?
    /// Where benign images lie among plain statistics of pixels; nil where no term needs it.
    package let statistics: ReferenceStatistics?
    /// Where their frames lie; nil where no term needs it.
    package let frames: ReferenceStatistics?
    /// The reconstruction with patches hidden; nil where no term needs it.
    package let maskedPass: MaskedPass?

    /// Networks for the same images.
    package init(
        _ autoencoder: MaskedAutoencoder, _ auxiliary: Classifier, _ detector: PerturbationDetector? = nil,
        references: ReferenceFeatures? = nil, statistics: ReferenceStatistics? = nil,
        frames: ReferenceStatistics? = nil, maskedPass: MaskedPass? = nil
    ) {
        precondition(autoencoder.architecture.image == auxiliary.architecture.image, "the images differ")
        precondition(detector.map { $0.architecture.image == autoencoder.architecture.image } ?? true)
        precondition(references.map { $0.shape.features == auxiliary.architecture.features } ?? true)
        precondition(statistics.map { $0.measure == .statistics } ?? true)
        precondition(frames.map { $0.measure == .frame } ?? true)
        for references in [statistics, frames] {
            precondition(references?.defect(autoencoder.architecture.image) == nil)
        }
        precondition(maskedPass?.defect(autoencoder.architecture) == nil)
        self.autoencoder = autoencoder
        self.auxiliary = auxiliary
        self.detector = detector
        self.references = references
        self.statistics = statistics
        self.frames = frames
        self.maskedPass = maskedPass
    }

    /// Multiply-adds times two of examining one row.
    package var flops: Int {
        var flops = autoencoder.architecture.flops + auxiliary.architecture.flops
        flops += detector?.architecture.flops ?? 0
        if let shape = references?.shape { flops += 2 * shape.count * shape.features }
        for shape in [statistics?.shape, frames?.shape].compactMap(\.self) {
            flops += 2 * shape.count * shape.statistics
        }
        if let maskedPass { flops += autoencoder.architecture.flops(maskRatio: maskedPass.ratio) }
        return flops
    }
}
