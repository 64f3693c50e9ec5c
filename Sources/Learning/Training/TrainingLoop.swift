import Foundation
import Neural
import Tensor

/// The optimiser of a run and its settings.
package enum OptimizerChoice: Codable, Hashable, Sendable {
    case adamW(beta1: Float, beta2: Float, weightDecay: Float)
    case sgd(momentum: Float, weightDecay: Float)

    /// An optimiser of these parameters that has not stepped yet.
    package func make(_ parameters: [Parameter]) -> any Optimizer {
        switch self {
        case .adamW(let beta1, let beta2, let weightDecay):
            AdamW(parameters, settings: AdamW.Settings(beta1: beta1, beta2: beta2, weightDecay: weightDecay))
        case .sgd(let momentum, let weightDecay):
            SGD(parameters, settings: SGD.Settings(momentum: momentum, weightDecay: weightDecay))
        }
    }
}

/// How long and how fast to train.
package struct TrainingSchedule: Codable, Hashable, Sendable {
    /// Passes through the images.
    package var epochs: Int
    /// Images in a step.
    package var batch: Int
    /// The rate after the warm-up; it falls by half a cosine to 0.
    package var learningRate: Double
    /// How long the rate rises. **Units** epochs.
    package var warmupEpochs: Double
    /// The optimiser with its settings.
    package var optimizer: OptimizerChoice

    /// Every field as given.
    package init(
        epochs: Int, batch: Int, learningRate: Double, warmupEpochs: Double, optimizer: OptimizerChoice
    ) {
        self.epochs = epochs
        self.batch = batch
        self.learningRate = learningRate
        self.warmupEpochs = warmupEpochs
        self.optimizer = optimizer
    }
}

/// Runs the steps of one phase: order, rates, checkpoints, progress, interruption, divergence.
///
/// Every step is a function of the seed, its number and the weights before it, so a run that was interrupted
/// and resumed ends in the same bits as one that was not.
struct TrainingLoop {
    let phase: String
    let module: any Module
    let schedule: TrainingSchedule
    /// How many images an epoch goes through.
    let imageCount: Int
    let seed: UInt64
    let orderStream: Stream
    let stepStream: Stream
    let fingerprint: String
    /// Where to leave checkpoints; nil for none.
    let checkpointPath: String?
    let stop: StopFlag
    let workspace: Workspace
    var checkpointPause: Duration = .seconds(60)
    let show: (TrainingProgress) -> Void

    private var stepsPerEpoch: Int { (imageCount + schedule.batch - 1) / schedule.batch }
    private var totalSteps: Int { stepsPerEpoch * schedule.epochs }

    /// Trains to the end, or from the checkpoint to the end. `gradients` adds a batch's gradients to the
    /// parameters' and returns its loss; it is given positions below `imageCount` and a generator for this
    /// step alone.
    ///
    /// **Returns** the mean loss of the last epoch.
    func run(
        resume: Bool, gradients: (_ positions: ArraySlice<Int>, _ generator: inout RandomGenerator) -> Float
    ) throws(TrainingError) -> Double {
        let optimizer = schedule.optimizer.make(module.parameters)
        var state = Checkpoint.State(
            fingerprint: fingerprint, phase: phase, step: 0, lossSum: 0, lossCount: 0, epochLoss: 0)
        if resume, let found = try restore(into: optimizer) { state = found }
        let rates = LearningRateSchedule(
            peak: schedule.learningRate, warmupSteps: Int(schedule.warmupEpochs * Double(stepsPerEpoch)),
            totalSteps: totalSteps)
        let meter = Meter(startStep: state.step)
        var saved = ContinuousClock.now
        var order = (epoch: -1, positions: [Int]())
        while state.step < totalSteps {
            let epoch = state.step / stepsPerEpoch
            if order.epoch != epoch { order = (epoch, positions(epoch)) }
            let rate = rates.rate(atStep: state.step)
            let loss = step(state.step, order.positions, rate, optimizer, gradients)
            guard loss.isFinite else { throw diverged(state, rate) }
            count(Double(loss), in: &state)
            show(progress(state, meter))
            let isDue = ContinuousClock.now - saved > checkpointPause
            if stop.isRaised || isDue || state.step == totalSteps {
                try save(state, optimizer, rate)
                saved = .now
            }
            if stop.isRaised, state.step < totalSteps {
                throw .interrupted(phase: phase, epoch: epoch + 1, step: state.step)
            }
        }
        return state.epochLoss
    }

    private func step(
        _ number: Int, _ order: [Int], _ rate: Float, _ optimizer: any Optimizer,
        _ gradients: (ArraySlice<Int>, inout RandomGenerator) -> Float
    ) -> Float {
        let start = number % stepsPerEpoch * schedule.batch
        var generator = stepStream.generator(seed: seed, at: number)
        module.zeroGradients()
        let loss = gradients(order[start..<min(start + schedule.batch, imageCount)], &generator)
        if loss.isFinite { optimizer.step(learningRate: rate, workspace: workspace) }
        return loss
    }

    private func positions(_ epoch: Int) -> [Int] {
        var generator = orderStream.generator(seed: seed, at: epoch)
        return generator.permutation(imageCount)
    }

    private func count(_ loss: Double, in state: inout Checkpoint.State) {
        state.step += 1
        state.lossSum += loss
        state.lossCount += 1
        guard state.step % stepsPerEpoch == 0 else { return }
        state.epochLoss = state.lossSum / Double(state.lossCount)
        state.lossSum = 0
        state.lossCount = 0
    }

    private func progress(_ state: Checkpoint.State, _ meter: Meter) -> TrainingProgress {
        let inEpoch = (state.step - 1) % stepsPerEpoch + 1
        let (rate, remaining) = meter.read(state.step, of: totalSteps, batch: schedule.batch)
        return TrainingProgress(
            phase: phase, epoch: (state.step - 1) / stepsPerEpoch + 1, epochs: schedule.epochs,
            done: min(inEpoch * schedule.batch, imageCount), total: imageCount,
            loss: state.lossCount > 0 ? state.lossSum / Double(state.lossCount) : state.epochLoss, rate: rate,
            remaining: remaining)
    }

    // MARK: Checkpoints

    private func restore(into optimizer: any Optimizer) throws(TrainingError) -> Checkpoint.State? {
        guard let path = checkpointPath,
            let found = try Checkpoint.read(path, phase: phase, fingerprint: fingerprint)
        else { return nil }
        guard found.state.step <= totalSteps else {
            throw .unusable(path: path, reason: "it has gone further than this run goes")
        }
        do throws(StateDictError) {
            try module.load(found.weights)
            try optimizer.restore(found.optimizer)
        } catch {
            throw .unusable(path: path, reason: error.description)
        }
        return found.state
    }

    /// A checkpoint with a weight that is not finite would be a trap; it is refused and the last good one
    /// stays.
    private func save(
        _ state: Checkpoint.State, _ optimizer: any Optimizer, _ rate: Float
    ) throws(TrainingError) {
        guard let path = checkpointPath else { return }
        let weights = module.stateDict
        guard weights.values.allSatisfy({ $0.values.allSatisfy(\.isFinite) }) else {
            throw diverged(state, rate)
        }
        try Checkpoint(state: state, weights: weights, optimizer: optimizer.state).write(to: path)
    }

    private func diverged(_ state: Checkpoint.State, _ rate: Float) -> TrainingError {
        let kept = checkpointPath.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        return .diverged(
            phase: phase, epoch: state.step / stepsPerEpoch + 1, step: state.step, learningRate: rate,
            checkpoint: kept)
    }
}

/// Rate and remaining time, from the steps done since this process began.
private struct Meter {
    let startStep: Int
    let start = ContinuousClock.now

    func read(_ step: Int, of total: Int, batch: Int) -> (imagesPerSecond: Double, remaining: Duration) {
        let elapsed = max((ContinuousClock.now - start) / .seconds(1), 1e-6)
        let perSecond = Double(step - startStep) / elapsed
        return (perSecond * Double(batch), .seconds(Double(total - step) / max(perSecond, 1e-6)))
    }
}
