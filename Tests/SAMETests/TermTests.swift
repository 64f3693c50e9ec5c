import Digest
import Foundation
import Neural
import Tensor
import Testing

@testable import SAME

/// The terms' ingredients against what their definitions say, computed another way.
@Suite("Score terms") struct TermTests {
    private static let architecture = MaskedAutoencoderArchitecture(
        image: ImageShape(channels: 3, height: 8, width: 12), patch: 4, embedding: 8, encoderDepth: 1,
        encoderHeads: 2, decoderDepth: 1, decoderHeads: 2)

    private static func tensor(_ shape: [Int], seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        return Tensor(
            shape: shape, values: (0..<shape.reduce(1, *)).map { _ in generator.uniform(-1..<1) })
    }

    @Test("a masked loss is the mean over exactly the hidden patches' pixels")
    func maskedLoss() {
        let a = Self.architecture
        let (x, y) = (Self.tensor([1, a.image.count], seed: 1), Self.tensor([1, a.image.count], seed: 2))
        let visible = [0, 2, 5]
        var squares: [Double] = []
        for patch in [1, 3, 4] {
            let (top, left) = (patch / 3 * 4, patch % 3 * 4)
            for channel in 0..<3 {
                for row in top..<top + 4 {
                    for column in left..<left + 4 {
                        let at = (channel * 8 + row) * 12 + column
                        squares.append(pow(Double(x.values[at] - y.values[at]), 2))
                    }
                }
            }
        }
        let wanted = squares.reduce(0, +) / Double(squares.count)
        let found = MaskedPass.loss(x.row(0), y.row(0), visible: visible, a)
        #expect(squares.count == 144 && abs(Double(found) - wanted) < 1e-6)
    }

    @Test("a mask leaves its share visible, ascending, and over many seeds every patch as often")
    func masks() {
        let pass = MaskedPass(ratio: 0.5)
        var counts = [Int](repeating: 0, count: 6)
        for seed in 0..<3000 as Range<UInt64> {
            let visible = pass.visible(Self.architecture, seed: seed)
            #expect(visible.count == 3 && visible == visible.sorted() && Set(visible).count == 3)
            for patch in visible { counts[patch] += 1 }
        }
        // 1500 expected; the binomial's standard deviation is 27.
        #expect(counts.allSatisfy { abs($0 - 1500) < 140 }, "\(counts)")
    }

    @Test("a pass that would hide nothing, or everything, is refused", arguments: [0, 0.9, 1, -1, .nan])
    func uselessPass(ratio: Double) {
        #expect(MaskedPass(ratio: ratio).defect(Self.architecture) != nil)
        #expect(MaskedPass(ratio: 0.5).defect(Self.architecture) == nil)
    }

    @Test("a mask's seed is a function of the key and of the canonical query, and of nothing else")
    func secret() {
        let rows = Self.tensor([4, 3, 8, 12], seed: 3)
        let image = Self.architecture.image
        let secret = MaskSecret(HMACKey(Array("a key of thirty-two bytes or more".utf8)))
        let seeds = secret.seeds(rows, image)
        #expect(Set(seeds).count == 4)
        #expect(secret.seeds(rows.rows(2..<3), image) == [seeds[2]])
        #expect(
            seeds
                == rows.values.withUnsafeBufferPointer {
                    CanonicalDigest.digests(channels: 3, height: 8, width: 12, values: $0).map(secret.seed)
                })
        #expect(MaskSecret(HMACKey([1])).seeds(rows, image) != seeds)
        #expect(MaskSecret(seed: 1).seeds(rows, image) != MaskSecret(seed: 2).seeds(rows, image))
        #expect(MaskSecret(seed: 1).seeds(rows, image) == MaskSecret(seed: 1).seeds(rows, image))
    }

    @Test(
        "the neighbour's distance is the k-th smallest of all distances of unit vectors",
        arguments: [1, 3, 7])
    func neighbour(k: Int) {
        let raw = Self.tensor([40, 9], seed: 4)
        let references = ReferenceFeatures(raw, neighbours: k)
        for row in 0..<5 {
            let query = Self.tensor([1, 9], seed: UInt64(50 + row)).values
            func unit(_ values: ArraySlice<Float>) -> [Double] {
                let length = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
                return values.map { Double($0) / length }
            }
            let distances = (0..<40).map { index in
                zip(unit(query[...]), unit(raw.row(index))).reduce(0.0) { $0 + pow($1.0 - $1.1, 2) }
                    .squareRoot()
            }
            let wanted = distances.sorted()[k - 1]
            #expect(abs(Double(references.distance(query[...])) - wanted) < 1e-5)
        }
    }

    @Test(
        "of equal frames no more are kept than count, and the distance is still the k-th of all",
        arguments: [1, 3])
    func frames(k: Int) {
        let image = ImageShape(channels: 1, height: 10, width: 10)
        // What is shown begins at the corner and is so tall and wide: a quarter of the images are alike.
        let sizes: [[Int]] = (0..<60).map { $0 % 4 == 0 ? [8, 6] : [3 + $0 % 7, 4 + $0 / 7 % 6] }
        func picture(_ size: [Int]) -> [Float] {
            (0..<100).map { place in place / 10 < size[0] && place % 10 < size[1] ? 1 : -1 }
        }
        let benign = Tensor(shape: [60, 100], values: sizes.flatMap(picture))
        let references = ReferenceStatistics(benign, .frame, of: image, neighbours: k)
        #expect(references.shape.count < 60 && references.defect(image) == nil)
        func frame(_ size: [Int]) -> [Double] { size.map { Double(10 - $0) / 10 }.sorted() }
        let places = sizes.map(frame)
        let deviations = (0..<2).map { column -> Double in
            let values = places.map { $0[column] }
            let mean = values.reduce(0, +) / 60
            let square: Double = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return (square / 59).squareRoot()
        }
        for size in [[8, 6], [1, 1], [9, 9], [5, 2]] {
            let own = frame(size)
            let distances = places.map { place -> Double in
                let apart = (0..<2).map { (place[$0] - own[$0]) / deviations[$0] }
                return (apart[0] * apart[0] + apart[1] * apart[1]).squareRoot()
            }
            let found = references.distance(picture(size)[...], image)
            #expect(abs(Double(found) - distances.sorted()[k - 1]) < 1e-4, "\(size)")
        }
    }

    @Test(
        "the statistics' distance is the k-th smallest of all distances in standard deviations",
        arguments: [1, 4],
        [ImageShape(channels: 1, height: 9, width: 12), .init(channels: 3, height: 8, width: 8)])
    func statistics(k: Int, image: ImageShape) {
        let benign = Self.tensor([40, image.count], seed: 6)
        let references = ReferenceStatistics(benign, .statistics, of: image, neighbours: k)
        #expect(references.defect(image) == nil)
        // Standardised: mean 0, deviation 1, but where all images are alike.
        for column in 0..<references.shape.statistics {
            let values = (0..<40).map {
                Double(references.points.row($0)[references.points.row($0).startIndex + column])
            }
            let mean = values.reduce(0, +) / 40
            let deviation = (values.reduce(0) { $0 + pow($1 - mean, 2) } / 39).squareRoot()
            #expect(abs(mean) < 1e-4 && deviation < 1 + 1e-4)
            #expect(deviation > 0.999 || references.deviations.values[column] == 0.01)
        }
        // The place of a benign image is its point: the nearest is itself, the k-th as far as points are.
        for row in 0..<5 {
            let wanted = (0..<40).map { other in
                zip(references.points.row(row), references.points.row(other))
                    .reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }.squareRoot()
            }.sorted()[k - 1]
            #expect(abs(Double(references.distance(benign.row(row), image)) - wanted) < 1e-3)
        }
        var broken = Array(benign.row(0))
        broken[7] = .nan
        #expect(references.distance(broken[...], image).isNaN)
        #expect(references.defect(ImageShape(channels: 2, height: 9, width: 12)) != nil)
    }

    @Test("features that are zero or no numbers are far, never near")
    func strangeFeatures() {
        let references = ReferenceFeatures(Self.tensor([10, 4], seed: 5), neighbours: 2)
        #expect(abs(references.distance([0, 0, 0, 0][...]) - 2.0.squareRoot().float) < 1e-6)
        #expect(references.distance([.nan, 1, 0, 0][...]) == 2)
        #expect(references.distance([3, 1, 2, 5][...]) == references.distance([6, 2, 4, 10][...]))
    }

    @Test("energy is minus the logarithm of the sum of exponentials, without overflow")
    func energy() {
        let logits: [Float] = [0.5, -1, 2]
        let wanted = -log(logits.reduce(0.0) { $0 + exp(Double($1)) })
        #expect(abs(Double(Scorer.energy(logits)) - wanted) < 1e-6)
        #expect(Scorer.energy([1000, 0]) == -1000)
        #expect(Scorer.energy([.infinity, 0]).isNaN)
    }

    @Test(
        "an answer tells what it holds: a distribution both terms, its largest probability one, nothing none")
    func told() {
        let examined = Examination(
            reconstructionLoss: 0.1, roughness: 0.2, auxiliaryProbabilities: [0.2, 0.3, 0.5])
        func terms(_ answer: VictimAnswer) -> TermValues {
            Scorer.terms(examined, answer: answer, classes: 3)
        }
        let all = terms(.distribution([0.25, 0.25, 0.5]))
        #expect(all.doubt == 0.5 && all.deviation != nil)
        // The sum is taken in Double: an answer whose largest probability a Float rounds to 1 is not without doubt.
        let sure = terms(.distribution([1, 2e-9, 1e-9])).doubt ?? 0
        #expect(abs(sure / 3e-9 - 1) < 1e-6)
        let some = terms(.confidence(0.75))
        #expect(some.doubt == 0.25 && some.deviation == nil)
        #expect(terms(.nothing).doubt == nil && terms(.distribution([1, 1, 1])).doubt == nil)
        #expect(terms(.confidence(.nan)).doubt == nil && terms(.confidence(-1)).doubt == nil)
    }

    @Test(
        "the percentile stays the stated rate whatever the answer tells", arguments: [90.0, 97],
        ScoreTerm.Need.allCases)
    func rates(percentile: Double, need: ScoreTerm.Need) throws {
        let calibration = try Calibration(
            sample: CalibrationTests.benign(6000, seed: 21), terms: ScoreTerm.allCases)
        let scores = CalibrationTests.benign(20_000, seed: 22).map { values -> AnomalyScore in
            var values = values
            if need < .distribution { values.deviation = nil }
            if need < .confidence { values.doubt = nil }
            return calibration.score(values)
        }
        let used = ScoreTerm.allCases.filter { $0.need <= need }
        #expect(scores.allSatisfy { $0.terms == used })
        let nominal = 1 - percentile / 100
        let rate = Double(scores.count { $0.percentile > percentile }) / 20_000
        let slack = 4.5 * (nominal * (1 - nominal) * (1.0 / 6000 + 1.0 / 20_000)).squareRoot()
        #expect(abs(rate - nominal) < slack, "\(rate) for \(nominal)")
    }

    @Test("a classifier's features are what its last layer makes the logits of", arguments: 0..<4)
    func features(kind: Int) throws {
        let image = ImageShape(channels: 3, height: 16, width: 16)
        let architecture: ClassifierArchitecture = [
            .conv3(image: image, classes: 5, width: 4), .mlp(image: image, classes: 5, hidden: 7),
            .resnet(
                image: image, classes: 5, sizes: ResNetSizes(blocks: [1, 1], width: 6, stem: .cifar)),
            .vit(
                image: image, classes: 5,
                sizes: VisionTransformerSizes(patch: 4, embedding: 12, depth: 1, heads: 2, pool: .token)),
        ][kind]
        var generator = RandomGenerator(seed: 6)
        let model = try Classifier(architecture, generator: &generator)
        let images = Self.tensor([3, image.count], seed: 7)
        let (logits, features) = model.describe(images, workspace: Workspace())
        #expect(features.shape == [3, architecture.features])
        let name = ["net.11", "linear3", "fc", "head"][kind]
        let weight = try #require(model.stateDict[name + ".weight"])
        let bias = try #require(model.stateDict[name + ".bias"])
        for row in 0..<3 {
            for k in 0..<5 {
                let product = zip(weight.row(k), features.row(row)).reduce(bias.values[k]) {
                    $0 + $1.0 * $1.1
                }
                #expect(abs(product - logits.row(row)[logits.row(row).startIndex + k]) < 1e-4)
            }
        }
    }
}

extension Double {
    fileprivate var float: Float { Float(self) }
}
