import CKernels
import SAME
import Synchronization
import Tensor

/// A classifier compiled for its answers, in 32 bits: a victim in this process, which is asked far more often than it is
/// trained.
///
/// Shared by all threads. An image's logits are bitwise the same whatever images are beside it and however many threads there
/// are; they differ from ``Classifier/logits(_:workspace:)`` by rounding.
///
/// `@unchecked Sendable` because: the packed weights are written before the initialiser returns, then only read, and an arena
/// belongs to whoever has taken it from the shelf, which a mutex guards.
package final class Predictor: @unchecked Sendable {
    /// What it answers for.
    package let architecture: ClassifierArchitecture
    private let plan: ClassifierPlan
    private let layout: ArenaLayout
    private let store = WeightStore()
    /// Arenas that nobody uses at the moment; in all as many as have been in use at once.
    private let shelf = Mutex<[Loan]>([])

    /// `@unchecked Sendable` because: exactly one thread holds it between `take` and `put`.
    private struct Loan: @unchecked Sendable {
        let arena: PlanArena
    }

    /// Compiles a classifier.
    package convenience init(_ model: Classifier) { self.init(model, level: sg_level_best()) }

    /// The same with the instructions of a level, so that tests can hold each against the reference.
    init(_ model: Classifier, level: Int32) {
        var layout = ArenaLayout()
        architecture = model.architecture
        plan = ClassifierPlan(model, KernelSet(f32: level), in: store, &layout)
        self.layout = layout
    }

    /// The logits of each image, computed by the workspace's threads or else by this one.
    ///
    /// **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values; the result (B, classes).
    package func logits(_ rows: Tensor, workspace: Workspace = Workspace()) -> Tensor {
        let (size, classes, count) = (architecture.image.count, architecture.classes, rows.rows)
        precondition(rows.rowCount == size, "a row has \(rows.rowCount) values")
        // Portions of one size for each thread where there are few images.
        let portion = max(1, min(Plan.imagesAtOnce, (count + workspace.threads - 1) / workspace.threads))
        let values = [Float](unsafeUninitializedCapacity: count * classes) { room, filled in
            // because: each item writes its own rows.
            nonisolated(unsafe) let room = room
            rows.values.withUnsafeBufferPointer { values in
                guard let from = values.baseAddress, let to = room.baseAddress else { return }
                workspace.share((count + portion - 1) / portion) { item, _ in
                    let start = item * portion
                    run(from + start * size, min(portion, count - start), into: to + start * classes)
                }
            }
            filled = count * classes
        }
        return Tensor(shape: [count, classes], values: values)
    }

    /// The softmax of the logits.
    package func probabilities(_ rows: Tensor, workspace: Workspace = Workspace()) -> Tensor {
        Classifier.probabilities(logits: logits(rows, workspace: workspace))
    }

    /// The logits of at most ``Plan/imagesAtOnce`` images, on this thread.
    private func run(_ rows: UnsafePointer<Float>, _ count: Int, into logits: UnsafeMutablePointer<Float>) {
        let loan = shelf.withLock { $0.popLast() } ?? Loan(arena: PlanArena(layout))
        defer { shelf.withLock { $0.append(loan) } }
        let size = architecture.image.count
        for index in 0..<count {
            plan.put(rows + index * size, loan.arena)
            plan.describe(index, loan.arena)
        }
        let (found, row) = plan.logits(count, loan.arena)
        for index in 0..<count {
            (logits + index * plan.classes).update(from: found + index * row, count: plan.classes)
        }
    }
}
