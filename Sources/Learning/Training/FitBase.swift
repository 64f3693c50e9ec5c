import Foundation
import SAME
import Tensor

/// What a bundle must be that a fit goes on from: its autoencoder and auxiliary model stay as they are.
enum FitBase {
    /// Refuses a bundle that was not made of these images or held others out, since the new calibration is on images that
    /// trained none of its networks; and, once the victim's `classes` are known, one of others.
    static func check(
        _ bundle: ModelBundle, images: ImageSet, classes: Int?, split: Split, seed: UInt64
    ) throws(FitBaseError) {
        let (manifest, provenance) = (bundle.manifest, bundle.manifest.provenance)
        guard provenance.imagesDigest == images.digest else { throw .otherImages }
        if let classes, manifest.classes != classes {
            throw .otherClasses(found: classes, expected: manifest.classes)
        }
        guard provenance.seed == seed, provenance.trainingCount == split.training.count else {
            throw .otherSplit(
                seed: provenance.seed, holdout: provenance.imageCount - provenance.trainingCount)
        }
    }
}

extension FitOptions {
    /// Takes the sizes of the autoencoder and the auxiliary model that a bundle brings.
    package mutating func takeNetworks(of base: BundleManifest) {
        let sizes = base.autoencoder
        (autoencoder.patch, autoencoder.embedding) = (sizes.patch, sizes.embedding)
        (autoencoder.encoderDepth, autoencoder.decoderDepth) = (sizes.encoderDepth, sizes.decoderDepth)
        autoencoder.heads = sizes.encoderHeads
        auxiliary =
            switch base.auxiliary {
            case .conv3(_, _, let width): .conv3(width: width)
            case .mlp(_, _, let hidden): .mlp(hidden: hidden)
            case .resnet(_, _, let sizes): .resnet(sizes: sizes)
            case .vit(_, _, let sizes): .vit(sizes: sizes)
            }
    }
}

extension FitOptions.Detector {
    /// What made the detector of a bundle, where its provenance says that.
    init?(in provenance: Provenance) {
        struct Part: Decodable {
            var detector: FitOptions.Detector?
        }
        let texts = ["fit --from", "fit"].compactMap { provenance.options[$0] }
        let parts = texts.compactMap { try? JSONDecoder().decode(Part.self, from: Data($0.utf8)) }
        guard let detector = parts.compactMap(\.detector).first else { return nil }
        self = detector
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
