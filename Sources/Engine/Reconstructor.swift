import CKernels
import SAME
import Tensor

/// A masked autoencoder compiled for reconstructions by the thousand, every patch visible: what a fit needs of it once it is
/// trained.
///
/// Belongs to one thread at a time, which shares the work among those of its workspace. An image's reconstruction is bitwise
/// the same whatever images are beside it and however many threads there are.
package final class Reconstructor {
    private let autoencoder: AutoencoderPlan
    private let workspace: Workspace
    private let arenas: [PlanArena]
    private let store = WeightStore()

    /// Compiles an autoencoder, in 32 bits unless another precision is asked for.
    ///
    /// **Throws** where the processor lacks the precision's instructions: never in 32 bits.
    package init(
        _ model: MaskedAutoencoder, precision: Plan.Precision = .f32, workspace: Workspace
    ) throws(PlanError) {
        var layout = ArenaLayout()
        autoencoder = AutoencoderPlan(
            model, masked: nil, try KernelSet(precision, level: sg_level_best()), in: store,
            &layout)
        self.workspace = workspace
        arenas = (0..<workspace.threads).map { [layout] _ in PlanArena(layout) }
    }

    /// The reconstruction of each image. **Shapes** rows (B, C·H·W) or (B, C, H, W), canonical values; the result the same.
    package func reconstruct(_ rows: Tensor) -> Tensor {
        let (size, count) = (autoencoder.architecture.image.count, rows.rows)
        precondition(rows.rowCount == size, "a row has \(rows.rowCount) values")
        let together = autoencoder.stack.together.images
        let values = [Float](unsafeUninitializedCapacity: rows.count) { room, filled in
            // because: each item writes its own rows.
            nonisolated(unsafe) let room = room
            rows.values.withUnsafeBufferPointer { values in
                guard let from = values.baseAddress, let to = room.baseAddress else { return }
                workspace.share((count + together - 1) / together) { item, thread in
                    let (start, arena) = (item * together, arenas[thread])
                    let images = min(together, count - start)
                    autoencoder.run(from + start * size, images, arena)
                    for image in 0..<images {
                        autoencoder.join(
                            image, into: to + (start + image) * size, channelsLast: false, arena)
                    }
                }
            }
            filled = rows.count
        }
        return Tensor(shape: rows.shape, values: values)
    }
}
