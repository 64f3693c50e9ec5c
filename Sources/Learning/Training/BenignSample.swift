import SAME
import Tensor

/// What benign images score before there is a calibration: the sample that one is made from.
package struct BenignSample: Sendable {
    /// The terms of each image.
    package let values: [TermValues]
    /// The share of images that the auxiliary model puts into the victim's class.
    package let agreement: Double

    /// Measures the images at `indices` with the victim's answers to them.
    package init(
        _ images: ImageSet, at indices: [Int], answers: AnswerSet, by networks: ScoringNetworks,
        secret: MaskSecret, workspace: Workspace
    ) {
        var values: [TermValues] = []
        var agreeing = 0
        for start in stride(from: 0, to: indices.count, by: 256) {
            let part = indices[start..<min(start + 256, indices.count)]
            let examined = Scorer.examine(
                images.canonical(part, range: .signed), by: networks, secret: secret, workspace: workspace)
            for (index, examination) in zip(part, examined) {
                let answer = Array(answers.probabilities.row(index))
                values.append(Scorer.terms(examination, answer: answer, classes: answers.classes))
                if Self.argmax(answer) == Self.argmax(examination.auxiliaryProbabilities) { agreeing += 1 }
            }
        }
        self.values = values
        agreement = Double(agreeing) / Double(max(1, values.count))
    }

    private static func argmax(_ values: [Float]) -> Int? { values.indices.max { values[$0] < values[$1] } }
}
