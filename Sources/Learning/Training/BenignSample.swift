import Engine
import SAME
import Tensor

/// What benign images score before there is a calibration: the sample that one is made from.
struct BenignSample {
    /// The terms of each image.
    let values: [TermValues]
    /// The same where the auxiliary model's answer to the picture itself stands in for the victim's: what can be simulated,
    /// since the victim is asked about nothing but the owner's images. Empty where no voices are chosen.
    let standIn: [TermValues]
    /// The share of images that the auxiliary model puts into the victim's class.
    let agreement: Double

    private let transport: HonestTransport

    /// The positions of the originals and of the re-encoded ones.
    var originals: [Int] { values.indices.filter { !transport.isReencoded($0) } }
    var reencoded: [Int] { values.indices.filter(transport.isReencoded) }

    /// What stated rates are about: the originals, or all, where those alone would be too few.
    var rated: [Int] {
        originals.count < TailFunction.sampleCountMin ? Array(values.indices) : originals
    }

    /// What a bundle's provenance says of it: the agreement, and the share of the re-encoded ones that the calibration puts
    /// above its 99th percentile, where there are any.
    func results(_ calibration: Calibration) -> [String: Double] {
        var results = ["held_out_agreement": agreement]
        let found = reencoded
        if !found.isEmpty {
            let above = found.count { calibration.score(values[$0]).percentile > 99 }
            results["reencoded_above_p99"] = Double(above) / Double(found.count)
        }
        return results
    }

    /// Measures the images at `indices` with the victim's answers to them; the re-encoded ones with the answer to the
    /// original, since the victim was asked about that. `seed` draws how they are re-encoded,
    /// and what masks hide. `forVoices` has the stand-in's answers taken too.
    init(
        _ images: ImageSet, at indices: [Int], sent transport: HonestTransport, answers: AnswerSet,
        by networks: ScoringNetworks, forVoices: Bool, seed: UInt64, workspace: Workspace
    ) throws(PlanError) {
        let examiner = try Examiner(networks, secret: MaskSecret(seed: seed), workspace: workspace)
        var values: [TermValues] = [], standIn: [TermValues] = []
        var agreeing = 0
        for start in stride(from: 0, to: indices.count, by: 256) {
            let part = indices[start..<min(start + 256, indices.count)]
            var generator = Stream.calibrationTransport.generator(seed: seed, at: start)
            let sent = transport.sent(
                images.canonical(part, range: .signed), from: start, images.shape, &generator)
            let examined = examiner.examine(sent)
            if forVoices { standIn += Self.standIn(sent, examined, networks.auxiliary, workspace) }
            for (index, examination) in zip(part, examined) {
                let answer = Array(answers.probabilities.row(index))
                values.append(Scorer.terms(examination, answer: answer, classes: answers.classes))
                if Self.argmax(answer) == Self.argmax(examination.auxiliaryProbabilities) { agreeing += 1 }
            }
        }
        self.transport = transport
        (self.values, self.standIn) = (values, standIn)
        agreement = Double(agreeing) / Double(max(1, values.count))
    }

    /// The terms of examined pictures where the auxiliary model's answers to them stand in for the victim's.
    static func standIn(
        _ pictures: Tensor, _ examined: [Examination], _ auxiliary: Classifier, _ workspace: Workspace
    ) -> [TermValues] {
        let answers = auxiliary.probabilities(pictures, workspace: workspace)
        return examined.enumerated().map { row, examination in
            Scorer.terms(
                examination, answer: Array(answers.row(row)), classes: auxiliary.architecture.classes)
        }
    }

    private static func argmax(_ values: [Float]) -> Int? { values.indices.max { values[$0] < values[$1] } }
}
