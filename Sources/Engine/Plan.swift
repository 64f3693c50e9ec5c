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
    private let layout: ArenaLayout
    private let store: WeightStore

    /// The most images whose auxiliary predictions are taken at once: bounds an arena, changes no result.
    static let imagesAtOnce = 16

    /// Compiles a bundle's networks.
    package convenience init(_ bundle: ModelBundle, precision: Precision = .best) throws(PlanError) {
        try self.init(bundle.autoencoder, bundle.auxiliary, bundle.detector, precision: precision)
    }

    /// Compiles networks for the same images.
    package convenience init(
        _ autoencoder: MaskedAutoencoder, _ auxiliary: Classifier, _ detector: PerturbationDetector? = nil,
        precision: Precision = .best
    ) throws(PlanError) {
        try self.init(autoencoder, auxiliary, detector, precision: precision, level: sg_level_best())
    }

    /// The same with the instructions of a level, so that tests can hold each against the reference.
    init(
        _ model: MaskedAutoencoder, _ auxiliary: Classifier, _ detector: PerturbationDetector? = nil,
        precision: Precision, level: Int32
    ) throws(PlanError) {
        precondition(model.architecture.image == auxiliary.architecture.image, "the networks' images differ")
        precondition(detector.map { $0.architecture.image == model.architecture.image } ?? true)
        let kernels = try KernelSet(precision, level: level)
        var layout = ArenaLayout()
        let store = WeightStore()
        self.precision = precision
        image = model.architecture.image
        operations = Double(
            model.architecture.flops + auxiliary.architecture.flops + (detector?.architecture.flops ?? 0))
        autoencoder = AutoencoderPlan(model, kernels, in: store, &layout)
        classifier = ClassifierPlan(auxiliary, kernels, in: store, &layout)
        var detectorPlan: DetectorPlan?
        if let detector { detectorPlan = DetectorPlan(detector, kernels, in: store, &layout) }
        self.detector = detectorPlan
        self.layout = layout
        self.store = store
    }

    /// Whether rows get a logit of a perturbation detector.
    package var detectsPerturbations: Bool { detector != nil }

    /// The bytes of packed weights.
    package var weightBytes: Int { store.bytesHeld }

    /// Working memory for one worker.
    package func makeArena() -> PlanArena { PlanArena(layout) }

    /// Examines `count` rows: `losses` gets each one's mean of (x − x̂)², `probabilities` A(x̂), `logits`, where given and
    /// there is a detector, its logit, `reconstructions`, where given, x̂ itself.
    ///
    /// **Shapes** rows and reconstructions (count, C·H·W), canonical values −1…1; losses and logits (count);
    /// probabilities (count, classes).
    /// **Runs on** the thread that has the arena; blocks for the whole computation.
    package func examine(
        rows: UnsafePointer<Float>, count: Int, arena: PlanArena, losses: UnsafeMutablePointer<Float>,
        probabilities: UnsafeMutablePointer<Float>, logits: UnsafeMutablePointer<Float>? = nil,
        reconstructions: UnsafeMutablePointer<Float>? = nil
    ) {
        precondition(arena.bytesHeld == layout.bytes, "the arena is another plan's")
        var start = 0
        while start < count {
            let size = min(Self.imagesAtOnce, count - start)
            let at = start * image.count
            examineSome(
                rows + at, size, arena, losses + start, logits.map { $0 + start },
                reconstructions.map { $0 + at })
            classifier.classify(size, into: probabilities + start * classes, arena)
            start += size
        }
    }

    /// All but the last, linear layers of the auxiliary model for at most ``imagesAtOnce`` rows.
    private func examineSome(
        _ rows: UnsafePointer<Float>, _ count: Int, _ arena: PlanArena, _ losses: UnsafeMutablePointer<Float>,
        _ logits: UnsafeMutablePointer<Float>?, _ reconstructions: UnsafeMutablePointer<Float>?
    ) {
        var start = 0
        while start < count {
            let size = min(autoencoder.stack.images, count - start)
            autoencoder.run(rows + start * image.count, size, arena)
            for index in 0..<size {
                losses[start + index] = Float(autoencoder.distance(index, arena) / Double(image.count))
                autoencoder.join(
                    index, into: classifier.room(arena), channelsLast: classifier.channelsLast, arena)
                classifier.describe(start + index, arena)
                if let detector, let logits {
                    autoencoder.joinBoth(index, into: detector.room(arena), arena)
                    logits[start + index] = detector.run(arena)
                }
                if let reconstructions {
                    let room = reconstructions + (start + index) * image.count
                    autoencoder.join(index, into: room, channelsLast: false, arena)
                }
            }
            start += size
        }
    }
}

extension Plan {
    /// The examination of each row, as ``Scorer/examine(_:workspace:)`` gives it; allocates the results alone.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values −1…1.
    package func examine(_ rows: Tensor, arena: PlanArena) -> [Examination] {
        precondition(rows.rowCount == image.count, "a row has \(rows.rowCount) values")
        var losses = [Float](repeating: 0, count: rows.rows)
        var probabilities = [Float](repeating: 0, count: rows.rows * classes)
        var logits = [Float](repeating: 0, count: detectsPerturbations ? rows.rows : 0)
        rows.values.withUnsafeBufferPointer {
            guard rows.rows > 0, let base = $0.baseAddress else { return }
            logits.withUnsafeMutableBufferPointer { logits in
                examine(
                    rows: base, count: rows.rows, arena: arena, losses: &losses,
                    probabilities: &probabilities,
                    logits: detectsPerturbations ? logits.baseAddress : nil)
            }
        }
        return losses.indices.map {
            Examination(
                reconstructionLoss: losses[$0], roughness: Scorer.roughness(rows.row($0), image),
                perturbation: detectsPerturbations ? logits[$0] : nil,
                auxiliaryProbabilities: Array(probabilities[$0 * classes..<($0 + 1) * classes]))
        }
    }
}
