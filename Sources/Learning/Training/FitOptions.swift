import SAME
import Tensor

/// Everything that shapes a bundle, besides images and answers.
package struct FitOptions: Encodable, Hashable, Sendable {
    /// The sizes of the masked autoencoder.
    package struct Autoencoder: Codable, Hashable, Sendable {
        /// The side of a patch in pixels.
        package var patch: Int
        /// The number of channels of a token.
        package var embedding: Int
        /// Blocks of the encoder.
        package var encoderDepth: Int
        /// Blocks of the decoder.
        package var decoderDepth: Int
        /// Heads of attention in every block.
        package var heads: Int
        /// The shares of patches hidden in training; each step draws one of them.
        package var maskRatios: [Double]
        /// How long and how fast.
        package var schedule: TrainingSchedule
    }

    /// The kind and size of the auxiliary model.
    package enum AuxiliaryKind: Codable, Hashable, Sendable {
        case conv3(width: Int)
        case mlp(hidden: Int)
        case resnet(sizes: ResNetSizes)
        case vit(sizes: VisionTransformerSizes)

        /// The architecture for images and classes.
        package func architecture(image: ImageShape, classes: Int) -> ClassifierArchitecture {
            switch self {
            case .conv3(let width): .conv3(image: image, classes: classes, width: width)
            case .mlp(let hidden): .mlp(image: image, classes: classes, hidden: hidden)
            case .resnet(let sizes): .resnet(image: image, classes: classes, sizes: sizes)
            case .vit(let sizes): .vit(image: image, classes: classes, sizes: sizes)
            }
        }

        /// An architecture's, whatever images and classes it is for.
        package init(_ architecture: ClassifierArchitecture) {
            switch architecture {
            case .conv3(_, _, let width): self = .conv3(width: width)
            case .mlp(_, _, let hidden): self = .mlp(hidden: hidden)
            case .resnet(_, _, let sizes): self = .resnet(sizes: sizes)
            case .vit(_, _, let sizes): self = .vit(sizes: sizes)
            }
        }
    }

    /// Where the other options began.
    package var preset: Preset
    /// Eq. (4): the reconstruction.
    package var autoencoder: Autoencoder
    /// Eq. (5): the auxiliary model.
    package var auxiliary: AuxiliaryKind
    /// How long and how fast the auxiliary model is trained.
    package var auxiliarySchedule: TrainingSchedule
    /// The network for small perturbations, which is trained where the score has a term for it.
    package var detector: Detector
    /// The benign features, which are kept where the score has a term for them.
    package var references = References()
    /// The benign statistics and frames, likewise.
    package var statistics = Statistics()
    /// Images kept from training to calibrate on.
    package var holdout: Int
    /// The share of pictures that honest clients send re-encoded.
    package var reencodedShare = usualTransport.share
    /// Where all chance comes from.
    package var seed: UInt64
    /// What a score is made of.
    package var terms: [ScoreTerm]
    /// How the terms become one number.
    package var combination: Calibration.Combination
    /// Whether what each term counts for in a tail-sum is chosen on simulated queries; else every nat of every term counts
    /// for one.
    package var choosesVoices = true

    /// The size of the perturbation detector and its training.
    package struct Detector: Codable, Hashable, Sendable {
        /// Steps of training; each takes `batch` genuine images and as many perturbed ones.
        package var steps = 24_000
        package var batch = 64
        /// AdamW's highest rate.
        package var learningRate = 2e-3
        /// The channels of its first convolutions.
        package var width = 8
        /// Its resolutions.
        package var stages = 3

        /// The architecture for images of a shape.
        package func architecture(image: ImageShape) -> PerturbationDetectorArchitecture {
            PerturbationDetectorArchitecture(image: image, width: width, stages: stages)
        }

        /// One epoch of as many draws as the steps need.
        package var schedule: TrainingSchedule {
            TrainingSchedule(
                epochs: 1, batch: batch, learningRate: learningRate, warmupEpochs: 0.25,
                optimizer: .adamW(beta1: 0.9, beta2: 0.999, weightDecay: 1e-3))
        }
    }

    /// Whether a perturbation detector is trained: Eq. (6) has no place for its term.
    package var detectsPerturbations: Bool {
        combination == .tailSum && terms.contains(.perturbation)
    }

    /// Whether voices are chosen: Eq. (6) has no place for them either.
    var weighsTerms: Bool { choosesVoices && combination == .tailSum }

    /// Whether benign features are kept, likewise.
    package var comparesFeatures: Bool { combination == .tailSum && terms.contains(.neighbour) }

    /// Whether benign numbers of a measure are kept, likewise.
    package func compares(_ measure: PixelMeasure) -> Bool {
        combination == .tailSum && terms.contains(measure.term)
    }

    /// How honest clients are taken to send pictures, unless a fit is told otherwise.
    static let usualTransport = HonestTransport(share: 0.125)
    /// How they are taken to here.
    var transport: HonestTransport { HonestTransport(share: reencodedShare) }

    /// The pass with patches hidden, likewise.
    package var maskedPass: MaskedPass? {
        combination == .tailSum && terms.contains(.masked) ? MaskedPass(ratio: Self.maskedRatio) : nil
    }

    /// A named set of options.
    package enum Preset: String, Codable, CaseIterable, Sendable {
        /// About a tenth of the small one's operations a query, for victims that are small themselves.
        case tiny
        /// About half an hour on two cores, and the better scorer: mask ratios are mixed in training.
        case small
        /// For photographs in colour, such as CIFAR-10's: hours on two cores.
        case natural
        /// The same in less than a tenth of a ResNet-18's operations and time.
        case naturalTiny = "natural-tiny"
        /// The authors' sizes and schedules: days on two cores.
        case paper
    }

    /// The options of a preset.
    package init(_ preset: Preset) {
        self.preset = preset
        detector = Detector()
        holdout = Self.holdoutMost
        seed = 1
        switch preset {
        case .tiny, .small:
            autoencoder = Self.ownAutoencoder(preset)
            auxiliary = preset == .tiny ? .mlp(hidden: 64) : .conv3(width: 16)
            if preset == .tiny { detector.width = 6 }
            auxiliarySchedule = TrainingSchedule(
                epochs: 10, batch: 128, learningRate: 2e-3, warmupEpochs: 0.5,
                optimizer: .adamW(beta1: 0.9, beta2: 0.999, weightDecay: 0.01))
            terms = Calibration.defaultTerms + [.statistics, .frame, .perturbation]
            combination = .tailSum
        case .natural, .naturalTiny:
            autoencoder = Self.ownAutoencoder(preset)
            (detector.width, detector.steps) = (16, 12_000)
            let blocks = preset == .natural ? [3, 3, 3] : [2, 2, 2]
            auxiliary = .resnet(sizes: ResNetSizes(blocks: blocks, width: 16, stem: .cifar))
            auxiliarySchedule = TrainingSchedule(
                epochs: 12, batch: 128, learningRate: 2e-3, warmupEpochs: 0.5,
                optimizer: .adamW(beta1: 0.9, beta2: 0.999, weightDecay: 0.01))
            terms = Self.naturalTerms
            combination = .tailSum
        case .paper:
            autoencoder = Self.paperAutoencoder
            auxiliary = .conv3(width: 32)
            auxiliarySchedule = TrainingSchedule(
                epochs: 80, batch: 128, learningRate: 0.1, warmupEpochs: 0,
                optimizer: .sgd(momentum: 0.9, weightDecay: 5e-4))
            terms = [.reconstruction, .deviation]
            combination = .paper(alpha: 0.99)
        }
    }

    /// Reconstruction sees little of photographs of other things; what the models make of them, and the victim's own doubt,
    /// see more.
    private static var naturalTerms: [ScoreTerm] {
        [.reconstruction, .perturbation, .energy, .neighbour, .doubt]
    }

    /// The autoencoders of the presets that are not the authors'.
    private static func ownAutoencoder(_ preset: Preset) -> Autoencoder {
        var small = Autoencoder(
            patch: 4, embedding: 32, encoderDepth: 2, decoderDepth: 1, heads: 4,
            maskRatios: [0.75, 0.5, 0.25],
            schedule: TrainingSchedule(
                epochs: 40, batch: 128, learningRate: 2e-3, warmupEpochs: 2,
                optimizer: .adamW(beta1: 0.9, beta2: 0.95, weightDecay: 0.05)))
        switch preset {
        case .tiny: (small.patch, small.embedding, small.encoderDepth, small.heads) = (7, 16, 1, 2)
        case .natural: (small.embedding, small.encoderDepth, small.decoderDepth) = (96, 4, 2)
        case .naturalTiny: (small.embedding, small.heads) = (48, 3)
        case .small, .paper: break
        }
        return small
    }

    /// **Source** the authors' code, as the algorithm's description lists it.
    private static var paperAutoencoder: Autoencoder {
        Autoencoder(
            patch: 2, embedding: 192, encoderDepth: 12, decoderDepth: 4, heads: 3, maskRatios: [0.75],
            schedule: TrainingSchedule(
                epochs: 500, batch: 128, learningRate: 0.01, warmupEpochs: 50,
                optimizer: .adamW(beta1: 0.9, beta2: 0.95, weightDecay: 0.05)))
    }

    /// The autoencoder's architecture for images of a shape.
    package func autoencoderArchitecture(image: ImageShape) -> MaskedAutoencoderArchitecture {
        MaskedAutoencoderArchitecture(
            image: image, patch: autoencoder.patch, embedding: autoencoder.embedding,
            encoderDepth: autoencoder.encoderDepth, encoderHeads: autoencoder.heads,
            decoderDepth: autoencoder.decoderDepth, decoderHeads: autoencoder.heads)
    }
}

extension FitOptions.AuxiliaryKind: CustomStringConvertible {
    /// The kind with every size it has, for reports.
    package var description: String {
        switch self {
        case .conv3(let width): "conv3(width: \(width))"
        case .mlp(let hidden): "mlp(hidden: \(hidden))"
        case .resnet(let sizes):
            "resnet(blocks: \(sizes.blocks), width: \(sizes.width), stem: \(sizes.stem.rawValue))"
        case .vit(let sizes):
            "vit(patch: \(sizes.patch), embedding: \(sizes.embedding), depth: \(sizes.depth), heads: \(sizes.heads), "
                + "pool: \(sizes.pool.rawValue))"
        }
    }
}

extension FitOptions {
    private enum CodingKeys: String, CodingKey {
        case preset, autoencoder, auxiliary, auxiliarySchedule, detector, references, statistics, holdout
        case reencodedShare, seed, terms, combination, choosesVoices
    }

    /// What shapes the bundle, for provenances: the options of parts that the score has no use for are not among it.
    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(autoencoder, forKey: .autoencoder)
        try values.encode(auxiliary, forKey: .auxiliary)
        try values.encode(auxiliarySchedule, forKey: .auxiliarySchedule)
        try encode(into: &values, detector: detector)
    }

    /// What shapes a bundle that goes on from another: nothing is said of the autoencoder and the auxiliary model, which stay.
    struct Continuing: Encodable {
        let options: FitOptions
        /// What made the detector, where that is known.
        let detector: Detector?

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: FitOptions.CodingKeys.self)
            try options.encode(into: &values, detector: detector)
        }
    }

    private func encode(
        into values: inout KeyedEncodingContainer<CodingKeys>, detector: Detector?
    ) throws {
        try values.encode(preset, forKey: .preset)
        if detectsPerturbations { try values.encodeIfPresent(detector, forKey: .detector) }
        if comparesFeatures { try values.encode(references, forKey: .references) }
        if compares(.statistics) || compares(.frame) { try values.encode(statistics, forKey: .statistics) }
        try values.encode(holdout, forKey: .holdout)
        try values.encode(reencodedShare, forKey: .reencodedShare)
        try values.encode(seed, forKey: .seed)
        try values.encode(terms, forKey: .terms)
        try values.encode(combination, forKey: .combination)
        if combination == .tailSum { try values.encode(choosesVoices, forKey: .choosesVoices) }
    }

    /// Takes the patch nearest to the preset's that divides images of a shape, the larger of two: a preset is for images of
    /// many sizes. Where there is none from half to twice as large all stays as it is, for validation to refuse.
    package mutating func adapt(to image: ImageShape) {
        let wanted = autoencoder.patch
        let divides = { (patch: Int) in image.height % patch == 0 && image.width % patch == 0 }
        let near = (max(1, (wanted + 1) / 2)...2 * wanted).filter(divides)
        autoencoder.patch = near.min { (abs($0 - wanted), -$0) < (abs($1 - wanted), -$1) } ?? wanted
    }

    /// What is wrong with the options, for the user; empty when nothing is.
    package var problems: [String] {
        var problems: [String] = []
        for (name, schedule) in [("autoencoder", autoencoder.schedule), ("auxiliary", auxiliarySchedule)] {
            problems += schedule.problems.map { "\(name): \($0)" }
        }
        if autoencoder.maskRatios.isEmpty || !autoencoder.maskRatios.allSatisfy({ (0..<1).contains($0) }) {
            problems.append("mask ratios must be at least one number from 0 to below 1")
        }
        if !(0...1).contains(reencodedShare) {
            problems.append("the share of re-encoded pictures must be from 0 to 1")
        }
        switch combination {
        case .paper(let alpha) where !(0...1).contains(alpha):
            problems.append("alpha must be a number from 0 to 1")
        case .tailSum where terms.isEmpty: problems.append("a score needs at least one term")
        default: break
        }
        if detectsPerturbations { problems += detector.problems }
        if comparesFeatures { problems += references.problems }
        if compares(.statistics) || compares(.frame) { problems += statistics.problems }
        if holdout < TailFunction.sampleCountMin {
            problems.append("the hold-out must be at least \(TailFunction.sampleCountMin) images")
        }
        return problems
    }
}

extension FitOptions.Detector {
    /// What is wrong with the detector's options; empty when nothing is.
    var problems: [String] {
        var problems: [String] = []
        if !(1...1_000_000).contains(steps) {
            problems.append("the perturbation detector's steps must be from 1 to 1000000")
        }
        if !(1...4096).contains(batch) {
            problems.append("the perturbation detector's batch must be from 1 to 4096 images")
        }
        if !(learningRate > 0 && learningRate <= 10) {
            problems.append("the perturbation detector's learning rate must be above 0 and at most 10")
        }
        return problems
    }
}

extension TrainingSchedule {
    /// What is wrong with the schedule; empty when nothing is.
    package var problems: [String] {
        var problems: [String] = []
        if !(1...100_000).contains(epochs) { problems.append("epochs must be from 1 to 100000") }
        if !(1...65536).contains(batch) { problems.append("the batch must be from 1 to 65536 images") }
        if !(learningRate > 0 && learningRate <= 10) {
            problems.append("the learning rate must be above 0 and at most 10")
        }
        if !(warmupEpochs >= 0 && warmupEpochs <= Double(epochs)) {
            problems.append("the warm-up must be from 0 to the number of epochs")
        }
        return problems
    }
}
