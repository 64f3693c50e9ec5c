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
    ///
    /// `settles` is asked about each row's loss, by its index; where it says yes the row gets neither probabilities (they
    /// are not numbers) nor a logit.
    package func examine(
        rows: UnsafePointer<Float>, count: Int, arena: PlanArena, losses: UnsafeMutablePointer<Float>,
        probabilities: UnsafeMutablePointer<Float>, logits: UnsafeMutablePointer<Float>? = nil,
        reconstructions: UnsafeMutablePointer<Float>? = nil, settles: ((Int, Float) -> Bool)? = nil
    ) {
        precondition(arena.bytesHeld == layout.bytes, "the arena is another plan's")
        var start = 0
        while start < count {
            let size = min(Self.imagesAtOnce, count - start)
            let at = start * image.count
            let settled = examineSome(
                rows + at, size, arena, losses + start, logits.map { $0 + start },
                reconstructions.map { $0 + at }, settles.map { settles in { settles(start + $0, $1) } })
            if settled.count < size {
                classifier.classify(size, into: probabilities + start * classes, arena)
            }
            for row in settled {
                (probabilities + (start + row) * classes).update(repeating: .nan, count: classes)
            }
            start += size
        }
    }

    /// All but the last, linear layers of the auxiliary model for at most ``imagesAtOnce`` rows; those that are settled
    /// before it.
    private func examineSome(
        _ rows: UnsafePointer<Float>, _ count: Int, _ arena: PlanArena, _ losses: UnsafeMutablePointer<Float>,
        _ logits: UnsafeMutablePointer<Float>?, _ reconstructions: UnsafeMutablePointer<Float>?,
        _ settles: ((Int, Float) -> Bool)?
    ) -> [Int] {
        var settled: [Int] = []
        var start = 0
        while start < count {
            let size = min(autoencoder.stack.together.images, count - start)
            autoencoder.run(rows + start * image.count, size, arena)
            for index in 0..<size {
                losses[start + index] = Float(autoencoder.distance(index, arena) / Double(image.count))
                if let reconstructions {
                    let room = reconstructions + (start + index) * image.count
                    autoencoder.join(index, into: room, channelsLast: false, arena)
                }
                if let settles, settles(start + index, losses[start + index]) {
                    settled.append(start + index)
                } else {
                    examineFurther(index, as: start + index, logits, arena)
                }
            }
            start += size
        }
        return settled
    }

    /// What the auxiliary model and the detector make of a reconstruction.
    private func examineFurther(
        _ index: Int, as row: Int, _ logits: UnsafeMutablePointer<Float>?, _ arena: PlanArena
    ) {
        autoencoder.join(index, into: classifier.room(arena), channelsLast: classifier.channelsLast, arena)
        classifier.describe(row, arena)
        guard let detector, let logits else { return }
        autoencoder.joinBoth(index, into: detector.room(arena), arena)
        logits[row] = detector.run(arena)
    }
}
