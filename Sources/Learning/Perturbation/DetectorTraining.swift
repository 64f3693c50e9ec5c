import Engine
import SAME
import Tensor

/// Trains a perturbation detector by self-supervision: the owner's images against the same images as thieves would
/// change them, and against strangers made of them.
struct DetectorTraining {
    let images: ImageSet
    /// The images that may be learnt from.
    let training: [Int]
    let options: FitOptions.Detector
    let seed: UInt64
    /// A digest of all that the result follows from.
    let fingerprint: String
    let run: TrainingRun

    /// Trains, or goes on from the checkpoints; the detector and its last mean loss.
    ///
    /// **Throws** `ArchitectureError`, `PlanError` or `TrainingError`.
    func train(
        _ autoencoder: MaskedAutoencoder, _ auxiliary: Classifier
    ) throws -> (PerturbationDetector, Double) {
        var generator = Stream.detectorWeights.generator(seed: seed, at: 0)
        let model = try PerturbationDetector(
            options.architecture(image: images.shape), generator: &generator)
        let thieves = try SimulatedThieves(
            SimulatedThieves.training, of: auxiliary, images: images, training: training, seed: seed,
            fingerprint: fingerprint, run: run)
        // With the auxiliary model itself: the thief who has got everything.
        let attack = SimulatedPerturbation(
            image: images.shape, thieves: thieves.models + [auxiliary], workspace: run.workspace)
        let reconstructor = try Reconstructor(autoencoder, workspace: run.workspace)
        // One epoch of as many draws as the steps need.
        let loop = run.loop(
            phase: "perturbation", module: model, schedule: options.schedule,
            imageCount: options.steps * options.batch, seed: seed,
            streams: (.detectorOrder, .detectorSteps), fingerprint: fingerprint)
        let loss = try loop.run(resume: run.resume) { positions, generator in
            let genuine = images.canonical(
                positions.map { training[$0 % training.count] }, range: .signed)
            let perturbed = Self.suspects(genuine, images.shape, attack, &generator)
            let both = Self.joined(
                SimulatedTransport.honest.carry(genuine, shape: images.shape, generator: &generator),
                SimulatedTransport.perturbed.carry(perturbed, shape: images.shape, generator: &generator))
            let painted = reconstructor.reconstruct(both)
            return model.lossAndGradients(
                both, painted, isPerturbed: (0..<both.rows).map { $0 >= genuine.rows },
                workspace: run.workspace)
        }
        return (model, loss)
    }

    /// Of so many images one becomes a stranger; the others are stepped.
    private static let strangerEvery = 3

    /// What a batch is told apart from. **Shapes** (B, C·H·W).
    private static func suspects(
        _ genuine: Tensor, _ shape: ImageShape, _ attack: SimulatedPerturbation,
        _ generator: inout RandomGenerator
    ) -> Tensor {
        let strangers = SimulatedStrangers(image: shape, own: genuine)
        let kinds = SimulatedStrangers.training
        let stepping = (0..<genuine.rows).filter { !$0.isMultiple(of: strangerEvery) }
        let stepped = attack.apply(genuine.gathering(rows: stepping), generator: &generator)
        var values: [Float] = []
        values.reserveCapacity(genuine.count)
        var next = 0
        for row in 0..<genuine.rows {
            if row.isMultiple(of: strangerEvery) {
                let kind = kinds[generator.integer(below: kinds.count)]
                values += strangers.picture(kind, row, generator: &generator)
            } else {
                values += stepped.row(next)
                next += 1
            }
        }
        return Tensor(shape: genuine.shape, values: values)
    }

    private static func joined(_ a: Tensor, _ b: Tensor) -> Tensor {
        Tensor(shape: [a.rows + b.rows, a.rowCount], values: a.values + b.values)
    }
}
