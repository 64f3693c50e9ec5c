import Engine
import SAME
import Tensor

/// Simulated queries as a bundle's networks see them, and the voices chosen by them.
///
/// What is chosen on is neither what the networks learnt from nor what a report is about: held-out images as the honest
/// ones; of other held-out images, those that thieves unmet in training have stepped, and strangers; to strangers of the kinds
/// that the detector has met it is made blind. The victim is asked about none of them: the auxiliary model, which learnt to
/// answer as it does, stands in for it, on the honest ones too.
struct VoiceSimulation {
    let networks: ScoringNetworks
    /// Whose gradients are followed; without any, nothing is stepped.
    let thieves: [Classifier]
    let seed: UInt64
    let workspace: Workspace

    /// The most pictures of a kind.
    static let count = 500
    /// A picture as it arrives: on the 8-bit grid.
    private static let rounding = SimulatedTransport(jpegShare: 0, resizeShare: 0)

    /// The voices of a score's terms. `sample` holds what the images at `heldOut` measure, in their order: every other of the
    /// originals and of the re-encoded ones is an honest query here, and the other originals are what the simulated ones are
    /// made of.
    ///
    /// **Throws** `CalibrationError` or `PlanError`.
    func voices(
        _ images: ImageSet, at heldOut: [Int], sample: BenignSample, terms: [ScoreTerm],
        combination: Calibration.Combination
    ) throws -> [ScoreTerm: Voice] {
        guard combination == .tailSum else { return [:] }
        let plain = try Calibration(sample: sample.standIn, terms: terms, combination: combination)
        let names = plain.terms.map(\.term)
        guard names.count > 1 else { return [:] }
        let surprises = { (values: TermValues) in
            plain.surprises(values).map { $0 ?? TailFunction.surpriseMax }
        }
        let parts = Self.parts(sample.originals, sample.reencoded, seed: seed)
        let honest = parts.honest.map { surprises(sample.standIn[$0]) }
        let originals = parts.sources.map { heldOut[$0] }
        guard !originals.isEmpty else { return [:] }
        let examiner = try Examiner(networks, secret: MaskSecret(seed: seed), workspace: workspace)
        let measured = { (queries: Tensor) in
            BenignSample.standIn(queries, examiner.examine(queries), networks.auxiliary, workspace).map(
                surprises)
        }
        let pictures = images.canonical(originals, range: .signed)
        let unmet = strangers(SimulatedStrangers.validating, pictures, images.shape).map(measured)
        let met = strangers(SimulatedStrangers.training, pictures, images.shape).map(measured)
        // What the detector learnt by heart says nothing for it, but of the other terms.
        let blind = met.map { Self.without(names.firstIndex(of: .perturbation), $0, honest) }
        let steps = stepped(pictures, images.shape).map(measured)
        return VoiceChoice(terms: names, benign: honest, attacks: [steps, unmet + blind]).voices()
    }

    /// The positions of the honest queries, and of those, at most ``count``, that the simulated ones are made of: of the
    /// originals every other each, of the re-encoded ones every other too. Both in an order drawn by the seed, since files may
    /// come class by class: the first of them would be pictures of a few classes.
    static func parts(
        _ originals: [Int], _ reencoded: [Int], seed: UInt64
    ) -> (honest: [Int], sources: [Int]) {
        let everyOther = { (positions: [Int], first: Int) -> [Int] in
            stride(from: first, to: positions.count, by: 2).map { positions[$0] }
        }
        let honest = everyOther(originals, 0) + everyOther(reencoded, 0)
        let sources = everyOther(originals, 1)
        var generator = Stream.voiceQueries.generator(seed: seed, at: 0)
        let mixed = generator.permutation(honest.count).map { honest[$0] }
        generator = Stream.voiceQueries.generator(seed: seed, at: 1)
        return (mixed, generator.permutation(sources.count).prefix(Self.count).map { sources[$0] })
    }

    /// Pictures stepped along gradients. **Shapes** pictures and results (B, C·H·W).
    private func stepped(_ pictures: Tensor, _ shape: ImageShape) -> [Tensor] {
        guard networks.detector != nil, !thieves.isEmpty else { return [] }
        return [SimulatedPerturbation.Confinement.none, .bright].enumerated().map { index, confinement in
            var generator = Stream.validationSteps.generator(seed: seed, at: index)
            let attack = SimulatedPerturbation(
                image: shape, thieves: thieves, workspace: workspace, confinement: confinement)
            let stepped = attack.apply(pictures, generator: &generator)
            return Self.rounding.carry(stepped, shape: shape, generator: &generator)
        }
    }

    /// Queries as they would be to one term less: its surprises are honest queries'.
    private static func without(
        _ term: Int?, _ rows: [VoiceChoice.Row], _ honest: [VoiceChoice.Row]
    ) -> [VoiceChoice.Row] {
        guard let term, !honest.isEmpty else { return rows }
        return rows.enumerated().map { place, row in
            var row = row
            row[term] = honest[place % honest.count][term]
            return row
        }
    }

    /// Strangers of some kinds, likewise.
    private func strangers(
        _ kinds: [SimulatedStrangers.Kind], _ pictures: Tensor, _ shape: ImageShape
    ) -> [Tensor] {
        let strangers = SimulatedStrangers(image: shape, own: pictures)
        return kinds.enumerated().map { index, kind in
            var generator = Stream.strangers.generator(seed: seed, at: index)
            let drawn = strangers.pictures(kind, generator: &generator)
            return Self.rounding.carry(drawn, shape: shape, generator: &generator)
        }
    }
}
