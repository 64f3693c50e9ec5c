import Tensor

/// What an optimiser remembers per parameter, and its number of steps.
final class OptimizerSlots {
    /// The parameters it changes.
    let parameters: [Parameter]
    /// One array per name and parameter, stored as the parameter is.
    let slots: [[Parameter]]
    /// The number of steps done.
    var steps = 0

    private static let stepsName = "optimizer.step"

    /// Arrays of zeros; the names are PyTorch's.
    init(_ parameters: [Parameter], names: [String]) {
        let trainable = parameters.filter(\.isTrainable)
        self.parameters = trainable
        // Threads read the gradients later; they must not be the ones to allocate them.
        for parameter in trainable { parameter.zeroGradient() }
        slots = names.map { name in
            trainable.map {
                Parameter(
                    "optimizer.\(name).\($0.name)", shape: $0.shape,
                    kind: $0.kind == .convolution ? .convolution : .buffer)
            }
        }
    }

    /// Calls the body for every chunk of every parameter, on the workspace's threads.
    func forEachChunk(_ workspace: Workspace, _ body: (_ parameter: Int, _ range: Range<Int>) -> Void) {
        let chunk = 1 << 15
        let chunks = parameters.indices.flatMap { index in
            stride(from: 0, to: parameters[index].count, by: chunk).map {
                (index, $0..<min($0 + chunk, parameters[index].count))
            }
        }
        workspace.forEach(chunks.count) { item, _ in body(chunks[item].0, chunks[item].1) }
    }

    /// The number of steps is stored as two halves of 16 bits: each is exact in Float32.
    var state: StateDict {
        let halves = [Float(steps >> 16), Float(steps & 0xFFFF)]
        var state = [Self.stepsName: Tensor(shape: [2], values: halves)]
        for slot in slots.joined() { state[slot.name] = slot.tensor }
        return state
    }

    func restore(_ state: StateDict) throws(StateDictError) {
        guard let halves = state[Self.stepsName] else { throw .missing(Self.stepsName) }
        guard halves.shape == [2] else {
            throw .shapeMismatch(Self.stepsName, found: halves.shape, expected: [2])
        }
        guard halves.values.allSatisfy({ $0 >= 0 && $0 < 65536 && $0 == $0.rounded() }) else {
            throw .notFinite(Self.stepsName)
        }
        for slot in slots.joined() { try slot.check(state[slot.name]) }
        for slot in slots.joined() { state[slot.name].map(slot.assign) }
        steps = Int(halves.values[0]) << 16 | Int(halves.values[1])
    }
}
