import Tensor
import Testing

@testable import Neural

/// Every layer's gradients against central differences of Σ y·r, summed in double, on odd shapes.
@Suite struct LayerGradientTests {
    private final class Nothing: Module {
        let parameters: [Parameter] = []
    }

    @Test("linear and LayerNorm", arguments: [(1, 1), (3, 7), (50, 5)])
    func rows(rows: Int, columns: Int) {
        let linear = Linear("l", columns, 3)
        check(linear, rows, columns) { linear.forward($0, $1) }
        let norm = LayerNorm("n", columns + 1)
        check(norm, rows, columns + 1) { norm.forward($0, $1) }
    }

    @Test("attention and a block, of one token and of several", arguments: [1, 2, 7])
    func attention(tokens: Int) {
        let attention = Attention("a", 6, heads: 3)
        check(attention, 2 * tokens, 6) { attention.forward($0, tokens: tokens, $1) }
        let block = TransformerBlock("b", 6, heads: 2)
        check(block, 2 * tokens, 6) { block.forward($0, tokens: tokens, $1) }
    }

    @Test("convolution", arguments: [(1, 1, 0), (3, 2, 1), (3, 1, 2), (2, 3, 0)])
    func convolution(side: Int, stride: Int, padding: Int) {
        let layer = Convolution("c", 3, 5, side: side, stride: stride, padding: padding)
        check(layer, 3, 3 * 5 * 7) { x, pass in
            layer.forward(pass.featureMap(x, ImageShape(channels: 3, height: 5, width: 7)), pass).activation
        }
    }

    /// The definition of the gradient, summed in double, is the oracle.
    @Test(
        "a convolution's weights get the sums over all places, few weights and many, whatever the threads",
        arguments: [(3, 5, 60), (8, 8, 33), (96, 80, 2)])
    func weightGradient(inputs: Int, outputs: Int, images: Int) {
        let (height, width) = (6, 5)
        let shape = ImageShape(channels: inputs, height: height, width: width)
        let layer = Convolution("c", inputs, outputs, side: 3, padding: 1, bias: false)
        var generator = RandomGenerator(seed: 12)
        let x = (0..<images * shape.count).map { _ in generator.uniform(-1..<1) }
        let slopes = (0..<images * height * width * outputs).map { _ in generator.uniform(-1..<1) }
        func gradient(threads: Int) -> [Float] {
            layer.zeroGradients()
            let workspace = Workspace(threads: threads)
            let pass = Pass(.training, workspace)
            defer { pass.end() }
            let room = workspace.arena.allocate(x.count)
            room.update(from: x, count: x.count)
            let input = Activation(room, images, shape.count, needsGradient: true)
            let y = layer.forward(pass.featureMap(input, shape), pass).activation
            y.gradient = workspace.arena.allocate(y.count)
            y.gradient?.update(from: slopes, count: y.count)
            pass.backward()
            return Array(UnsafeBufferPointer(start: layer.weight.gradient, count: layer.weight.count))
        }
        let found = gradient(threads: 1)
        #expect(gradient(threads: 3) == found)
        for _ in 0..<300 {
            let index = generator.integer(below: found.count)
            let (output, from) = (index % outputs, index / outputs)
            let (channel, kx, ky) = (from % inputs, from / inputs % 3, from / inputs / 3)
            var exact = 0.0
            for image in 0..<images {
                for oy in max(0, 1 - ky)..<min(height, height + 1 - ky) {
                    for ox in max(0, 1 - kx)..<min(width, width + 1 - kx) {
                        let pixel = (oy + ky - 1) * width + ox + kx - 1
                        let place = (image * height + oy) * width + ox
                        exact +=
                            Double(x[(image * inputs + channel) * height * width + pixel])
                            * Double(slopes[place * outputs + output])
                    }
                }
            }
            #expect(abs(Double(found[index]) - exact) < 1e-4, "weight \(index)")
        }
    }

    @Test("BatchNorm in training")
    func batchNorm() {
        let norm = BatchNorm("b", 3)
        check(norm, 5, 3 * 2 * 3) { x, pass in
            norm.forward(pass.featureMap(x, ImageShape(channels: 3, height: 2, width: 3)), pass).activation
        }
    }

    @Test("BatchNorm in training on one value a channel, where the running statistics are constants")
    func batchNormOfOne() {
        let norm = BatchNorm("b", 3)
        check(norm, 1, 3) { x, pass in
            norm.runningVariance.fill { 0.3 }
            return norm.forward(pass.featureMap(x, ImageShape(channels: 3, height: 1, width: 1)), pass)
                .activation
        }
    }

    @Test("GELU, residual, pools and flatten")
    func functions() {
        let shape = ImageShape(channels: 2, height: 5, width: 4)
        check(Nothing(), 3, 7) { $1.gelu($0) }
        check(Nothing(), 3, 7) { x, pass in pass.residual(x) { pass.gelu($0) } }
        check(Nothing(), 2, 40) { $1.maxPool($1.featureMap($0, shape), side: 2, stride: 1).activation }
        check(Nothing(), 2, 40) {
            $1.averagePool($1.featureMap($0, shape), side: 3, stride: 2, padding: 1).activation
        }
        check(Nothing(), 2, 40) { $1.globalAveragePool($1.featureMap($0, shape)) }
        check(Nothing(), 2, 40) { $1.globalMaxPool($1.featureMap($0, shape)) }
        check(Nothing(), 2, 40) { x, pass in
            let map = pass.featureMap(x, shape)
            return pass.concatenate(pass.globalAveragePool(map), pass.globalMaxPool(map))
        }
        check(Nothing(), 3, 7) { $1.concatenate($0, $1.concatenate($1.gelu($0), $0)) }
        check(Nothing(), 2, 40) { $1.flatten($1.featureMap($0, shape)) }
    }

    @Test("two uses of one activation add up")
    func twice() {
        let (first, second) = (Linear("f", 4, 3), Linear("s", 3, 3))
        check(first, 5, 4) { x, pass in
            let y = first.forward(x, pass)
            return pass.residual(y) { pass.gelu(second.forward($0, pass)) }
        }
    }

    private func check(
        _ layer: some Module, _ rows: Int, _ columns: Int, _ forward: (Activation, Pass) -> Activation
    ) {
        var generator = RandomGenerator(seed: 11)
        for parameter in layer.parameters { parameter.fillUniform(bound: 1, &generator) }
        layer.zeroGradients()
        let workspace = Workspace(threads: 2)
        var x = (0..<rows * columns).map { _ in generator.uniform(-1..<1) }
        var weights: [Float] = []
        /// Σ y·weights, and then the gradients where wanted.
        func run(backward: Bool = false) -> (value: Double, gradient: [Float]) {
            let pass = Pass(.training, workspace)
            defer { pass.end() }
            let room = workspace.arena.allocate(x.count)
            room.update(from: x, count: x.count)
            let input = Activation(room, rows, columns, needsGradient: true)
            let y = forward(input, pass)
            if weights.isEmpty { weights = (0..<y.count).map { _ in generator.uniform(-1..<1) } }
            let value = (0..<y.count).reduce(0) { $0 + Double(y.values[$1]) * Double(weights[$1]) }
            guard backward else { return (value, []) }
            y.gradient = workspace.arena.allocate(y.count)
            y.gradient?.update(from: weights, count: y.count)
            pass.backward()
            return (value, Array(UnsafeBufferPointer(start: pass.gradient(of: input), count: x.count)))
        }
        let gradient = run(backward: true).gradient
        for index in x.indices.prefix(30) {
            let value = x[index]
            let slope = slope { change in
                x[index] = value + change
                return run().value
            }
            x[index] = value
            #expect(abs(Double(gradient[index]) - slope) <= 2e-3 + 0.01 * abs(slope), "x[\(index)]")
        }
        for parameter in layer.parameters where parameter.isTrainable {
            let index = generator.integer(below: parameter.count)
            let value = parameter.values[index]
            let slope = slope { change in
                parameter.values[index] = value + change
                return run().value
            }
            parameter.values[index] = value
            #expect(
                abs(Double(parameter.gradient[index]) - slope) <= 2e-3 + 0.01 * abs(slope),
                "\(parameter.name)")
        }
    }

    /// The central difference over ±1/512: exact to add and take off, and short of most kinks.
    private func slope(_ value: (Float) -> Double) -> Double {
        let step: Float = 1 / 512
        return (value(step) - value(-step)) / Double(2 * step)
    }
}
