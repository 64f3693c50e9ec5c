import SAME
import Tensor

/// Eq. (5): a classifier learns what the victim says of images from their reconstructions.
///
/// The targets are answers to the images themselves; the inputs are what the scorer will show it, the reconstructions with
/// every patch visible.
package struct AuxiliaryTraining {
    private let images: ImageSet
    private let indices: [Int]
    private let architecture: ClassifierArchitecture
    private let schedule: TrainingSchedule
    private let seed: UInt64

    /// A training on the images at `indices`; all chance comes from `seed`.
    package init(
        images: ImageSet, indices: [Int], architecture: ClassifierArchitecture, schedule: TrainingSchedule,
        seed: UInt64
    ) {
        self.images = images
        self.indices = indices
        self.architecture = architecture
        self.schedule = schedule
        self.seed = seed
    }

    /// The trained model and its last epoch's loss. `fingerprint` stands for all that shapes it: a checkpoint with another
    /// one is refused.
    ///
    /// **Shapes** targets (N, K), a distribution for each of all images.
    /// **Throws** `ArchitectureError`, `TrainingError` or `PlanError`.
    package func train(
        _ autoencoder: MaskedAutoencoder, targets: Tensor, fingerprint: String, run: TrainingRun
    ) throws -> (model: Classifier, loss: Double) {
        var generator = Stream.classifierWeights.generator(seed: seed, at: 0)
        let model = try Classifier(architecture, generator: &generator)
        let inputs = try Reconstructions(
            of: images, at: indices, by: autoencoder, workspace: run.workspace,
            bytesMax: run.reconstructionBytesMax, show: run.show)
        let loop = run.loop(
            phase: "auxiliary", module: model, schedule: schedule, imageCount: indices.count, seed: seed,
            streams: (.classifierOrder, .classifierSteps), fingerprint: fingerprint)
        let loss = try loop.run(resume: run.resume) { positions, _ in
            let batch = targets.gathering(rows: positions.map { indices[$0] })
            return model.lossAndGradients(
                inputs.batch(positions), .squaredProbabilities(batch), workspace: run.workspace
            ).loss
        }
        return (model, loss)
    }
}
