import Foundation
import Query
import SAME
import Tensor

/// A real bundle of networks too small to be any good, calibrated by the real scorer on seeded benign pictures, with the
/// function that the scripted victim answers by.
///
/// The pictures are noise of some amplitude: the scorer reconstructs them badly, so the amplitude moves the score smoothly
/// and a picture for any percentile can be found.
struct TinyModel: Sendable {
    static let gray = Result { try TinyModel(ImageShape(channels: 1, height: 8, width: 8), seed: 1) }
    static let color = Result { try TinyModel(ImageShape(channels: 3, height: 8, width: 12), seed: 2) }
    /// Like `gray`, with other weights.
    static let otherGray = Result { try TinyModel(ImageShape(channels: 1, height: 8, width: 8), seed: 3) }
    /// A bundle with every term that needs no detector.
    static let full = Result {
        try TinyModel(
            ImageShape(channels: 1, height: 8, width: 8), seed: 4,
            terms: ScoreTerm.allCases.filter { $0 != .perturbation })
    }
    static let classes = 3

    let image: ImageShape
    let bundle: ModelBundle
    let scorer: Scorer

    private init(
        _ image: ImageShape, seed: UInt64, terms: [ScoreTerm] = [.reconstruction, .deviation]
    ) throws {
        var generator = RandomGenerator(seed: seed)
        let autoencoder = try MaskedAutoencoder(
            MaskedAutoencoderArchitecture(
                image: image, patch: 4, embedding: 8, encoderDepth: 1, encoderHeads: 2, decoderDepth: 1,
                decoderHeads: 2), generator: &generator)
        let auxiliary = try Classifier(
            .mlp(image: image, classes: Self.classes, hidden: 8), generator: &generator)
        let benign = (0..<300).map { index in
            Self.picture(image, seed: UInt64(1000 + index), amplitude: generator.uniform(0.1..<0.9))
        }
        let pictures = Tensor(shape: [benign.count, image.count], values: Array(benign.joined()))
        let workspace = Scorer.makeWorkspace()
        let maskedPass = terms.contains(.masked) ? MaskedPass(ratio: 0.5) : nil
        let references =
            terms.contains(.neighbour)
            ? ReferenceFeatures(
                auxiliary.describe(pictures.rows(0..<60), workspace: workspace).features, neighbours: 3) : nil
        let statistics =
            terms.contains(.statistics)
            ? ReferenceStatistics(pictures.rows(0..<60), .statistics, of: image, neighbours: 3) : nil
        let frames =
            terms.contains(.frame)
            ? ReferenceStatistics(pictures.rows(0..<60), .frame, of: image, neighbours: 3) : nil
        let examinations = Scorer.examine(
            pictures,
            by: ScoringNetworks(
                autoencoder, auxiliary, references: references, statistics: statistics, frames: frames,
                maskedPass: maskedPass),
            workspace: workspace)
        let sample = zip(examinations, benign).map {
            Scorer.terms($0, answer: Self.answer(to: $1[...]), classes: Self.classes)
        }
        let provenance = Provenance(
            program: "test", imagesDigest: "", imageCount: benign.count, trainingCount: 0, targetsDigest: "",
            seed: seed,
            options: [:], results: [:])
        let manifest = BundleManifest(
            image: image, range: .signed, classes: Self.classes, autoencoder: autoencoder.architecture,
            auxiliary: auxiliary.architecture, references: references?.shape, statistics: statistics?.shape,
            frame: frames?.shape, maskedPass: maskedPass,
            calibration: try Calibration(sample: sample, terms: terms),
            provenance: provenance)
        self.image = image
        bundle = ModelBundle(
            manifest: manifest, autoencoder: autoencoder, auxiliary: auxiliary, references: references,
            statistics: statistics, frames: frames)
        scorer = Scorer(bundle)
    }

    /// Noise of an amplitude; above 1 it leaves the range of pictures.
    static func picture(_ image: ImageShape, seed: UInt64, amplitude: Float) -> [Float] {
        var generator = RandomGenerator(seed: seed)
        return (0..<image.count).map { _ in amplitude * generator.uniform(-1..<1) }
    }

    /// What the victim says of a picture: probabilities that sum to 1.
    static func answer(to row: ArraySlice<Float>) -> [Float] {
        let third = row.count / classes
        let values = Array(row)
        let logits = (0..<classes).map { index in
            Double(index) + tanh(Double(values[index * third..<(index + 1) * third].reduce(0, +)))
        }
        let sum = logits.reduce(0) { $0 + exp($1) }
        return logits.map { Float(exp($0) / sum) }
    }

    /// The score of a picture with the victim's answer to it, straight from the scorer: the oracle for what a gateway logs.
    func score(_ picture: [Float], answer: [Float]?) -> AnomalyScore {
        let rows = Tensor(shape: [1, image.count], values: picture)
        return scorer.assess(scorer.examine(rows, workspace: Scorer.makeWorkspace())[0], answer: answer)
    }

    /// A picture whose calibrated score lies in `range` of the benign percentiles, found by halving the interval of
    /// amplitudes: the score grows with the amplitude, but for small steps that a narrow range may fall between.
    func picture(_ range: Range<Double>, seed: UInt64 = 7) throws -> [Float] {
        var low: Float = 1e-3
        var high: Float = 1e4
        for _ in 0..<100 {
            let middle = (low * high).squareRoot()
            let picture = Self.picture(image, seed: seed, amplitude: middle)
            let percentile = score(picture, answer: Self.answer(to: picture[...])).percentile
            if range.contains(percentile) { return picture }
            if percentile < range.lowerBound { low = middle } else { high = middle }
        }
        throw NoSuchPicture(range: range)
    }

    struct NoSuchPicture: Error { let range: Range<Double> }
}
