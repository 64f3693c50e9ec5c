import Digest
import Foundation
import Learning
import Neural
import SAME
import Tensor

extension Evaluation {
    /// The scores, with the trained baselines where there is something to train them on, and what these cost.
    func makeBench(_ store: CellStore) throws -> (ScoreBench, [CostEntry]) {
        var generator = RandomGenerator(seed: 1, stream: 2)
        let own = data.material.own
        let chosen = generator.permutation(own.count).prefix(ScoreBench.referenceMax)
        var bench = try ScoreBench(
            bundle: bundle, victim: victim, reference: own.pictures(at: chosen), alpha: plan.alpha,
            components: plan.components, threads: workspace.threads, seed: 1)
        var costs: [CostEntry] = []
        if plan.measures.contains(.costs) {
            costs.append(
                cost("SAME", nil, accuracy: accuracy { predictor.probabilities($0, workspace: workspace) }))
        }
        guard let outliers = plan.outliers else { return (bench, costs) }
        var training = plan.exposure
        training.stop = stop
        let (exposed, exposedTime) = try trained("exposed", 1, store) {
            [try training.exposed(own: own, outliers: outliers, seed: 1, workspace: workspace, show: show)]
        }
        let (ensemble, ensembleTime) = try trained("ensemble", 3, store) {
            try training.ensemble(
                of: 3, own: own, outliers: outliers, seed: 1, workspace: workspace, show: show
            )
            .models
        }
        bench.exposed = exposed.first
        bench.ensemble = DiverseEnsemble(models: ensemble)
        if plan.measures.contains(.costs) {
            costs.append(cost("OE", exposedTime, accuracy: accuracy { Self.mean(exposed, $0, workspace) }))
            costs.append(cost("EDM", ensembleTime, accuracy: accuracy { Self.mean(ensemble, $0, workspace) }))
        }
        return (bench, costs)
    }

    /// What the baselines that need outliers are trained by, or what was trained before by the same.
    private func trained(
        _ name: String, _ count: Int, _ store: CellStore, make: () throws -> [Classifier]
    ) throws -> ([Classifier], Double) {
        let parts = [
            "own": data.material.own.images.digest, "labels": labelsDigest(data.material.own.labels),
            "outliers": plan.outliers?.images.digest ?? "", "options": plan.exposure.fingerprint,
        ]
        let architecture = plan.exposure.kind.architecture(
            image: data.test.shape, classes: data.material.own.labels?.classes ?? data.testLabels.classes)
        return try kept(name, parts, architecture, count, store) { _ in try make() }
    }

    /// Models that were trained before with all that determines them the same, or new ones; and how long that took then.
    /// `make` is given the place of its checkpoints.
    func kept(
        _ name: String, _ determined: [String: String], _ architecture: ClassifierArchitecture, _ count: Int,
        _ store: CellStore, make: (String) throws -> [Classifier]
    ) throws -> ([Classifier], Double) {
        let parts = determined.merging(["name": name]) { $1 }
        let path = "\(store.folder)/models/\(name)-\(CellStore.digest(parts)).safetensors"
        let time = try store.value("\(name)-time", parts) {
            let began = ContinuousClock.now
            var state: StateDict = [:]
            for (index, model) in try make(path + ".checkpoint").enumerated() {
                for (key, tensor) in model.stateDict { state["\(index).\(key)"] = tensor }
            }
            try FileBytes.replace(path, with: Safetensors(tensors: state).bytes)
            return (ContinuousClock.now - began) / .seconds(1)
        }
        let file = try Safetensors(bytes: try FileBytes.read(path, bytesMax: 1 << 30))
        let models = try (0..<count).map { index in
            var state: StateDict = [:]
            for (key, tensor) in file.tensors where key.hasPrefix("\(index).") {
                state[String(key.dropFirst("\(index).".count))] = tensor
            }
            return try Classifier(architecture, state: state)
        }
        return (models, time)
    }

    private static func mean(_ models: [Classifier], _ pictures: Tensor, _ workspace: Workspace) -> Tensor {
        let answers = models.map { $0.probabilities(pictures, workspace: workspace) }
        var sum = answers[0]
        for other in answers.dropFirst() {
            for index in 0..<sum.count { sum.values[index] += other.values[index] }
        }
        return sum
    }

    private func accuracy(_ answer: (Tensor) -> Tensor) -> Double {
        let answers = answer(data.test.canonical(0..<data.test.count, range: .signed))
        let right = (0..<answers.rows).count { answers.row($0).largest == data.testLabels.values[$0] }
        return Double(right) / Double(max(1, answers.rows))
    }

    private func cost(_ defence: String, _ seconds: Double?, accuracy: Double) -> CostEntry {
        CostEntry(defence: defence, accuracy: accuracy, seconds: seconds)
    }

    /// What tells whether a kept run was against this victim with these pictures.
    var materialDigest: String {
        var hasher = SHA256Hasher()
        Self.update(&hasher, victim.stateDict)
        hasher.update(data.material.proxy.images.digest + data.material.own.images.digest)
        hasher.update(labelsDigest(data.material.proxy.labels) + "\(data.material.seedCount)")
        return hasher.finish().hex
    }

    /// What tells whether kept figures are of these scores on these test pictures.
    func benchDigest(_ material: String) -> String {
        var hasher = SHA256Hasher()
        Self.update(&hasher, bundle.autoencoder.stateDict)
        Self.update(&hasher, bundle.auxiliary.stateDict)
        if let detector = bundle.detector { Self.update(&hasher, detector.stateDict) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        hasher.update(Array((try? encoder.encode(bundle.manifest.calibration)) ?? Foundation.Data()))
        hasher.update("\(plan.alpha) \(plan.components) \(plan.outliers?.images.digest ?? "-") ")
        // 1 − p was a difference of Floats before: kept figures of it are others.
        hasher.update("1 − p of logits ")
        hasher.update(plan.exposure.fingerprint + material + data.test.digest + labelsDigest(data.testLabels))
        return hasher.finish().hex
    }

    func labelsDigest(_ labels: Labels?) -> String {
        labels.map { SHA256.digest(of: "\($0.classes) \($0.values)").hex } ?? "-"
    }

    static func update(_ hasher: inout SHA256Hasher, _ state: StateDict) {
        for (name, tensor) in state.sorted(by: { $0.key < $1.key }) {
            hasher.update("\(name) \(tensor.shape)")
            tensor.values.withUnsafeBytes { hasher.update($0) }
        }
    }
}

/// What a defence costs its owner (Table 3).
package struct CostEntry: Codable, Hashable, Sendable {
    package var defence: String
    /// The model's that then answers, on test pictures.
    package var accuracy: Double
    /// Of training, on this machine; nil where the evaluation did not train it.
    package var seconds: Double?
}
