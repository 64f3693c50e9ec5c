import Neural
import Tensor
import Testing

@Suite struct ModuleTests {
    private let layer = Linear("fc", 3, 2)
    private let good: StateDict = [
        "fc.weight": Tensor(shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
        "fc.bias": Tensor(shape: [2], values: [7, 8]),
    ]

    @Test("a state dict is given back as it was taken, convolutions too")
    func roundTrip() throws {
        try layer.load(good)
        #expect(layer.stateDict == good && layer.parameterCount == 8)
        let convolution = Convolution("c", 2, 3, side: 2)
        let state: StateDict = [
            "c.weight": Tensor(shape: [3, 2, 2, 2], values: (0..<24).map(Float.init)),
            "c.bias": Tensor(shape: [3], values: [1, 2, 3]),
        ]
        try convolution.load(state)
        #expect(convolution.stateDict == state)
    }

    @Test("a state dict that does not fit is refused whole, with what is wrong")
    func refused() throws {
        try layer.load(good)
        var bad = good
        bad["fc.bias"] = Tensor(shape: [3])
        let cases: [(StateDict, StateDictError)] = [
            (["fc.weight": Tensor(shape: [2, 3])], .missing("fc.bias")),
            (bad, .shapeMismatch("fc.bias", found: [3], expected: [2])),
            (good.merging(["more": Tensor(shape: [1])]) { $1 }, .unexpected("more")),
            (good.merging(["fc.bias": Tensor(shape: [2], values: [0, .nan])]) { $1 }, .notFinite("fc.bias")),
        ]
        for (state, error) in cases {
            #expect(throws: error) { try layer.load(state) }
            #expect(!error.description.isEmpty && layer.stateDict == good)
        }
        try layer.load(good.merging(["more": Tensor(shape: [1])]) { $1 }, ignoring: { $0 == "more" })
    }

    @Test(
        "running statistics are taken where they can be some: means of any sign, variances from 0 on, all finite"
    )
    func runningStatistics() throws {
        let norm = BatchNorm("bn", 2)
        let fresh = norm.stateDict
        for value: Float in [-1, -.leastNonzeroMagnitude, -.greatestFiniteMagnitude] {
            var state = fresh
            state["bn.running_var"] = Tensor(shape: [2], values: [1, value])
            #expect(throws: StateDictError.negativeVariance("bn.running_var")) { try norm.load(state) }
            #expect(norm.defects(of: state) == [.negativeVariance("bn.running_var")])
        }
        for value: Float in [.nan, .infinity, -.infinity] {
            for name in ["bn.running_var", "bn.running_mean"] {
                var state = fresh
                state[name] = Tensor(shape: [2], values: [value, 1])
                #expect(throws: StateDictError.notFinite(name)) { try norm.load(state) }
            }
        }
        #expect(norm.stateDict == fresh)
        var state = fresh
        state["bn.running_mean"] = Tensor(shape: [2], values: [-3, 3])
        state["bn.running_var"] = Tensor(shape: [2], values: [0, 2])
        try norm.load(state)
        #expect(norm.stateDict == state)
        #expect(StateDictError.negativeVariance("bn.running_var").description.contains("“bn.running_var”"))
    }

    @Test("running statistics are not trained")
    func untrained() {
        let norm = BatchNorm("bn", 2)
        #expect(norm.parameters.filter(\.isTrainable).map(\.name) == ["bn.weight", "bn.bias"])
    }
}
