import Neural
import Tensor
import Testing

@Suite struct OptimizerTests {
    private let dump: Fixture
    init() throws { dump = try Fixture("optimizers") }

    private func make(_ kind: String, _ parameter: Parameter) -> any Optimizer {
        kind == "adamw"
            ? AdamW([parameter], settings: .init(beta1: 0.9, beta2: 0.95, weightDecay: 0.05))
            : SGD([parameter], settings: .init(momentum: 0.9, weightDecay: 5e-4))
    }

    private func step(_ number: Int, _ parameter: Parameter, _ optimizer: any Optimizer) throws {
        let gradient = try dump["gradients"].row(number)
        for (index, value) in gradient.enumerated() { parameter.gradient[index] = value }
        optimizer.step(learningRate: try dump["rates"].values[number], workspace: Workspace(threads: 2))
    }

    @Test("go the way of PyTorch's, step for step", arguments: ["adamw", "sgd"])
    func trajectory(kind: String) throws {
        let parameter = Parameter("w", shape: [37])
        parameter.assign(try dump["start"])
        let optimizer = make(kind, parameter)
        for number in 0..<6 {
            try step(number, parameter, optimizer)
            let expected = Tensor(shape: [37], values: Array(try dump[kind].row(number)))
            #expect(worst(parameter.tensor.values, expected) < 2e-6, "step \(number)")
        }
    }

    @Test("go on from a stored state to the same bits", arguments: ["adamw", "sgd"])
    func resume(kind: String) throws {
        let whole = Parameter("w", shape: [37])
        let first = make(kind, whole)
        whole.assign(try dump["start"])
        for number in 0..<3 { try step(number, whole, first) }
        let file = Safetensors(tensors: first.state.merging(["w": whole.tensor]) { $1 })
        let read = try Safetensors(bytes: file.bytes)
        let resumed = Parameter("w", shape: [37])
        resumed.assign(try #require(read.tensors["w"]))
        let second = make(kind, resumed)
        try second.restore(read.tensors)
        for number in 3..<6 {
            try step(number, whole, first)
            try step(number, resumed, second)
        }
        #expect(whole.tensor.values.map(\.bitPattern) == resumed.tensor.values.map(\.bitPattern))
    }

    @Test("refuse a state of another optimiser or shape and stay as they were")
    func badState() throws {
        let optimizer = make("adamw", Parameter("w", shape: [37]))
        let before = optimizer.state
        #expect(throws: StateDictError.missing("optimizer.exp_avg.w")) {
            try optimizer.restore(make("sgd", Parameter("w", shape: [37])).state)
        }
        #expect(
            throws: StateDictError.shapeMismatch("optimizer.exp_avg.w", found: [36], expected: [37])
        ) { try optimizer.restore(make("adamw", Parameter("w", shape: [36])).state) }
        #expect(optimizer.state == before)
    }

    @Test("the learning rate rises linearly, then falls by half a cosine")
    func schedule() {
        let schedule = LearningRateSchedule(peak: 1, final: 0.1, warmupSteps: 4, totalSteps: 14)
        #expect((0..<4).map(schedule.rate) == [0.25, 0.5, 0.75, 1])
        #expect(schedule.rate(atStep: 4) == 1)
        #expect(abs(schedule.rate(atStep: 9) - 0.55) < 1e-6)
        #expect(
            abs(schedule.rate(atStep: 14) - 0.1) < 1e-6
                && schedule.rate(atStep: 999) == schedule.rate(atStep: 14))
        #expect((4..<13).allSatisfy { schedule.rate(atStep: $0) > schedule.rate(atStep: $0 + 1) })
        #expect(LearningRateSchedule(peak: 2, totalSteps: 0).rate(atStep: 0) == 2)
    }
}
