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
}
