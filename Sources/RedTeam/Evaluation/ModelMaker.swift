import Digest
import Foundation
import Learning
import SAME
import Tensor

/// Victims and bundles that an evaluation trains itself, kept under `models` by the digest of what determines them; an
/// interrupted training goes on from its checkpoints.
package struct ModelMaker {
    private let store: CellStore
    private let workspace: Workspace
    private let stop: StopFlag
    private let program: String
    private let preprocessing: String?
    private let show: (TrainingProgress) -> Void

    /// A maker for an evaluation's folder; `program` and what was done to the pictures are what provenances name.
    package init(
        store: CellStore, workspace: Workspace, stop: StopFlag, program: String,
        preprocessing: String? = nil, show: @escaping (TrainingProgress) -> Void
    ) {
        self.store = store
        self.workspace = workspace
        self.stop = stop
        self.program = program
        self.preprocessing = preprocessing
        self.show = show
    }

    /// The victim for labelled pictures.
    package func victim(
        images: ImageSet, labels: Labels, options: VictimTraining.Options
    ) throws -> ClassifierDirectory {
        let parts = [
            "images": images.digest, "labels": SHA256.digest(of: "\(labels.classes) \(labels.values)").hex,
            "options": try Self.text(options),
        ]
        let path = "\(store.folder)/models/victim-\(CellStore.digest(parts)).model"
        if let kept = try? ClassifierDirectory(contentsOf: path) { return kept }
        try ClassifierDirectory.refuseOccupied(path, replacing: true)
        let run = try prepared(path)
        let training = try VictimTraining(
            images: images, labels: labels, options: options, program: program, run: run)
        let trained = try training.makeModel(test: nil)
        var manifest = trained.manifest
        manifest.provenance.options["images"] = preprocessing
        let made = ClassifierDirectory(manifest: manifest, classifier: trained.classifier)
        try made.write(to: path)
        run.discardCheckpoints()
        return made
    }

    /// The bundle for a victim that is asked in this process.
    package func bundle(
        images: ImageSet, victim: Classifier, options: FitOptions
    ) throws -> ModelBundle {
        var hasher = SHA256Hasher()
        for (name, tensor) in victim.stateDict.sorted(by: { $0.key < $1.key }) {
            hasher.update(name)
            tensor.values.withUnsafeBytes { hasher.update($0) }
        }
        let parts = [
            "images": images.digest, "options": try Self.text(options), "victim": hasher.finish().hex,
        ]
        return try bundle(named: CellStore.digest(parts), images: images, victim: victim, options: options)
    }

    /// The bundle kept under a name that stands for all that determines it but this program's ways, or a new one.
    func bundle(
        named name: String, images: ImageSet, victim: Classifier, options: FitOptions
    ) throws -> ModelBundle {
        let path = "\(store.folder)/models/\(name)-\(CellStore.version).bundle"
        if let kept = try? ModelBundle(contentsOf: path) { return kept }
        try ModelBundle.refuseOccupied(path, replacing: true)
        if let problem = options.problems.first {
            throw AttackError.unfit(attack: "fit", reason: problem)
        }
        let run = try prepared(path)
        let answers = AnswerSet(
            probabilities: VictimTraining.answers(of: victim, to: images, workspace: workspace),
            imagesDigest: images.digest)
        let fit = try Fit(images: images, answers: answers, options: options, program: program, run: run)
        let fitted = try fit.makeBundle()
        var manifest = fitted.manifest
        manifest.provenance.options["images"] = preprocessing
        let made = fitted.with(manifest)
        try made.write(to: path)
        run.discardCheckpoints()
        return made
    }

    private func prepared(_ path: String) throws -> TrainingRun {
        let run = TrainingRun(
            workspace: workspace, checkpoints: path + ".checkpoint", resume: true, stop: stop, show: show)
        try run.prepare()
        return run
    }

    private static func text(_ options: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(options), as: UTF8.self)
    }
}
