import Neural
import Tensor

/// The generator of data-free attacks: noise → a small map → twice enlarged and convolved → a picture before
/// its tanh.
///
/// BatchNorm uses the batch's statistics throughout, as the attacks' own code leaves its generator in
/// training mode.
/// **Shapes** noise (B, noise), result (B, C·H·W).
final class PictureGenerator: Module {
    private let image: ImageShape
    private let width: Int
    private let base: ImageShape
    private let dense: Linear
    private let norms: [BatchNorm]
    private let convolutions: [Convolution]
    let noiseCount: Int

    /// A generator with `width` channels in its first map, half as many in its last.
    init(image: ImageShape, noise: Int, width: Int, generator: inout RandomGenerator) {
        self.image = image
        self.width = max(2, width)
        noiseCount = noise
        base = ImageShape(
            channels: max(2, width), height: (image.height + 3) / 4, width: (image.width + 3) / 4)
        dense = Linear("dense", noise, base.count)
        norms = [
            BatchNorm("norm.0", self.width), BatchNorm("norm.1", self.width),
            BatchNorm("norm.2", self.width / 2),
        ]
        convolutions = [
            Convolution("conv.0", self.width, self.width, side: 3, padding: 1),
            Convolution("conv.1", self.width, self.width / 2, side: 3, padding: 1),
            Convolution("conv.2", self.width / 2, image.channels, side: 3, padding: 1),
        ]
        dense.initialize(&generator)
        for convolution in convolutions { convolution.initialize(&generator) }
    }

    var parameters: [Parameter] {
        dense.parameters + norms.flatMap(\.parameters) + convolutions.flatMap(\.parameters)
    }

    /// Makes a batch from noise.
    func forward(_ noise: Tensor, _ pass: Pass) -> Activation {
        var map = norms[0].forward(pass.featureMap(dense.forward(pass.input(noise), pass), base), pass)
        map = pass.enlarged(map, height: (image.height + 1) / 2, width: (image.width + 1) / 2)
        map = pass.leaky(norms[1].forward(convolutions[0].forward(map, pass), pass))
        map = pass.enlarged(map, height: image.height, width: image.width)
        map = pass.leaky(norms[2].forward(convolutions[1].forward(map, pass), pass))
        return pass.flatten(convolutions[2].forward(map, pass))
    }

    /// A batch, without a way back.
    func make(_ noise: Tensor, workspace: Workspace) -> Tensor {
        let pass = Pass(.training, workspace)
        defer { pass.end() }
        return Self.copy(forward(noise, pass), image)
    }

    /// Makes a batch, asks `slopes` for the loss's gradient by it, and adds the parameters' gradients.
    func learn(
        _ noise: Tensor, workspace: Workspace, _ slopes: (Tensor) throws -> Tensor
    ) rethrows {
        let pass = Pass(.training, workspace)
        defer { pass.end() }
        let y = forward(noise, pass)
        let gradient = try slopes(Self.copy(y, image))
        precondition(gradient.count == y.count)
        let sink = pass.overwritingSink(for: y)
        for (index, slope) in gradient.values.enumerated() { sink[index] = slope }
        pass.backward()
    }

    private static func copy(_ y: Activation, _ image: ImageShape) -> Tensor {
        Tensor(
            shape: [y.rows, image.count], values: Array(UnsafeBufferPointer(start: y.values, count: y.count)))
    }
}

extension Pass {
    /// A map enlarged to any size by repeating the nearest pixel.
    func enlarged(_ x: FeatureMap, height: Int, width: Int) -> FeatureMap {
        let channels = x.channels
        let y = FeatureMap(
            activation(x.images * height * width, channels), images: x.images, height: height, width: width)
        /// The offsets of each new pixel and the old one that it repeats.
        let pairs = (0..<height * width).map { place in
            let (row, column) = place.quotientAndRemainder(dividingBy: width)
            let from = row * x.height / height * x.width + column * x.width / width
            return (new: place * channels, old: from * channels)
        }
        let (small, large) = (x.height * x.width * channels, height * width * channels)
        for picture in 0..<x.images {
            let (source, target) = (
                x.activation.values + picture * small, y.activation.values + picture * large
            )
            for pair in pairs { (target + pair.new).update(from: source + pair.old, count: channels) }
        }
        record { [self] in
            let dy = gradient(of: y.activation)
            let dx = overwritingSink(for: x.activation)
            dx.update(repeating: 0, count: x.activation.count)
            for picture in 0..<x.images {
                let (source, target) = (dy + picture * large, dx + picture * small)
                for pair in pairs {
                    Kernels.add(target + pair.old, source + pair.new, into: target + pair.old, channels)
                }
            }
        }
        return y
    }

    /// x where it is positive, a fifth of it elsewhere.
    func leaky(_ x: FeatureMap) -> FeatureMap {
        let y = activation(x.activation.rows, x.channels)
        for index in 0..<y.count {
            let value = x.activation.values[index]
            y.values[index] = value > 0 ? value : 0.2 * value
        }
        record { [self] in
            let dy = gradient(of: y)
            let dx = overwritingSink(for: x.activation)
            for index in 0..<y.count {
                dx[index] = x.activation.values[index] > 0 ? dy[index] : 0.2 * dy[index]
            }
        }
        return FeatureMap(y, images: x.images, height: x.height, width: x.width)
    }
}
