import Foundation
import Learning
import Neural
import SAME
import Tensor

/// The training that outlier exposure and diverse ensembles share: labelled pictures and outliers, step by step.
package struct ExposureTraining: Sendable {
    /// The networks'.
    package var kind = FitOptions.AuxiliaryKind.conv3(width: 16)
    /// Passes through the labelled pictures.
    package var epochs = 3
    /// Labelled pictures of a step; as many outliers go with them.
    package var batch = 64
    /// AdamW's.
    package var learningRate: Float = 1e-3
    /// λ, the weight of the outliers' loss.
    package var weight: Double = 1
    /// At most so many labelled pictures are used.
    package var picturesMax = 20_000
    /// Asked between steps.
    package var stop = StopFlag()

    /// Everything that shapes a model, as text.
    var fingerprint: String {
        "\(kind) \(epochs) \(batch) \(learningRate) \(weight) \(picturesMax)"
    }

    /// The published weights; sizes for minutes on two cores.
    package init() {}

    /// A model trained by outlier exposure: cross entropy on labelled pictures, and on outliers λ times the cross entropy with
    /// the flat distribution.
    ///
    /// **Source** Hendrycks et al. 2019.
    package func exposed(
        own: PicturePool, outliers: PicturePool, seed: UInt64, workspace: Workspace,
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> Classifier {
        let models = try makeModels(1, own: own, seed: seed)
        let report = Report(phase: "outlier exposure", show: show)
        try train(
            models, own: own, outliers: outliers, seed: seed, workspace: workspace, report: report
        ) { outputs in
            [ExposureLoss.flatness(outputs[0])]
        }
        return models[0]
    }

    /// Models that agree on labelled pictures and are taught to disagree on outliers.
    ///
    /// **Source** Kariyappa et al. 2021 (EDM).
    package func ensemble(
        of count: Int, own: PicturePool, outliers: PicturePool, seed: UInt64, workspace: Workspace,
        show: @escaping (TrainingProgress) -> Void = { _ in }
    ) throws -> DiverseEnsemble {
        let models = try makeModels(max(2, count), own: own, seed: seed)
        let report = Report(phase: "diverse ensemble", show: show)
        try train(
            models, own: own, outliers: outliers, seed: seed, workspace: workspace, report: report
        ) { outputs in
            ExposureLoss.diversity(outputs)
        }
        return DiverseEnsemble(models: models)
    }

    private func makeModels(_ count: Int, own: PicturePool, seed: UInt64) throws -> [Classifier] {
        guard let labels = own.labels else {
            throw AttackError.unfit(attack: "exposure", reason: "its own pictures have no labels")
        }
        return try (0..<count).map { index in
            var generator = RandomGenerator(seed: seed, stream: 100 + UInt64(index))
            return try Classifier(
                kind.architecture(image: own.images.shape, classes: labels.classes), generator: &generator)
        }
    }

    /// Every model sees the same batches; `outlierSlopes` gives, from all models' logits on the outliers, the slopes of the
    /// outliers' loss by each model's.
    private func train(
        _ models: [Classifier], own: PicturePool, outliers: PicturePool, seed: UInt64,
        workspace: Workspace, report: Report, _ outlierSlopes: ([Tensor]) -> [(loss: Double, slopes: Tensor)]
    ) throws {
        guard let labels = own.labels, own.count > 0, outliers.count > 0,
            outliers.images.shape == own.images.shape
        else {
            throw AttackError.unfit(attack: "exposure", reason: "it needs outliers of the own pictures' size")
        }
        var generator = RandomGenerator(seed: seed, stream: 99)
        let used = Array(generator.permutation(own.count).prefix(picturesMax))
        let optimizers = models.map { AdamW($0.parameters) }
        let steps = epochs * ((used.count + batch - 1) / batch)
        let schedule = LearningRateSchedule(peak: Double(learningRate), totalSteps: steps)
        var step = 0
        for _ in 0..<epochs {
            let order = generator.permutation(used.count)
            for start in stride(from: 0, to: order.count, by: batch) {
                if stop.isRaised { throw AttackError.stopped(asked: 0) }
                let rows = order[start..<min(start + batch, order.count)].map { used[$0] }
                let strange = outliers.pictures(
                    at: rows.map { _ in generator.integer(below: outliers.count) })
                let pictures = own.pictures(at: rows)
                let outputs = models.map { $0.logits(strange, workspace: workspace) }
                let slopes = outlierSlopes(outputs)
                for (index, model) in models.enumerated() {
                    try self.step(
                        model, pictures, rows.map { labels.values[$0] }, strange, slopes[index].slopes,
                        workspace)
                    optimizers[index].step(learningRate: schedule.rate(atStep: step), workspace: workspace)
                }
                step += 1
                report.tell(step, of: steps, batch: batch)
            }
        }
    }

    /// Where progress goes.
    private struct Report {
        let phase: String
        let show: (TrainingProgress) -> Void
        private let began = ContinuousClock.now

        init(phase: String, show: @escaping (TrainingProgress) -> Void) {
            self.phase = phase
            self.show = show
        }

        func tell(_ step: Int, of steps: Int, batch: Int) {
            let elapsed = max((ContinuousClock.now - began) / .seconds(1), 1e-6)
            let rate = Double(step) / elapsed
            show(
                TrainingProgress(
                    phase: phase, done: step, total: steps, rate: rate * Double(batch),
                    remaining: .seconds(Double(steps - step) / rate)))
        }
    }

    private func step(
        _ model: Classifier, _ pictures: Tensor, _ labels: [Int], _ strange: Tensor, _ slopes: Tensor,
        _ workspace: Workspace
    ) throws {
        model.zeroGradients()
        let loss = model.lossAndGradients(pictures, .labels(labels), workspace: workspace).loss
        guard loss.isFinite else { throw AttackError.diverged(attack: "exposure") }
        var weighted = slopes
        for index in 0..<weighted.count { weighted.values[index] *= Float(weight) }
        let given = weighted
        _ = model.lossAndGradients(strange, .function { _ in (0, given) }, workspace: workspace)
    }
}
