import Engine
import SAME
import Tensor

/// The reconstructions of training images, computed once when they fit into memory and batch by batch when
/// not.
///
/// Either way gives the same bits: a reconstruction does not depend on the images beside it.
struct Reconstructions {
    private let images: ImageSet
    private let indices: [Int]
    private let reconstructor: Reconstructor
    private let stored: Tensor?

    init(
        of images: ImageSet, at indices: [Int], by autoencoder: MaskedAutoencoder, workspace: Workspace,
        bytesMax: Int, show: (TrainingProgress) -> Void
    ) throws(PlanError) {
        self.images = images
        self.indices = indices
        reconstructor = try Reconstructor(autoencoder, workspace: workspace)
        guard indices.count * images.shape.count * 4 <= bytesMax else {
            stored = nil
            return
        }
        var values: [Float] = []
        values.reserveCapacity(indices.count * images.shape.count)
        let start = ContinuousClock.now
        for first in stride(from: 0, to: indices.count, by: 256) {
            let last = min(first + 256, indices.count)
            let batch = images.canonical(indices[first..<last], range: .signed)
            values += reconstructor.reconstruct(batch).values
            let elapsed = max((ContinuousClock.now - start) / .seconds(1), 1e-6)
            let rate = Double(last) / elapsed
            show(
                TrainingProgress(
                    phase: "reconstructions", done: last, total: indices.count, rate: rate,
                    remaining: .seconds(Double(indices.count - last) / rate)))
        }
        stored = Tensor(shape: [indices.count, images.shape.count], values: values)
    }

    /// The reconstructions at positions among the indices. **Shapes** (B, C·H·W).
    func batch(_ positions: ArraySlice<Int>) -> Tensor {
        if let stored { return stored.gathering(rows: positions) }
        let batch = images.canonical(positions.map { indices[$0] }, range: .signed)
        return reconstructor.reconstruct(batch)
    }
}
