import Tensor

/// A two-dimensional convolution over channels-last images.
///
/// Groups of images are unrolled to a matrix (places, height·width·inputs) in a thread's scratch and multiplied
/// by the weights; the backward pass unrolls again rather than keep nine times the image.
package final class Convolution: Module {
    package let weight: Parameter
    package let bias: Parameter?
    private let inputs: Int
    private let outputs: Int
    private let side: Int
    private let stride: Int
    private let padding: Int

    /// A layer of zeros with a square window.
    package init(
        _ name: String, _ inputs: Int, _ outputs: Int, side: Int, stride: Int = 1, padding: Int = 0,
        bias: Bool = true
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.side = side
        self.stride = stride
        self.padding = padding
        weight = Parameter(name + ".weight", shape: [outputs, inputs, side, side], kind: .convolution)
        self.bias = bias ? Parameter(name + ".bias", shape: [outputs]) : nil
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

    /// Draws weights and biases as PyTorch does: uniform within 1/√(inputs·window).
    package func initialize(_ generator: inout RandomGenerator) {
        for parameter in parameters {
            parameter.fillUniform(bound: 1 / Float(inputs * side * side).squareRoot(), &generator)
        }
    }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: FeatureMap, _ pass: Pass) -> FeatureMap {
        let window = window(x)
        let y = FeatureMap(
            pass.activation(x.images * window.places, outputs), images: x.images, height: window.outHeight,
            width: window.outWidth)
        pass.workspace.forEachChunk(of: x.images, by: group(window)) { images, scratch in
            let columns = unroll(x, images, window, scratch)
            let room = y.activation.values + images.lowerBound * y.imageCount
            Product(columns, weightMatrix(window), into: room, bias: bias?.constant).run(scratch: scratch)
        }
        pass.record { self.backward(x, y, window, pass) }
        return y
    }

    private func window(_ x: FeatureMap) -> Window {
        precondition(x.channels == inputs)
        return Window(
            height: x.height, width: x.width, channels: inputs, side: (side, side), stride: stride,
            padding: padding)
    }

    private func weightMatrix(_ window: Window) -> Matrix { Matrix(weight.values, window.count, outputs) }

    /// The images to unroll at a time: enough rows to pay for packing the weights, few enough for the cache.
    private func group(_ window: Window) -> Int {
        let byCache = (1 << 17) / max(1, window.places * window.count)
        return max(1, min(byCache, (255 + window.places) / window.places))
    }

    private func unroll(_ x: FeatureMap, _ images: Range<Int>, _ window: Window, _ scratch: Arena) -> Matrix {
        let count = window.places * window.count
        let columns = scratch.allocate(images.count * count)
        for (index, image) in images.enumerated() {
            window.unroll(x.activation.values + image * x.imageCount, into: columns + index * count)
        }
        return Matrix(columns, images.count * window.places, window.count)
    }
}

extension Convolution {
    /// The number of partial sums of the weights' gradient: fixed, so that the sum does not depend on the threads.
    private static let slices = 8

    private func backward(_ x: FeatureMap, _ y: FeatureMap, _ window: Window, _ pass: Pass) {
        let dy = pass.gradient(of: y.activation)
        if pass.trains {
            addWeightGradient(x, y, dy, window, pass)
            if let bias { pass.sumRows(dy, y.activation.rows, outputs, into: bias.gradient) }
        }
        if x.activation.needsGradient { addInputGradient(x, y, dy, window, pass) }
    }

    private func addWeightGradient(
        _ x: FeatureMap, _ y: FeatureMap, _ dy: UnsafeMutablePointer<Float>, _ window: Window, _ pass: Pass
    ) {
        let mark = pass.workspace.arena.mark()
        let slices = min(Self.slices, x.images)
        let partials = pass.workspace.arena.zeros(slices * weight.count)
        let size = group(window)
        pass.workspace.forEach(slices) { slice, scratch in
            let end = (slice + 1) * x.images / slices
            for start in Swift.stride(from: slice * x.images / slices, to: end, by: size) {
                let images = start..<min(start + size, end)
                let mark = scratch.mark()
                let columns = unroll(x, images, window, scratch)
                let gradient = Matrix(dy + start * y.imageCount, columns.rows, outputs)
                Product(
                    columns.transposed, gradient, into: partials + slice * weight.count, accumulate: true
                ).run(scratch: scratch)
                scratch.release(to: mark)
            }
        }
        for slice in 0..<slices {
            Kernels.add(weight.gradient, partials + slice * weight.count, into: weight.gradient, weight.count)
        }
        pass.workspace.arena.release(to: mark)
    }

    private func addInputGradient(
        _ x: FeatureMap, _ y: FeatureMap, _ dy: UnsafeMutablePointer<Float>, _ window: Window, _ pass: Pass
    ) {
        let (dx, accumulate) = pass.sink(for: x.activation)
        let mark = pass.workspace.arena.mark()
        let turned = pass.workspace.arena.allocate(weight.count)
        Kernels.transpose(weight.values, into: turned, window.count, outputs)
        let size = group(window)
        pass.workspace.forEachChunk(of: x.images, by: size) { images, scratch in
            let rows = images.count * window.places
            let columns = scratch.allocate(rows * window.count)
            Product(
                Matrix(dy + images.lowerBound * y.imageCount, rows, outputs),
                Matrix(turned, outputs, window.count), into: columns
            ).run(scratch: scratch)
            for (index, image) in images.enumerated() {
                let from = columns + index * window.places * window.count
                let room = dx + image * x.imageCount
                if !accumulate { room.update(repeating: 0, count: x.imageCount) }
                window.rollBack(from, addingTo: room)
            }
        }
        pass.workspace.arena.release(to: mark)
    }
}
