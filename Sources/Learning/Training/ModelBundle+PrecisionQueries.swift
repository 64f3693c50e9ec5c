import Engine
import SAME
import Tensor

extension ModelBundle {
    /// The most queries that a precision is measured with: enough for p99.9 to be a number of queries.
    package static var precisionQueriesMax: Int { 10_000 }

    /// The bundle with what lower precisions do to its scores of the images at `indices`, at most
    /// ``precisionQueriesMax`` of them.
    ///
    /// **Throws** `PlanError`.
    package func measuringPrecisions(
        _ images: ImageSet, at indices: [Int], _ answers: AnswerSet, workspace: Workspace
    ) throws -> ModelBundle {
        let some = Self.precisionQueries(indices)
        return try measuringPrecisions(
            benign: images.canonical(some, range: .signed),
            answers: some.map { Array(answers.probabilities.row($0)) }, workspace: workspace)
    }

    /// The positions that a precision is measured with: all, or where there are too many as many as may be, drawn at random,
    /// since the first of files that come class by class are pictures of a few classes. In their order.
    static func precisionQueries(_ indices: [Int]) -> [Int] {
        guard indices.count > precisionQueriesMax else { return indices }
        var generator = Stream.precisionQueries.generator(seed: 0, at: 0)
        return generator.permutation(indices.count).prefix(precisionQueriesMax).sorted().map { indices[$0] }
    }

    /// The precisions that can be measured here: those whose instructions this processor has and whose sums have room for the
    /// bundle's networks.
    ///
    /// **Throws** `impossible` where there is none, with the reasons.
    package func measurablePrecisions(
        among candidates: [Plan.Precision] = [.bf16, .int8]
    ) throws(TrainingError) -> [Plan.Precision] {
        var (measurable, reasons): ([Plan.Precision], [String]) = ([], [])
        for precision in candidates {
            do throws(PlanError) {
                _ = try Plan(self, precision: precision)
                measurable.append(precision)
            } catch {
                reasons.append("\(error)")
            }
        }
        guard !measurable.isEmpty else {
            throw .impossible(
                reason: "there is no precision to measure here: " + reasons.joined(separator: "; "))
        }
        return measurable
    }
}
