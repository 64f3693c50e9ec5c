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
    package var rowsTogether: Int { autoencoder.stack.together.images }
    private let autoencoder: AutoencoderPlan
    private let classifier: ClassifierPlan
    private let detector: DetectorPlan?
    private let neighbours: NeighbourPlan?
    private let statistics: StatisticsPlan?
    private let frames: StatisticsPlan?
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
        let shape = model.architecture.image
        func compare(_ references: ReferenceStatistics?) -> StatisticsPlan? {
            references.map { StatisticsPlan($0, of: shape, kernels, in: store, &layout) }
        }
        statistics = compare(networks.statistics)
        frames = compare(networks.frames)
        try store.requireRoomForSums(precision)
        self.layout = layout
        self.store = store
    }

    /// Whether rows get a logit of a perturbation detector.
    package var detectsPerturbations: Bool { detector != nil }
    /// Whether rows get a distance to benign features.
    package var findsNeighbours: Bool { neighbours != nil }
    /// Whether rows get a distance to benign statistics of pixels.
    package var measuresStatistics: Bool { statistics != nil }
    /// Whether rows get a distance to benign frames.
    package var measuresFrames: Bool { frames != nil }
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
    ///
    /// `settles` is asked about each row, by its index, once its loss, its statistics and its frame are among the results; where it
    /// says yes nothing else of the row is computed, and what an earlier row left in its place is no number.
    package func examine(
        rows: UnsafePointer<Float>, count: Int, seeds: [UInt64] = [], arena: PlanArena,
        into results: PlanResults, settles: ((Int) -> Bool)? = nil
    ) {
        precondition(arena.bytesHeld == layout.bytes, "the arena is another plan's")
        precondition(
            results.rows >= count && results.classes == classes, "the results are another plan's")
        precondition(!masks || seeds.count == count, "a masked pass needs a seed a row")
        for start in stride(from: 0, to: count, by: Self.imagesAtOnce) {
            let part = start..<min(start + Self.imagesAtOnce, count)
            let settled = reconstruct(rows, part, arena, results, settles)
            if settled.count < part.count { classify(part, settled, arena, results) }
            for row in settled { results.settle(row) }
            if masks { mask(rows, part.filter { !settled.contains($0) }, seeds, arena, results) }
        }
    }

    /// All but the last, linear layers of the auxiliary model for at most ``imagesAtOnce`` rows; those that are settled
    /// before it.
    private func reconstruct(
        _ rows: UnsafePointer<Float>, _ part: Range<Int>, _ arena: PlanArena, _ results: PlanResults,
        _ settles: ((Int) -> Bool)?
    ) -> [Int] {
        var settled: [Int] = []
        let together = autoencoder.stack.together.images
        for start in stride(from: part.lowerBound, to: part.upperBound, by: together) {
            let size = min(together, part.upperBound - start)
            autoencoder.run(rows + start * image.count, size, arena)
            for row in start..<start + size {
                results.losses[row] = Float(autoencoder.distance(row - start, arena) / Double(image.count))
                if let room = results.reconstructions {
                    autoencoder.join(
                        row - start, into: room + row * image.count, channelsLast: false, arena)
                }
                if let statistics {
                    results.statistics[row] = statistics.run(rows + row * image.count, arena)
                }
                if let frames { results.frames[row] = frames.run(rows + row * image.count, arena) }
                if let settles, settles(row) {
                    settled.append(row)
                } else {
                    describe(row - start, as: row - part.lowerBound, arena)
                    if let detector { results.logits[row] = detect(row - start, detector, arena) }
                }
            }
        }
        return settled
    }

    /// The auxiliary model's features of one of the images that passed the autoencoder together.
    private func describe(_ image: Int, as place: Int, _ arena: PlanArena) {
        autoencoder.join(image, into: classifier.room(arena), channelsLast: classifier.channelsLast, arena)
        classifier.describe(place, arena)
    }

    private func detect(_ image: Int, _ detector: DetectorPlan, _ arena: PlanArena) -> Float {
        autoencoder.joinBoth(image, into: detector.room(arena), arena)
        return detector.run(arena)
    }

    /// What the auxiliary model makes of the features of a part's rows.
    private func classify(
        _ part: Range<Int>, _ settled: [Int], _ arena: PlanArena, _ results: PlanResults
    ) {
        classifier.classify(
            part.count, except: settled.map { $0 - part.lowerBound },
            into: results.probabilities + part.lowerBound * classes,
            energies: results.energies + part.lowerBound, arena)
        guard let neighbours else { return }
        for row in part where !settled.contains(row) {
            let (features, kind) = classifier.features(row - part.lowerBound, arena)
            results.distances[row] = neighbours.run(features, kind, arena)
        }
    }

    /// The masked pass of some rows.
    private func mask(
        _ rows: UnsafePointer<Float>, _ chosen: [Int], _ seeds: [UInt64], _ arena: PlanArena,
        _ results: PlanResults
    ) {
        guard let (pass, architecture) = masked else { return }
        let hidden = architecture.patches - architecture.visiblePatches(maskRatio: pass.ratio)
        for start in stride(from: 0, to: chosen.count, by: rowsTogether) {
            let part = chosen[start..<min(start + rowsTogether, chosen.count)]
            let visible = part.map { pass.visible(architecture, seed: seeds[$0]) }
            autoencoder.run(part.map { rows + $0 * image.count }, visible: visible, arena)
            for (index, row) in part.enumerated() {
                let sum = autoencoder.distance(index, hiddenFrom: visible[index], arena)
                results.maskedLosses[row] = Float(sum / Double(hidden * architecture.patchCount))
            }
        }
    }
}
