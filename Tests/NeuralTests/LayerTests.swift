import Tensor
import Testing

@testable import Neural

/// Every layer forward and backward against PyTorch's.
@Suite struct LayerTests {
    private let dump: Fixture
    init() throws { dump = try Fixture("layers") }

    @Test("convolution with stride and padding, and 1×1 without bias")
    func convolution() throws {
        try checkImages("convolution", Convolution("", 3, 5, side: 3, stride: 2, padding: 1)) {
            $0.forward($1, $2)
        }
        try checkImages("pointwise", Convolution("", 3, 4, side: 1, stride: 2, bias: false)) {
            $0.forward($1, $2)
        }
    }

    @Test("BatchNorm in training, its running statistics, and then in evaluation")
    func batchNorm() throws {
        let norm = BatchNorm("", 3)
        try checkImages("batchnorm", norm, ignoring: "num_batches_tracked") { $0.forward($1, $2) }
        #expect(worst(norm.runningMean.tensor.values, try dump["batchnorm.running_mean"]) < 1e-5)
        #expect(worst(norm.runningVariance.tensor.values, try dump["batchnorm.running_var"]) < 1e-5)
        let x = try dump["batchnorm.x"]
        let pass = Pass(.inference, Workspace())
        let y = pass.flatten(norm.forward(pass.featureMap(pass.input(x), shape(x)), pass))
        #expect(worst(read(y.values, y.count), try dump["batchnorm.evaluated"]) < 1e-5)
    }

    /// With the running statistics of a fresh layer, mean 0 and variance 1, y = x / √(1 + ε).
    @Test(
        "one value a channel has no variance: training leaves the running statistics, and does not lose the value"
    )
    func batchNormOfOne() {
        let norm = BatchNorm("", 2)
        let (one, two) = (
            Tensor(shape: [1, 2], values: [3, -5]), Tensor(shape: [2, 2], values: [3, -5, 1, 1])
        )
        func trained(_ x: Tensor) -> [Float] {
            let pass = Pass(.training, Workspace())
            defer { pass.end() }
            let shape = ImageShape(channels: 2, height: 1, width: 1)
            let y = pass.flatten(norm.forward(pass.featureMap(pass.input(x), shape), pass))
            return read(y.values, y.count)
        }
        func worst(_ found: [Float], _ expected: [Float]) -> Float {
            NeuralTests.worst(found, Tensor(shape: [expected.count], values: expected))
        }
        #expect(worst(trained(one), [3 / 1.000005, -5 / 1.000005]) < 1e-5)
        #expect(norm.runningMean.tensor.values == [0, 0])
        #expect(norm.runningVariance.tensor.values == [1, 1])
        // Two values are a batch: mean 2 and unbiased variance 2; mean −2 and 18.
        #expect(worst(trained(two), [1, -1, -1, 1]) < 1e-4)
        #expect(worst(norm.runningMean.tensor.values, [0.2, -0.2]) < 1e-6)
        #expect(worst(norm.runningVariance.tensor.values, [1.1, 2.7]) < 1e-6)
        let (mean, variance) = (norm.runningMean.tensor.values, norm.runningVariance.tensor.values)
        _ = trained(one)
        #expect(norm.runningMean.tensor.values == mean && norm.runningVariance.tensor.values == variance)
    }

    @Test("pools: largest and mean with padding, and the mean of the image")
    func pools() throws {
        try checkImages("maxpool", Nothing()) { $2.maxPool($1, side: 3, stride: 2, padding: 1) }
        try checkImages("averagepool", Nothing()) { $2.averagePool($1, side: 3, stride: 2, padding: 1) }
        try checkImages("globalpool", Nothing()) {
            FeatureMap($2.globalAveragePool($1), images: $1.images, height: 1, width: 1)
        }
    }

    @Test("LayerNorm, linear, GELU and a transformer block")
    func rows() throws {
        try checkRows("layernorm", LayerNorm("", 7)) { $0.forward($1, $2) }
        try checkRows("linear", Linear("", 5, 3)) { $0.forward($1, $2) }
        try checkRows("gelu", Nothing()) { $2.gelu($1) }
        try checkRows("block", TransformerBlock("", 6, heads: 2)) { $0.forward($1, tokens: 5, $2) }
    }

    private final class Nothing: Module {
        let parameters: [Parameter] = []
    }

    private func shape(_ x: Tensor) -> ImageShape {
        ImageShape(channels: x.shape[1], height: x.shape[2], width: x.shape[3])
    }

    private func read(_ values: UnsafePointer<Float>, _ count: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: values, count: count))
    }

    /// Runs a layer of channels-last images on the dump's channels-first ones.
    private func checkImages<Layer: Module>(
        _ name: String, _ layer: Layer, ignoring: String = "-",
        _ forward: (Layer, FeatureMap, Pass) -> FeatureMap
    ) throws {
        let x = try dump["\(name).x"]
        try check(name, layer, x, columns: x.rowCount, ignoring) { input, pass in
            pass.flatten(forward(layer, pass.featureMap(input, shape(x)), pass))
        }
    }

    private func checkRows<Layer: Module>(
        _ name: String, _ layer: Layer, _ forward: (Layer, Activation, Pass) -> Activation
    ) throws {
        let x = try dump["\(name).x"]
        try check(name, layer, x, columns: x.shape.last ?? 1, "-") { forward(layer, $0, $1) }
    }

    private func check(
        _ name: String, _ layer: some Module, _ x: Tensor, columns: Int, _ ignored: String,
        _ forward: (Activation, Pass) -> Activation
    ) throws {
        // Layers are made with an empty name here, so that theirs begin with the dot.
        let state = dump.group("\(name).state").filter { $0.key != "." + ignored }
        try layer.load(state)
        layer.zeroGradients()
        let workspace = Workspace(threads: 2)
        let pass = Pass(.training, workspace)
        let room = workspace.arena.allocate(x.count)
        room.update(from: x.values, count: x.count)
        let input = Activation(room, x.count / columns, columns, needsGradient: true)
        let y = forward(input, pass)
        #expect(worst(read(y.values, y.count), try dump["\(name).y"]) < 1e-5, "\(name) forward")
        let dy = try dump["\(name).dy"]
        let gradient = workspace.arena.allocate(dy.count)
        gradient.update(from: dy.values, count: dy.count)
        y.gradient = gradient
        pass.backward()
        #expect(
            worst(read(pass.gradient(of: input), x.count), try dump["\(name).dx"]) < 1e-5, "\(name) backward")
        for parameter in layer.parameters where parameter.isTrainable {
            let expected = try dump["\(name).gradient\(parameter.name)"]
            #expect(worst(parameter.gradientTensor.values, expected) < 2e-5, "\(name)\(parameter.name)")
        }
    }
}
