import Engine
import Foundation
import Learning
import SAME
import Tensor

/// Figures 6 and 7: what the autoencoder's epochs and sizes are worth.
package struct TrainingStudy: Sendable {
    /// One bundle to make and measure.
    package struct Point: Encodable, Hashable, Sendable {
        /// The plot it belongs to, and the name of its axis: `epochs`, `embedding`, `mask ratios` and so on.
        package var axis: String
        package var value: Double
        package var options: FitOptions

        /// A point as given.
        package init(axis: String, value: Double, options: FitOptions) {
            self.axis = axis
            self.value = value
            self.options = options
        }
    }

    /// What is made, in order.
    package var points: [Point]
    /// What provenances name.
    package var program: String

    /// A study as given.
    package init(points: [Point], program: String) {
        self.points = points
        self.program = program
    }

    /// Fits every point's bundle and measures the reconstruction loss of honest queries and of each attack's.
    func entries(_ evaluation: Evaluation, _ context: Evaluation.Context) throws -> [TrainingEntry] {
        var entries: [TrainingEntry] = []
        let attackOptions = try evaluation.plan.budgets.first.map { try evaluation.attacksDigest($0) }
        for (place, point) in points.enumerated() {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let options = String(decoding: try encoder.encode(point), as: UTF8.self)
            let parts = [
                "point": options, "scores": context.benchDigest,
                "attacks": evaluation.plan.attacks.joined(separator: ","),
                "budgets": "\(evaluation.plan.budgets.prefix(1))", "seeds": "\(evaluation.plan.seeds)",
                "options": attackOptions ?? "",
            ]
            entries += try context.store.value("training", parts) {
                let name = CellStore.digest(["options": options, "material": context.materialDigest])
                let label = "\(point.axis) \(PlotAxis.plain(point.value)) (\(place + 1)/\(points.count))"
                let bundle = try ModelMaker(
                    store: context.store, workspace: evaluation.workspace, stop: evaluation.stop,
                    program: program
                ) { progress in
                    var progress = progress
                    progress.phase = "\(label) \(progress.phase)"
                    evaluation.show(progress)
                }.bundle(
                    named: name, images: evaluation.data.material.own.images, victim: evaluation.victim,
                    options: point.options)
                return try measure(point, bundle, evaluation, context)
            }
        }
        return entries
    }

    private func measure(
        _ point: Point, _ bundle: ModelBundle, _ evaluation: Evaluation, _ context: Evaluation.Context
    ) throws -> [TrainingEntry] {
        let reconstructor = try Reconstructor(bundle.autoencoder, workspace: evaluation.workspace)
        let losses = { (queries: Tensor) -> [Double] in
            let painted = reconstructor.reconstruct(queries)
            return (0..<queries.rows).map { Double(Scorer.meanSquare(queries.row($0), painted.row($0))) }
        }
        let honest = losses(context.pictures.rows(0..<min(context.pictures.rows, 2000)))
        let honestMean = honest.reduce(0, +) / Double(max(1, honest.count))
        var entries = [
            TrainingEntry(
                axis: point.axis, value: point.value, seed: 0, attack: RunHistogram.honest, loss: honestMean)
        ]
        guard let budget = evaluation.plan.budgets.first else { return entries }
        for seed in evaluation.plan.seeds {
            for attack in evaluation.plan.attacks {
                let trace = try evaluation.trace(.init(attack: attack, budget: budget, seed: seed), context)
                let made = trace.record.origins.indices.filter { trace.record.origins[$0] == .attack }
                let found = losses(trace.record.queries(at: made))
                let metrics = DetectionMetrics(attack: found, benign: honest)
                entries.append(
                    TrainingEntry(
                        axis: point.axis, value: point.value, seed: seed, attack: attack,
                        loss: found.reduce(0, +) / Double(max(1, found.count)), auroc: metrics?.auroc,
                        fpr95: metrics?.fpr95))
            }
        }
        return entries
    }
}

/// What one autoencoder makes of one kind of query: SAME-X, since the deviation would only blur it.
package struct TrainingEntry: Codable, Hashable, Sendable {
    package var axis: String
    package var value: Double
    package var seed: UInt64
    /// The attack's name; ``RunHistogram/honest`` for test pictures.
    package var attack: String
    /// The mean reconstruction loss.
    package var loss: Double
    package var auroc: Double?
    package var fpr95: Double?
}
