import Tensor

/// What an optimiser remembers per parameter, and its number of steps.
struct OptimizerSlots {
    let parameters: [Parameter]
    /// The names of the arrays kept per parameter, as PyTorch calls them.
    let names: [String]
    /// The number of steps done.
    var steps = 0
    /// One array of storage order per name and parameter.
    var values: [[[Float]]]

    init(_ parameters: [Parameter], names: [String]) {
        self.parameters = parameters.filter(\.isTrainable)
        self.names = names
        values = names.map { _ in
            parameters.filter(\.isTrainable).map { [Float](repeating: 0, count: $0.count) }
        }
    }

    /// The steps as two 16-bit halves: each is exact in Float32.
    private static let stepsName = "optimizer.step"

    private func key(_ slot: Int, _ parameter: Int) -> String {
        "optimizer.\(names[slot]).\(parameters[parameter].name)"
    }

    var state: StateDict {
        var state: StateDict = [
            Self.stepsName: Tensor(shape: [2], values: [Float(steps >> 16), Float(steps & 0xFFFF)])
        ]
        for slot in names.indices {
            for index in parameters.indices {
                state[key(slot, index)] = Tensor(
                    shape: [parameters[index].count], values: values[slot][index])
            }
        }
        return state
    }

    mutating func restore(_ state: StateDict) throws(StateDictError) {
        let count = try Self.take(Self.stepsName, 2, from: state)
        guard count.allSatisfy({ $0 >= 0 && $0 < 65536 }) else { throw .notFinite(Self.stepsName) }
        var restored = values
        for slot in names.indices {
            for index in parameters.indices {
                restored[slot][index] = try Self.take(key(slot, index), parameters[index].count, from: state)
            }
        }
        steps = Int(count[0]) << 16 | Int(count[1])
        values = restored
    }

    private static func take(
        _ name: String, _ count: Int, from state: StateDict
    ) throws(StateDictError) -> [Float] {
        guard let tensor = state[name] else { throw .missing(name) }
        guard tensor.shape == [count] else {
            throw .shapeMismatch(name, found: tensor.shape, expected: [count])
        }
        guard tensor.values.allSatisfy(\.isFinite) else { throw .notFinite(name) }
        return tensor.values
    }
}
