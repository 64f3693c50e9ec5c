import SAME
import Tensor

/// A bundle that a fit goes on from: its autoencoder and auxiliary model stay as they are.
package struct FitBase: Sendable {
    /// What is kept.
    package let bundle: ModelBundle

    /// Checks that the bundle was made of these images and held the same ones out, so that the new calibration is on
    /// images that trained none of its networks.
    package init(
        _ bundle: ModelBundle, images: ImageSet, classes: Int, split: Split, seed: UInt64
    ) throws(FitBaseError) {
        let provenance = bundle.manifest.provenance
        guard provenance.imagesDigest == images.digest else { throw .otherImages }
        guard bundle.manifest.classes == classes else {
            throw .otherClasses(found: classes, expected: bundle.manifest.classes)
        }
        guard provenance.seed == seed, provenance.trainingCount == split.training.count else {
            throw .otherSplit(
                seed: provenance.seed, holdout: provenance.imageCount - provenance.trainingCount)
        }
        self.bundle = bundle
    }
}

/// Why a bundle cannot be fitted further.
package enum FitBaseError: Error, Hashable, Sendable {
    case otherImages
    case otherClasses(found: Int, expected: Int)
    case otherSplit(seed: UInt64, holdout: Int)
}

extension FitBaseError: CustomStringConvertible {
    /// A sentence that says what to give instead.
    package var description: String {
        switch self {
        case .otherImages:
            "the bundle was fitted to other images: give those, or it would be calibrated on what trained it"
        case .otherClasses(let found, let expected):
            "the victim answers \(found) classes, the bundle's auxiliary model \(expected)"
        case .otherSplit(let seed, let holdout):
            "the bundle held other images out: give --seed \(seed) --holdout \(holdout)"
        }
    }
}
