import CKernels
import SAME
import Tensor

/// A perturbation detector with packed weights, in Float32 whatever the plan's precision: the steps that it looks for
/// are not much larger than what bfloat16 rounds away from a bright pixel.
///
/// Its maps are planes, channels first: its convolutions have too few channels to fill vectors with.
struct DetectorPlan {
    /// One convolution with ReLU, maybe with a 2×2 mean before it.
    private struct Stage {
        let layer: PerturbationDetectorArchitecture.Layer
        let weights: UnsafeMutablePointer<Float>
        let bias: UnsafeMutablePointer<Float>
        /// The sizes of the map before the 2×2 mean.
        let height: Int
        let width: Int
    }

    private let image: ImageShape
    private let kernels: OpaquePointer
    private let stages: [Stage]
    private let features: Int
    /// The output's weights, of the means and then of the largest values, and its bias.
    private let output: UnsafeMutablePointer<Float>
    private let bias: Float
    /// The image and its residual.
    private let picture: Region
    /// The map before a layer and after it, by turns.
    private let maps: [Region]
    /// The means and the largest values of the last map's planes.
    private let summary: Region

    init(
        _ model: PerturbationDetector, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        let (sizes, weights) = (model.architecture, Weights(tensors: model.stateDict))
        image = sizes.image
        self.kernels = kernels.plain
        var (height, width) = (image.height, image.width)
        var stages: [Stage] = []
        var largest = 0
        for layer in sizes.layers {
            let weight = weights[layer.name + ".weight"]
            let packed = store.floats(weight.count)
            sg_infer_pack_planes(
                kernels.plain, weight.values.map(\.flushed), layer.inputs, layer.outputs, packed)
            stages.append(
                Stage(
                    layer: layer, weights: packed, bias: store.padded(weights[layer.name + ".bias"].values),
                    height: height, width: width))
            (height, width) = (layer.height, layer.width)
            largest = max(largest, max(layer.inputs, layer.outputs) * sg_infer_plane(height, width))
        }
        self.stages = stages
        features = sizes.features
        output = store.padded(weights["output.weight"].values)
        bias = weights["output.bias"].values[0]
        picture = layout.reserve(bytes: 4 * 2 * image.channels * sg_infer_plane(image.height, image.width))
        maps = [layout.reserve(bytes: 4 * largest), layout.reserve(bytes: 4 * largest)]
        summary = layout.reserve(bytes: 4 * 2 * features)
    }

    /// Where the image goes: planes of a convolution, the image's and then its reconstruction's. Their borders are zero.
    func room(_ arena: PlanArena) -> UnsafeMutablePointer<Float> { arena.floats(picture) }

    /// The logit of the image in the room.
    func run(_ arena: PlanArena) -> Float {
        let room = arena.floats(picture)
        scaleResidual(room)
        var (from, map) = (UnsafePointer(room), 0)
        for stage in stages {
            let layer = stage.layer
            if layer.isPooledBefore {
                let to = arena.floats(maps[map])
                sg_infer_halve_planes(kernels, from, layer.inputs, stage.height, stage.width, to)
                (from, map) = (UnsafePointer(to), 1 - map)
            }
            let to = arena.floats(maps[map])
            let planes = sg_planes(
                x: from, w: stage.weights, bias: stage.bias, y: to, inputs: layer.inputs,
                outputs: layer.outputs, height: layer.height, width: layer.width)
            withUnsafePointer(to: planes) { sg_infer_planes(kernels, $0) }
            (from, map) = (UnsafePointer(to), 1 - map)
        }
        return logit(of: from, arena)
    }

    /// What the reconstruction leaves of the image, larger, in the reconstruction's place. Borders stay zero.
    private func scaleResidual(_ room: UnsafeMutablePointer<Float>) {
        let count = image.channels * sg_infer_plane(image.height, image.width)
        let scale = PerturbationDetector.residualScale
        for at in 0..<count { room[count + at] = scale * (room[at] - room[count + at]) }
    }

    /// The output layer on the means and the largest values of the last map's channels, none of which is negative.
    private func logit(of map: UnsafePointer<Float>, _ arena: PlanArena) -> Float {
        let found = arena.floats(summary)
        let (height, width) = stages.last.map { ($0.layer.height, $0.layer.width) } ?? (0, 0)
        sg_infer_sum_up_planes(kernels, map, features, height, width, found, found + features)
        return (0..<2 * features).reduce(bias) { $0 + output[$1] * found[$1] }
    }
}
