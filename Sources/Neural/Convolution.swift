import Tensor

/// A two-dimensional convolution over channels-last images.
///
/// Lines of the output are unrolled to a matrix (places, height·width·inputs) in a thread's scratch and multiplied by
/// the weights, as many lines as pay for packing the weights; the backward pass unrolls again rather than keep nine
/// times the image.
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
        pass.workspace.forEachChunk(of: x.images * window.outHeight, by: linesAtOnce(window)) {
            lines, scratch in
            let columns = scratch.allocate(lines.count * window.outWidth * rowStride(window))
            unroll(x, lines, window, into: columns)
            let room = y.activation.values + lines.lowerBound * window.outWidth * outputs
            let matrix = columnsMatrix(columns, lines.count, window)
            Product(matrix, weightMatrix(window), into: room, bias: bias?.constant).run(scratch: scratch)
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

    /// The rows of a product that pay for packing the weights.
    private static let rowsAtOnce = 256

    /// The lines of output to unroll at a time.
    private func linesAtOnce(_ window: Window) -> Int {
        max(1, (Self.rowsAtOnce + window.outWidth - 1) / window.outWidth)
    }

    /// The number of values from one place's to the next: an odd number of cache lines, since a power of two would
    /// put a whole column of the matrix into a few sets of the cache.
    private func rowStride(_ window: Window) -> Int {
        let lines = (window.count + 15) / 16
        return 16 * (lines | 1)
    }

    private func columnsMatrix(
        _ columns: UnsafeMutablePointer<Float>, _ lines: Int, _ window: Window
    ) -> Matrix {
        Matrix(columns, lines * window.outWidth, window.count, rowStride: rowStride(window))
    }

    /// Unrolls lines of output, counted through the images.
    private func unroll(
        _ x: FeatureMap, _ lines: Range<Int>, _ window: Window, into columns: UnsafeMutablePointer<Float>
    ) {
        var line = lines.lowerBound
        while line < lines.upperBound {
            let (image, first) = line.quotientAndRemainder(dividingBy: window.outHeight)
            let end = min(window.outHeight, first + lines.upperBound - line)
            let to = columns + (line - lines.lowerBound) * window.outWidth * rowStride(window)
            window.unroll(
                x.activation.values + image * x.imageCount, lines: first..<end, into: to,
                rowStride: rowStride(window))
            line += end - first
        }
    }
}

extension Convolution {
    private func backward(_ x: FeatureMap, _ y: FeatureMap, _ window: Window, _ pass: Pass) {
        let dy = pass.gradient(of: y.activation)
        if pass.trains {
            if weight.count <= Self.partialMax {
                addWeightGradientByParts(x, dy, window, pass)
            } else {
                addWeightGradient(x, dy, window, pass)
            }
            if let bias { pass.sumRows(dy, y.activation.rows, outputs, into: bias.gradient) }
        }
        if x.activation.needsGradient { addInputGradient(x, y, dy, window, pass) }
    }

    /// The most weights of which each part of the lines has a sum of its own.
    private static let partialMax = 1 << 16
    /// The parts that the lines are cut into at most, whatever the number of threads.
    private static let partsMax = 64

    /// Few weights: each part of the lines is unrolled a little at a time, multiplied while it is in the cache, and
    /// added to a sum of its own; the sums are added in order.
    private func addWeightGradientByParts(
        _ x: FeatureMap, _ dy: UnsafeMutablePointer<Float>, _ window: Window, _ pass: Pass
    ) {
        let total = x.images * window.outHeight, atOnce = linesAtOnce(window)
        let pieces = (total + atOnce - 1) / atOnce
        let part = (pieces + Self.partsMax - 1) / Self.partsMax * atOnce
        pass.reduce(rows: total, by: part, into: weight.gradient, count: weight.count) {
            lines, sum, scratch in
            let columns = scratch.allocate(atOnce * window.outWidth * rowStride(window))
            for start in Swift.stride(from: lines.lowerBound, to: lines.upperBound, by: atOnce) {
                let piece = start..<min(start + atOnce, lines.upperBound)
                unroll(x, piece, window, into: columns)
                let matrix = columnsMatrix(columns, piece.count, window)
                let gradient = Matrix(dy + start * window.outWidth * outputs, matrix.rows, outputs)
                Product(matrix.transposed, gradient, into: sum, accumulate: true).run(scratch: scratch)
            }
        }
    }

    /// The values that are unrolled at a time for the gradient of many weights, by all threads together.
    private static let unrolledAtOnce = 1 << 21

    /// Many weights: the threads share them, not the images, so that there are no partial sums, and one order of adding
    /// whatever their number.
    private func addWeightGradient(
        _ x: FeatureMap, _ dy: UnsafeMutablePointer<Float>, _ window: Window, _ pass: Pass
    ) {
        let total = x.images * window.outHeight
        let stride = window.outWidth * rowStride(window)
        let size = max(1, min(total, Self.unrolledAtOnce / stride))
        let mark = pass.workspace.arena.mark()
        let columns = pass.workspace.arena.allocate(size * stride)
        for start in Swift.stride(from: 0, to: total, by: size) {
            let lines = start..<min(start + size, total)
            pass.workspace.forEachChunk(of: lines.count, by: linesAtOnce(window)) { part, _ in
                unroll(
                    x, start + part.lowerBound..<start + part.upperBound, window,
                    into: columns + part.lowerBound * stride)
            }
            let matrix = columnsMatrix(columns, lines.count, window)
            let gradient = Matrix(dy + start * window.outWidth * outputs, matrix.rows, outputs)
            Product(matrix.transposed, gradient, into: weight.gradient, accumulate: true).run(
                on: pass.workspace)
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
        let size = max(1, (Self.rowsAtOnce + window.places - 1) / window.places)
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
