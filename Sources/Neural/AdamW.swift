import Foundation
import Tensor

/// Adam with decoupled weight decay, step for step as PyTorch's `AdamW`.
package final class AdamW: Optimizer {
    /// What may be chosen.
    package struct Settings: Sendable, Codable, Equatable {
        package var beta1: Float = 0.9
        package var beta2: Float = 0.999
        package var epsilon: Float = 1e-8
        /// Multiplied by the learning rate and taken off every trained value.
        package var weightDecay: Float = 0.01

        package init(
            beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0.01
        ) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    private let settings: Settings
    private let slots: OptimizerSlots

    package init(_ parameters: [Parameter], settings: Settings = Settings()) {
        self.settings = settings
        slots = OptimizerSlots(parameters, names: ["exp_avg", "exp_avg_sq"])
    }

    /// Moves every parameter by one step of its accumulated gradient.
    package func step(learningRate: Float, workspace: Workspace) {
        slots.steps += 1
        let correction1 = 1 - pow(Double(settings.beta1), Double(slots.steps))
        let correction2 = 1 - pow(Double(settings.beta2), Double(slots.steps))
        slots.forEachChunk(workspace) { [settings, slots] index, range in
            let parameter = slots.parameters[index]
            let at = range.lowerBound
            Kernels.adamW(
                parameter.values + at, parameter.gradient + at, slots.slots[0][index].values + at,
                slots.slots[1][index].values + at, range.count, rate: learningRate, beta1: settings.beta1,
                beta2: settings.beta2, epsilon: settings.epsilon, decay: settings.weightDecay,
                correction1: Float(correction1), correction2: Float(correction2))
        }
    }

    /// Everything that a resumed run needs to go on to the same result.
    package var state: StateDict { slots.state }

    /// Takes over a state that `state` gave. **Throws** when a slot is missing or of another shape.
    package func restore(_ state: StateDict) throws(StateDictError) { try slots.restore(state) }
}
