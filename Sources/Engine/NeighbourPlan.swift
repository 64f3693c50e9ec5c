import CKernels
import SAME
import Tensor

/// Distances of features to benign ones: the references are a linear layer whose outputs are the cosines.
///
/// In Float32 whatever the plan's precision: it costs little, and distances of near neighbours are small differences.
struct NeighbourPlan {
    private let layer: PackedLayer
    private let shape: ReferenceFeatures.Shape
    /// One row's features, padded, and its products with all references.
    private let features: Region
    private let cosines: Region

    init(
        _ references: ReferenceFeatures, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        shape = references.shape
        let weights = Weights(tensors: [
            "references.weight": references.features,
            "references.bias": Tensor(shape: [references.shape.count]),
        ])
        layer = PackedLayer(kernels.plain, linear: "references", weights, in: store)
        features = layout.reserve(rows: 1, layer.depth, .f32)
        cosines = layout.reserve(rows: 1, layer.columns, .f32)
    }

    /// The distance of one row of features, which are of a kind.
    func run(_ row: UnsafeRawPointer, _ kind: Kind, _ arena: PlanArena) -> Float {
        let to = arena.floats(features)
        var sum = 0.0
        for index in 0..<shape.features {
            to[index] = Self.value(row, index, kind)
            sum += Double(to[index]) * Double(to[index])
        }
        let length = sum.squareRoot()
        if length > 0 { for index in 0..<shape.features { to[index] = Float(Double(to[index]) / length) } }
        layer.run(layer.product(to, rows: 1, into: arena.raw(cosines), .f32))
        let found = UnsafeBufferPointer(start: arena.floats(cosines), count: shape.count)
        return ReferenceFeatures.distance(cosines: found, neighbours: shape.neighbours)
    }

    private static func value(_ row: UnsafeRawPointer, _ index: Int, _ kind: Kind) -> Float {
        switch kind {
        case .f32: return row.load(fromByteOffset: 4 * index, as: Float.self)
        case .bf16:
            let bits = row.load(fromByteOffset: 2 * index, as: UInt16.self)
            return Float(bitPattern: UInt32(bits) << 16)
        case .u8: preconditionFailure("features never lie in bytes: they have no scale of their own")
        }
    }
}
