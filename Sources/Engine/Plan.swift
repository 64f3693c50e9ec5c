import CKernels
import SAME
import Tensor

/// A bundle's networks compiled for scoring: weights packed once for the processor at hand, nothing allocated and no
/// lock taken while a query is examined.
///
/// Shared by all workers; each brings an arena of its own. A row's results are bitwise the same whatever rows are
/// beside it.
///
/// `@unchecked Sendable` because: all memory it points to is written before the initialiser returns, then only read.
package final class Plan: @unchecked Sendable {
    package let precision: Precision
    /// The images it examines.
    package let image: ImageShape
    /// The number of class probabilities of an examined row.
    package var classes: Int { classifier.classes }
    /// Multiplications and additions a row.
    package let operations: Double
    /// How many rows are worth examining together: no more of them pass through the blocks at once, so further ones would
    /// only wait for each other.
    package var rowsTogether: Int { autoencoder.stack.images }
    private let autoencoder: AutoencoderPlan
    private let classifier: ClassifierPlan
    private let detector: DetectorPlan?
    private let neighbours: NeighbourPlan?
    private let masked: (pass: MaskedPass, architecture: MaskedAutoencoderArchitecture)?
    private let layout: ArenaLayout
    private let store: WeightStore

    /// The most images whose auxiliary predictions are taken at once: bounds an arena, changes no result.
    static let imagesAtOnce = 16

    /// Compiles what a bundle's score needs.
    package convenience init(_ bundle: ModelBundle, precision: Precision = .best) throws(PlanError) {
        try self.init(bundle.networks, precision: precision)
    }

    /// Compiles networks.
    package convenience init(
        _ networks: ScoringNetworks, precision: Precision = .best
    ) throws(PlanError) {
        try self.init(networks, precision: precision, level: sg_level_best())
    }

    /// The same with the instructions of a level, so that tests can hold each against the reference.
    init(_ networks: ScoringNetworks, precision: Precision, level: Int32) throws(PlanError) {
        let kernels = try KernelSet(precision, level: level)
        var layout = ArenaLayout()
        let store = WeightStore()
        let model = networks.autoencoder
        self.precision = precision
        image = model.architecture.image
        operations = Double(networks.flops)
        masked = networks.maskedPass.map { ($0, model.architecture) }
        autoencoder = AutoencoderPlan(model, masked: networks.maskedPass, kernels, in: store, &layout)
        classifier = ClassifierPlan(networks.auxiliary, kernels, in: store, &layout)
        var detector: DetectorPlan?
        if let network = networks.detector { detector = DetectorPlan(network, kernels, in: store, &layout) }
        self.detector = detector
        var neighbours: NeighbourPlan?
        if let references = networks.references {
            neighbours = NeighbourPlan(references, kernels, in: store, &layout)
        }
        self.neighbours = neighbours
        self.layout = layout
        self.store = store
    }

    /// Whether rows get a logit of a perturbation detector.
    package var detectsPerturbations: Bool { detector != nil }
    /// Whether rows get a distance to benign features.
    package var findsNeighbours: Bool { neighbours != nil }
    /// Whether rows get a masked pass, and so need a seed each.
    package var masks: Bool { masked != nil }

    /// The bytes of packed weights.
    package var weightBytes: Int { store.bytesHeld }

    /// Working memory for one worker.
    package func makeArena() -> PlanArena { PlanArena(layout) }

    /// Examines `count` rows into results with room for them. `seeds`, one a row, are what their masks are drawn from:
    /// needed where the plan masks.
    ///
    /// **Shapes** rows (count, C·H·W), canonical values −1…1.
    /// **Runs on** the thread that has the arena; blocks for the whole computation.
    package func examine(
        rows: UnsafePointer<Float>, count: Int, seeds: [UInt64] = [], arena: PlanArena,
        into results: PlanResults
    ) {
        precondition(arena.bytesHeld == layout.bytes, "the arena is another plan's")
        precondition(
            results.rows >= count && results.classes == classes, "the results are another plan's")
        precondition(!masks || seeds.count == count, "a masked pass needs a seed a row")
        var start = 0
        while start < count {
            let size = min(Self.imagesAtOnce, count - start)
            let at = start * image.count
            examineSome(rows + at, size, arena, results, from: start)
            if masks { maskSome(rows + at, seeds[start..<start + size], arena, results, from: start) }
            start += size
        }
    }

    /// Everything but the masked pass, for at most ``imagesAtOnce`` rows.
    private func examineSome(
        _ rows: UnsafePointer<Float>, _ count: Int, _ arena: PlanArena, _ results: PlanResults,
        from first: Int
    ) {
        var start = 0
        while start < count {
            let size = min(autoencoder.stack.images, count - start)
            autoencoder.run(rows + start * image.count, size, arena)
            for index in 0..<size { finish(index, of: start, arena, results, from: first) }
            start += size
        }
        classifier.classify(
            count, into: results.probabilities + first * classes, energies: results.energies + first, arena)
        guard let neighbours else { return }
        for index in 0..<count {
            let (features, kind) = classifier.features(index, arena)
            results.distances[first + index] = neighbours.run(features, kind, arena)
        }
    }

    /// What is made of one reconstruction: image `index` of those that passed the autoencoder together from `start` on.
    private func finish(
        _ index: Int, of start: Int, _ arena: PlanArena, _ results: PlanResults, from first: Int
    ) {
        let row = first + start + index
        results.losses[row] = Float(autoencoder.distance(index, arena) / Double(image.count))
        autoencoder.join(
            index, into: classifier.room(arena), channelsLast: classifier.channelsLast, arena)
        classifier.describe(start + index, arena)
        if let detector {
            autoencoder.joinBoth(index, into: detector.room(arena), arena)
            results.logits[row] = detector.run(arena)
        }
        if let room = results.reconstructions {
            autoencoder.join(index, into: room + row * image.count, channelsLast: false, arena)
        }
    }

    /// The masked pass of at most ``imagesAtOnce`` rows.
    private func maskSome(
        _ rows: UnsafePointer<Float>, _ seeds: ArraySlice<UInt64>, _ arena: PlanArena, _ results: PlanResults,
        from first: Int
    ) {
        guard let (pass, architecture) = masked else { return }
        let visible = seeds.map { pass.visible(architecture, seed: $0) }
        let hidden = architecture.patches - architecture.visiblePatches(maskRatio: pass.ratio)
        var start = 0
        while start < visible.count {
            let part = Array(visible[start..<min(start + autoencoder.stack.images, visible.count)])
            autoencoder.run(rows + start * image.count, visible: part, arena)
            for (index, visible) in part.enumerated() {
                let sum = autoencoder.distance(index, hiddenFrom: visible, arena)
                results.maskedLosses[first + start + index] = Float(
                    sum / Double(hidden * architecture.patchCount))
            }
            start += part.count
        }
    }
}

extension Plan {
    /// The examination of each row, as ``Scorer/examine(_:workspace:)`` gives it; allocates the results and the masks
    /// alone.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1; seeds (B) where the plan masks.
    package func examine(_ rows: Tensor, seeds: [UInt64] = [], arena: PlanArena) -> [Examination] {
        precondition(rows.rowCount == image.count, "a row has \(rows.rowCount) values")
        let (count, results) = (rows.rows, PlanResults(self, rows: rows.rows))
        rows.values.withUnsafeBufferPointer {
            guard count > 0, let base = $0.baseAddress else { return }
            examine(rows: base, count: count, seeds: seeds, arena: arena, into: results)
        }
        return (0..<count).map {
            Examination(
                reconstructionLoss: results.losses[$0], roughness: Scorer.roughness(rows.row($0), image),
                maskedLoss: masks ? results.maskedLosses[$0] : nil,
                perturbation: detectsPerturbations ? results.logits[$0] : nil, energy: results.energies[$0],
                neighbour: findsNeighbours ? results.distances[$0] : nil,
                auxiliaryProbabilities: Array(
                    UnsafeBufferPointer(start: results.probabilities + $0 * classes, count: classes)))
        }
    }
}
