import Tensor

/// Stochastic gradient descent with momentum and weight decay, step for step as PyTorch's `SGD`.
package final class SGD: Optimizer {
    /// What may be chosen.
    package struct Settings: Sendable, Codable, Equatable {
        package var momentum: Float = 0.9
        /// Multiplied by each trained value and added to its gradient.
        package var weightDecay: Float = 0

        package init(momentum: Float = 0.9, weightDecay: Float = 0) {
            self.momentum = momentum
            self.weightDecay = weightDecay
        }
    }

    private let settings: Settings
    private let slots: OptimizerSlots

    package init(_ parameters: [Parameter], settings: Settings = Settings()) {
        self.settings = settings
        slots = OptimizerSlots(parameters, names: ["momentum_buffer"])
    }

    /// Moves every parameter by one step of its accumulated gradient.
    package func step(learningRate: Float, workspace: Workspace) {
        let first = slots.steps == 0
        slots.steps += 1
        slots.forEachChunk(workspace) { [settings, slots] index, range in
            let parameter = slots.parameters[index]
            let at = range.lowerBound
            Kernels.sgd(
                parameter.values + at, parameter.gradient + at, slots.slots[0][index].values + at,
                range.count,
                rate: learningRate, momentum: settings.momentum, decay: settings.weightDecay, first: first)
        }
    }

    /// Everything that a resumed run needs to go on to the same result.
    package var state: StateDict { slots.state }

    /// Takes over a state that `state` gave. **Throws** when a slot is missing or of another shape.
    package func restore(_ state: StateDict) throws(StateDictError) { try slots.restore(state) }
}
