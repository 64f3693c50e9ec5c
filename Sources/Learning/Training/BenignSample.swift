import Engine
import SAME
import Tensor

/// What benign images score before there is a calibration: the sample that one is made from.
package struct BenignSample: Sendable {
    /// The terms of each image.
    package let values: [TermValues]
    /// The share of images that the auxiliary model puts into the victim's class.
    package let agreement: Double

    /// One image of so many is re-encoded before it is measured, since some clients do that: terms that knew originals alone
    /// would find those clients stranger than they are.
    private static let reencodedEvery = 8
    /// How such clients send a picture.
    static let reencoding = SimulatedTransport(jpegShare: 0.6, resizeShare: 0.4)

    /// Whether the image at a position is re-encoded: every 8th, whatever the batches.
    static func isReencoded(_ position: Int) -> Bool { position.isMultiple(of: reencodedEvery) }

    /// The positions of those that are not: what stated rates are about. All of them, where those alone would be too few.
    var originals: [Int] {
        let found = values.indices.filter { !Self.isReencoded($0) }
        return found.count < TailFunction.sampleCountMin ? Array(values.indices) : found
    }

    /// The share of the re-encoded ones that score above a percentile of the originals.
    func reencodedShare(above percentile: Double, of calibration: Calibration) -> Double {
        let found = values.indices.filter(Self.isReencoded)
        let above = found.count { calibration.score(values[$0]).percentile > percentile }
        return Double(above) / Double(max(1, found.count))
    }

    /// Measures the images at `indices` with the victim's answers to them; the re-encoded ones with the answer to the
    /// original, since the victim was asked about that. `seed` draws how they are re-encoded,
    /// and what masks hide.
    package init(
        _ images: ImageSet, at indices: [Int], answers: AnswerSet, by networks: ScoringNetworks,
        seed: UInt64, workspace: Workspace
    ) throws(PlanError) {
        let examiner = try Examiner(networks, secret: MaskSecret(seed: seed), workspace: workspace)
        var values: [TermValues] = []
        var agreeing = 0
        for start in stride(from: 0, to: indices.count, by: 256) {
            let part = indices[start..<min(start + 256, indices.count)]
            var generator = Stream.calibrationTransport.generator(seed: seed, at: start)
            let examined = examiner.examine(
                Self.sent(images.canonical(part, range: .signed), images.shape, &generator))
            for (index, examination) in zip(part, examined) {
                let answer = Array(answers.probabilities.row(index))
                values.append(Scorer.terms(examination, answer: answer, classes: answers.classes))
                if Self.argmax(answer) == Self.argmax(examination.auxiliaryProbabilities) { agreeing += 1 }
            }
        }
        self.values = values
        agreement = Double(agreeing) / Double(max(1, values.count))
    }

    /// The batch as clients send it, with its re-encoded share. **Shapes** (B, C·H·W).
    static func sent(
        _ batch: Tensor, _ shape: ImageShape, _ generator: inout RandomGenerator
    ) -> Tensor {
        let rows = (0..<batch.rows).filter(isReencoded)
        let carried = reencoding.carry(batch.gathering(rows: rows), shape: shape, generator: &generator)
        var batch = batch
        let count = batch.rowCount
        for (from, row) in rows.enumerated() {
            batch.values.replaceSubrange(row * count..<(row + 1) * count, with: carried.row(from))
        }
        return batch
    }

    private static func argmax(_ values: [Float]) -> Int? { values.indices.max { values[$0] < values[$1] } }
}
