import Foundation
import SAME
import Tensor
import TestSupport
import Testing

@testable import Learning

@Suite("Voices: what each term counts for")
struct VoiceChoiceTests {
    /// Unit exponentials, as surprises of benign queries are.
    private static func exponentials(
        _ count: Int, _ means: [Double], _ generator: inout RandomGenerator
    ) -> [VoiceChoice.Row] {
        (0..<count).map { _ in means.map { -$0 * log(1 - generator.uniform()) } }
    }

    /// A choice on one kind of query, of which the reconstruction sees much and another term nothing.
    private static func besideReconstruction(_ blind: ScoreTerm, seed: UInt64) -> VoiceChoice {
        var generator = RandomGenerator(seed: seed)
        let benign = exponentials(2000, [1, 1], &generator)
        let attack = exponentials(500, [4, 1], &generator)
        return VoiceChoice(terms: [.reconstruction, blind], benign: benign, attacks: [[attack]])
    }

    @Test("AUROC is that of all pairs, ties counting half")
    func auroc() {
        var generator = RandomGenerator(seed: 1)
        let benign = (0..<70).map { _ in Double(generator.integer(below: 20)) }
        let attack = (0..<50).map { _ in Double(generator.integer(below: 25)) }
        let pairs = attack.flatMap { a in benign.map { a > $0 ? 1 : a == $0 ? 0.5 : 0 } }
        let expected = pairs.reduce(0, +) / Double(pairs.count)
        #expect(abs(VoiceChoice.auroc(attack, over: benign.sorted()) - expected) < 1e-12)
    }

    @Test(
        "a detector that is silent about strangers and sure of its own gets a floor; the score on both gets better"
    )
    func floor() throws {
        var generator = RandomGenerator(seed: 2)
        let benign = Self.exponentials(2000, [1, 1], &generator)
        // Steps: the second term is far up. Strangers: the second is lower than benign ones, the first is raised.
        let steps = (0..<400).map { _ in [-log(1 - generator.uniform()), 6 + 2 * generator.uniform()] }
        let strangers = (0..<400).map { _ in [2.2 - log(1 - generator.uniform()), 0.2 * generator.uniform()] }
        let choice = VoiceChoice(
            terms: [.reconstruction, .perturbation], benign: benign, attacks: [[steps], [strangers]])
        let voices = choice.voices()
        let voice = try #require(voices[.perturbation])
        #expect(voice.floor > 1)
        #expect(
            choice.loss([voices[.reconstruction] ?? .plain, voice]) < choice.loss([.plain, .plain]) - 0.1)
    }

    @Test("a term that tells nothing of any kind is made quiet, also one that needs the victim's answer")
    func quiet() throws {
        let choice = Self.besideReconstruction(.deviation, seed: 7)
        let voice = try #require(choice.voices()[.deviation])
        #expect(voice.weight < 1 || voice.floor > 0)
    }

    @Test("a term that sees nothing of what is simulated is silent about the usual and loud about the rare")
    func loud() throws {
        let choice = Self.besideReconstruction(.frame, seed: 8)
        let voice = try #require(choice.voices()[.frame])
        #expect(voice.heard(log(4)) == 0 && voice.heard(log(1000)) > log(1000) - log(30))
        #expect(choice.loss([.plain, voice]) < choice.loss([.plain, Voice(floor: 0, weight: 0.5)]) + 0.02)
    }

    @Test("groups count alike, however many kinds each has")
    func groups() {
        var generator = RandomGenerator(seed: 9)
        let benign = Self.exponentials(500, [1], &generator)
        let (seen, missed) = (
            Self.exponentials(200, [9], &generator), Self.exponentials(200, [1], &generator)
        )
        func loss(_ attacks: [[[VoiceChoice.Row]]]) -> Double {
            VoiceChoice(terms: [.reconstruction], benign: benign, attacks: attacks).loss([.plain])
        }
        let (high, low) = (loss([[missed]]), loss([[seen]]))
        #expect(abs(loss([[missed], [seen, seen, seen], [], [[]]]) - (high + low) / 2) < 1e-12)
    }

    @Test("where nothing is to be gained every term keeps its plain voice")
    func plain() {
        var generator = RandomGenerator(seed: 3)
        let benign = Self.exponentials(2000, [1, 1], &generator)
        let nothing = VoiceChoice(
            terms: [.reconstruction, .excess], benign: benign, attacks: [[[]], []])
        #expect(nothing.voices().isEmpty)
        let raised = Self.exponentials(500, [3, 3], &generator)
        let even = VoiceChoice(terms: [.reconstruction, .excess], benign: benign, attacks: [[raised]])
        #expect(even.voices().isEmpty)
    }

    @Test(
        "strangers are pictures of every shape, of their generator alone, and not the owner's",
        arguments: [Synthetic.shape, ImageShape(channels: 3, height: 9, width: 12)])
    func strangers(shape: ImageShape) {
        var generator = RandomGenerator(seed: 4)
        let own = Tensor(
            shape: [20, shape.count], values: (0..<20 * shape.count).map { _ in generator.uniform(-1..<1) })
        let drawn = SimulatedStrangers(image: shape, own: own)
        for kind in SimulatedStrangers.Kind.allCases {
            var again = generator
            let pictures = drawn.pictures(kind, generator: &generator)
            #expect(pictures.shape == own.shape && pictures != own, "\(kind)")
            #expect(pictures == drawn.pictures(kind, generator: &again))
            #expect(pictures.values.allSatisfy { $0.isFinite && abs($0) <= 1 + 1e-6 })
            for row in 0..<20 {
                let values = pictures.row(row)
                #expect((values.max() ?? 0) - (values.min() ?? 0) > 0.1, "\(kind) \(row) shows nothing")
            }
        }
    }

    @Test("no kind of stranger that terms are weighed by is one that a detector learns from")
    func unmet() {
        let (met, unmet) = (SimulatedStrangers.training, SimulatedStrangers.validating)
        #expect(Set(met).isDisjoint(with: unmet) && Set(met + unmet) == Set(SimulatedStrangers.Kind.allCases))
        #expect(!SimulatedThieves.training.overlaps(SimulatedThieves.validating))
    }

    @Test("what voices are chosen on is of every class, also where the images come class by class")
    func everyClass() {
        // Held out of ten classes, 500 of each, one after the other.
        let positions = Array(0..<5000)
        let transport = HonestTransport(share: 0.125)
        let reencoded = positions.filter { transport.isReencoded($0) }
        let originals = positions.filter { !transport.isReencoded($0) }
        let parts = VoiceSimulation.parts(originals, reencoded, seed: 1)
        #expect(parts.sources.count == VoiceSimulation.count && Set(parts.sources).count == 500)
        #expect(Set(parts.sources).isSubset(of: originals))
        #expect(Set(parts.honest).isDisjoint(with: parts.sources))
        #expect(Set(parts.honest).count == parts.honest.count)
        // Those at the front stand for all, where there are fewer places to fill than honest queries.
        for chosen in [parts.sources, Array(parts.honest.prefix(500))] {
            for kind in 0..<10 {
                #expect(chosen.count { $0 / 500 == kind } > 20, "class \(kind)")
            }
        }
        let again = VoiceSimulation.parts(originals, reencoded, seed: 1)
        #expect(parts.sources == again.sources && parts.honest == again.honest)
        #expect(VoiceSimulation.parts(originals, reencoded, seed: 2).sources != parts.sources)
    }

    @Test("turned by quarters the picture's values are only moved")
    func turned() {
        var generator = RandomGenerator(seed: 5)
        let shape = ImageShape(channels: 1, height: 8, width: 8)
        let own = Tensor(shape: [9, 64], values: (0..<9 * 64).map { _ in generator.uniform(-1..<1) })
        let turned = SimulatedStrangers(image: shape, own: own).pictures(.turned, generator: &generator)
        for row in 0..<9 {
            let moved = zip(turned.row(row).sorted(), own.row(row).sorted())
            #expect(moved.allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test("a fit chooses voices unless it is told not to, and the bundle keeps them through a file")
    func fitted() throws {
        let data = Synthetic.images(600)
        let bundle = { (chooses: Bool) in
            let folder = try ScratchFolder()
            let run = TrainingRun(
                workspace: Workspace(threads: 1), checkpoints: folder.file("checkpoint"), resume: false,
                stop: StopFlag(), show: { _ in })
            try run.prepare()
            var options = Synthetic.options(detectorSteps: 40)
            options.choosesVoices = chooses
            let fit = try Fit(
                images: data.images, answers: Synthetic.answers(data.images, data.labels), options: options,
                program: "test", run: run)
            let made = try fit.makeBundle()
            try made.write(to: folder.file("b"))
            #expect(
                try ModelBundle(contentsOf: folder.file("b")).manifest.calibration
                    == made.manifest.calibration)
            return made
        }
        let (chosen, plain) = (try bundle(true), try bundle(false))
        #expect(plain.manifest.calibration.terms.allSatisfy { $0.voice == nil })
        #expect(chosen.detector?.stateDict == plain.detector?.stateDict)
        #expect(chosen.manifest.calibration.terms.map(\.tail) == plain.manifest.calibration.terms.map(\.tail))
        #expect(chosen.manifest.defect == nil || chosen.manifest.files.isEmpty)
    }

    @Test(
        "the stated share of a calibration is re-encoded, whatever the seed; the others are measured as they are",
        arguments: [0.125, 0, 0.3, 1])
    func reencoded(share: Double) throws {
        let data = Synthetic.images(160)
        var generator = RandomGenerator(seed: 6)
        let autoencoder = try MaskedAutoencoder(
            Synthetic.options().autoencoderArchitecture(image: Synthetic.shape), generator: &generator)
        let auxiliary = try Classifier(
            .mlp(image: Synthetic.shape, classes: Synthetic.classes, hidden: 8), generator: &generator)
        let answers = Synthetic.answers(data.images, data.labels)
        let sample = { (seed: UInt64) in
            try BenignSample(
                data.images, at: Array(0..<160), sent: HonestTransport(share: share), answers: answers,
                by: ScoringNetworks(autoencoder, auxiliary), forVoices: false, seed: seed,
                workspace: Workspace())
        }
        let (one, two) = (try sample(1), try sample(2))
        #expect(one.reencoded.count == Int(160 * share))
        #expect((one.originals + one.reencoded).sorted() == Array(0..<160))
        // Stated rates need enough queries to be about.
        #expect(one.rated == (share < 0.35 ? one.originals : Array(0..<160)))
        let differing = one.values.indices.filter { one.values[$0] != two.values[$0] }
        #expect(Set(differing).isSubset(of: one.reencoded))
        #expect(differing.count * 2 >= one.reencoded.count)
        let scored = try Calibration(sample: one.values, terms: [.reconstruction], rated: one.rated)
        #expect((one.results(scored)["reencoded_above_p99"] != nil) == (share > 0))
    }
}
