import CKernels
import SAME
import Tensor

/// Distances of a measure's numbers to benign ones: the references are a linear layer whose outputs are a·b − |b|²/2, largest for
/// the nearest. Who they are is all that is taken of it: the distances to those few are sums of squared differences, so that
/// numbers that a reference has too are exactly as far from it as they are, not as far as a difference of sums rounds to.
///
/// In Float32 whatever the plan's precision: it costs little, and distances of near neighbours are small differences.
struct StatisticsPlan {
    private let layer: PackedLayer
    private let shape: ReferenceStatistics.Shape
    private let measure: PixelMeasure
    private let image: ImageShape
    private let means: UnsafeMutablePointer<Float>
    private let deviations: UnsafeMutablePointer<Float>
    /// The references one after the other. **Shapes** (count, statistics).
    private let points: UnsafeMutablePointer<Float>
    /// One image's numbers, padded, what they are computed with, and the products with all references.
    private let place: Region
    private let scratch: Region
    private let products: Region
    /// The nearest products so far, and whose they are.
    private let best: Region
    private let nearest: Region

    init(
        _ references: ReferenceStatistics, of image: ImageShape, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        (shape, measure, self.image) = (references.shape, references.measure, image)
        let halves = (0..<shape.count).map { row in
            -0.5 * references.points.row(row).reduce(Float(0)) { $0 + $1 * $1 }
        }
        let weights = Weights(tensors: [
            "references.weight": references.points,
            "references.bias": Tensor(shape: [shape.count], values: halves),
        ])
        layer = PackedLayer(kernels.plain, linear: "references", weights, in: store)
        means = store.padded(references.means.values)
        deviations = store.padded(references.deviations.values)
        place = layout.reserve(rows: 1, layer.depth, .f32)
        scratch = layout.reserve(rows: 1, max(1, measure.scratch(image)), .f32)
        products = layout.reserve(rows: 1, layer.columns, .f32)
        points = store.padded(references.points.values)
        best = layout.reserve(rows: 1, shape.neighbours, .f32)
        nearest = layout.reserve(bytes: shape.neighbours * MemoryLayout<Int32>.stride)
    }

    /// The distance of one image. **Shapes** row (C·H·W), canonical values.
    func run(_ row: UnsafePointer<Float>, _ arena: PlanArena) -> Float {
        let at = arena.floats(place)
        measure.take(of: row, image, scratch: arena.floats(scratch), into: at)
        var length: Float = 0
        for index in 0..<shape.statistics {
            at[index] = (at[index] - means[index]) / deviations[index]
            length += at[index] * at[index]
        }
        guard length.isFinite else { return .nan }
        layer.run(layer.product(at, rows: 1, into: arena.raw(products), .f32))
        let nearest = arena.raw(nearest).assumingMemoryBound(to: Int32.self)
        findLargest(arena.floats(products), arena.floats(best), nearest)
        var farthest: Float = 0
        for k in 0..<shape.neighbours { farthest = max(farthest, square(at, Int(nearest[k]))) }
        return farthest.squareRoot()
    }

    /// The squared distance to a reference.
    private func square(_ place: UnsafePointer<Float>, _ reference: Int) -> Float {
        let point = points + reference * shape.statistics
        var sum: Float = 0
        for index in 0..<shape.statistics {
            let difference = place[index] - point[index]
            sum += difference * difference
        }
        return sum
    }

    /// Whose the k largest values are, which stand ascending in `best` meanwhile.
    private func findLargest(
        _ values: UnsafePointer<Float>, _ best: UnsafeMutablePointer<Float>,
        _ places: UnsafeMutablePointer<Int32>
    ) {
        let k = shape.neighbours
        best.update(repeating: -.infinity, count: k)
        places.update(repeating: 0, count: k)
        for index in 0..<shape.count where values[index] > best[0] {
            var at = 0
            while at + 1 < k, best[at + 1] < values[index] {
                best[at] = best[at + 1]
                places[at] = places[at + 1]
                at += 1
            }
            best[at] = values[index]
            places[at] = Int32(index)
        }
    }
}
