import CKernels
import SAME
import Tensor

/// A perturbation detector with packed weights, in Float32 whatever the plan's precision: the steps that it looks for
/// are not much larger than what bfloat16 rounds away from a bright pixel.
struct DetectorPlan {
    /// One convolution with ReLU, maybe with a 2×2 mean before it.
    private struct Stage {
        let layer: ConvolutionPlan
        let pool: Window?
    }

    private let image: ImageShape
    private let stages: [Stage]
    /// The last map's pixels, and the values of one.
    private let last: (pixels: Int, columns: Int)
    /// The output's weights of the means and of the largest values, padded, and its bias.
    private let means: UnsafeMutablePointer<Float>
    private let peaks: UnsafeMutablePointer<Float>
    private let bias: Float
    /// The image and its residual, channels last.
    private let picture: Region
    /// The map before a layer and after it, by turns.
    private let maps: [Region]
    private let scratch: Region

    init(
        _ model: PerturbationDetector, _ kernels: KernelSet, in store: WeightStore,
        _ layout: inout ArenaLayout
    ) {
        let (sizes, weights) = (model.architecture, Weights(tensors: model.stateDict))
        image = sizes.image
        var map = ConvolutionPlan.Map(height: image.height, width: image.width)
        var channels = 2 * image.channels
        var stages: [Stage] = []
        for layer in sizes.layers {
            var pool: Window?
            if layer.isPooledBefore {
                pool = Window(
                    height: map.height, width: map.width, channels: channels, side: (2, 2), stride: 2)
                map = .init(height: layer.height, width: layer.width)
            }
            let plan = ConvolutionPlan(
                biased: ResNetSizes.Layer(
                    name: layer.name, inputs: layer.inputs, outputs: layer.outputs, side: 3),
                on: map, channels: channels, weights, kernels.plain, in: store)
            stages.append(Stage(layer: plan, pool: pool))
            channels = plan.columns
        }
        self.stages = stages
        last = (map.pixels, channels)
        let output = weights["output.weight"].values
        means = store.padded(output[..<sizes.features])
        peaks = store.padded(output[sizes.features...])
        bias = weights["output.bias"].values[0]
        picture = layout.reserve(bytes: 4 * 2 * image.count)
        let largest = stages.map(\.layer.count).max() ?? 0
        maps = [layout.reserve(bytes: 4 * largest), layout.reserve(bytes: 4 * largest)]
        scratch = layout.reserve(bytes: stages.map(\.layer.scratchBytes).max() ?? 0)
    }

    /// Where the image goes: channels last, two values a channel, the image's and then its reconstruction's.
    func room(_ arena: PlanArena) -> UnsafeMutablePointer<Float> { arena.floats(picture) }

    /// The logit of the image in the room.
    func run(_ arena: PlanArena) -> Float {
        let (room, channels) = (arena.floats(picture), image.channels)
        for pixel in 0..<image.height * image.width {
            let at = room + pixel * 2 * channels
            for channel in 0..<channels {
                at[channels + channel] =
                    PerturbationDetector.residualScale * (at[channel] - at[channels + channel])
            }
        }
        var (from, map) = (UnsafePointer(room), 0)
        for stage in stages {
            if let pool = stage.pool {
                let to = arena.floats(maps[map])
                pool.mean(from, into: to)
                (from, map) = (UnsafePointer(to), 1 - map)
            }
            let to = arena.floats(maps[map])
            stage.layer.run(
                from, scale: nil, into: to, .f32, activation: SG_ACTIVATION_RELU, scratch: arena.raw(scratch))
            (from, map) = (UnsafePointer(to), 1 - map)
        }
        return logit(of: from)
    }

    /// The output layer on the means and the largest values of the last map's channels, none of which is negative.
    private func logit(of map: UnsafePointer<Float>) -> Float {
        var logit = bias
        for channel in 0..<last.columns {
            var sum: Float = 0, peak: Float = 0
            for pixel in 0..<last.pixels {
                let value = map[pixel * last.columns + channel]
                sum += value
                peak = max(peak, value)
            }
            logit += means[channel] * sum / Float(last.pixels) + peaks[channel] * peak
        }
        return logit
    }
}
