import Foundation
import Learning
import SAME
import Tensor

extension Evaluation {
    /// The most queries of an attack, and test pictures, that are measured for trials: masks cost a pass each.
    private static let trialQueriesMax = (attack: 1000, honest: 10_000)

    /// The fewest test pictures that trials can be made ready on one half of.
    package static let trialPicturesMin = 2 * TailFunction.sampleCountMin

    /// What was tried as a term, on the first budget's attacks; nothing where there are too few test pictures.
    func trials(_ context: Context) throws -> [TrialEntry] {
        guard plan.measures.contains(.trials), let budget = plan.budgets.first,
            context.pictures.rows >= Self.trialPicturesMin
        else { return [] }
        let parts = [
            "scores": context.benchDigest, "attacks": plan.attacks.joined(separator: ","),
            "budget": "\(budget)", "seeds": "\(plan.seeds)", "limits": "\(Self.trialQueriesMax)",
            "trials": Trial.allCases.map(\.rawValue).joined(separator: ";"),
            "options": try attacksDigest(budget),
        ]
        return try context.store.value("trials", parts) {
            let bench = try makeTrialBench(context)
            let honest = context.pictures.rows(0..<min(context.pictures.rows, Self.trialQueriesMax.honest))
            let measure = try TrialMeasure(
                honest: try queries(honest, context.benign, bench, named: "honest pictures"))
            return try plan.seeds.flatMap { seed in
                try plan.attacks.flatMap { attack in
                    let key = EvaluationResult.RunKey(attack: attack, budget: budget, seed: seed)
                    let record = try trace(key, context).record
                    let made = record.origins.indices.filter { record.origins[$0] == .attack }
                    let asked = record.queries(at: Array(made.prefix(Self.trialQueriesMax.attack)))
                    return measure.entries(
                        key,
                        attack: try queries(
                            asked, context.bench.rows(asked), bench, named: "\(attack) seed \(seed)"))
                }
            }
        }
    }

    private func queries(
        _ pictures: Tensor, _ rows: [ScoreBench.Row], _ bench: TrialBench, named name: String
    ) throws -> [TrialMeasure.Query] {
        let began = ContinuousClock.now
        let measured = try bench.rows(pictures) { done in
            guard !stop.isRaised else { throw AttackError.stopped(asked: done) }
            show(Self.progress("trials: \(name)", done, pictures.rows, began))
        }
        return zip(measured, rows).map { TrialMeasure.Query(row: $0, ours: $1.scores[.ours] ?? .infinity) }
    }

    /// The bench with what the bundle has not: an auxiliary model of labels, and honest features.
    private func makeTrialBench(_ context: Context) throws -> TrialBench {
        let recipe = AuxiliaryRecipe(of: bundle.manifest.provenance)
        let images = data.material.own.images
        let indices = try recipe.trainingImages(of: images)
        let references = FitOptions.References()
        return TrialBench(
            bundle: bundle, victim: victim, labelled: try labelled(recipe, indices, context),
            references: try references.make(
                images, at: Self.compared(references.count, of: indices), by: bundle.autoencoder,
                bundle.auxiliary, workspace: workspace),
            workspace: workspace)
    }

    /// Some of the training images to compare features with, drawn at random: the first ones may be of a few classes.
    static func compared(_ count: Int, of indices: [Int]) -> [Int] {
        var generator = RandomGenerator(seed: 1, stream: 501)
        return generator.permutation(indices.count).prefix(count).sorted().map { indices[$0] }
    }

    /// An auxiliary model like the bundle's that learns labels; nil where there are none.
    private func labelled(
        _ recipe: AuxiliaryRecipe, _ indices: [Int], _ context: Context
    ) throws -> Classifier? {
        let (architecture, images) = (bundle.auxiliary.architecture, data.material.own.images)
        guard let labels = data.material.own.labels, labels.classes <= architecture.classes else {
            return nil
        }
        let parts = [
            "bundle": context.benchDigest, "labels": labelsDigest(labels),
        ]
        let (models, _) = try kept("labelled", parts, architecture, 1, context.store) { checkpoints in
            var targets = Tensor(shape: [labels.values.count, architecture.classes])
            for (row, label) in labels.values.enumerated() {
                targets.values[row * architecture.classes + label] = 1
            }
            let run = TrainingRun(
                workspace: workspace, checkpoints: checkpoints, resume: true, stop: stop
            ) { progress in
                var progress = progress
                progress.phase = "trials: \(progress.phase) of labels"
                show(progress)
            }
            try run.prepare()
            defer { run.discardCheckpoints() }
            let training = AuxiliaryTraining(
                images: images, indices: indices, architecture: architecture, schedule: recipe.schedule,
                seed: recipe.seed)
            return [
                try training.train(
                    bundle.autoencoder, targets: targets, fingerprint: CellStore.digest(parts), run: run
                ).model
            ]
        }
        return models.first
    }
}

/// How a bundle's auxiliary model was trained, as far as its provenance tells; by the usual options where it does not.
struct AuxiliaryRecipe {
    let schedule: TrainingSchedule
    let seed: UInt64
    private let provenance: Provenance

    private struct Told: Decodable {
        var auxiliarySchedule: TrainingSchedule
    }

    init(of provenance: Provenance) {
        self.provenance = provenance
        let told = provenance.options["fit"].flatMap {
            try? JSONDecoder().decode(Told.self, from: Data($0.utf8))
        }
        schedule = told?.auxiliarySchedule ?? FitOptions(.small).auxiliarySchedule
        seed = provenance.seed
    }

    /// Those that trained the bundle; all, where they are not the bundle's.
    func trainingImages(of images: ImageSet) throws -> [Int] {
        guard images.digest == provenance.imagesDigest, images.count == provenance.imageCount else {
            return Array(0..<images.count)
        }
        let holdout = provenance.imageCount - provenance.trainingCount
        return try Split(count: images.count, holdout: holdout, seed: seed).training
    }
}
