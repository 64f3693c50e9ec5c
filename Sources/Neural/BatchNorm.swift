import Tensor

/// Each channel brought to mean 0 and variance 1, then scaled and shifted, as PyTorch's `BatchNorm2d`.
///
/// Training uses the batch's statistics and moves the running ones toward them; otherwise the running ones are
/// used, so that a result does not depend on the batch it came in. One value a channel, as the last picture of an epoch
/// has whose maps have shrunk to one pixel, has no variance: PyTorch refuses it; here it is trained on with the running
/// statistics, which stay as they are.
package final class BatchNorm: Module {
    package let weight: Parameter
    package let bias: Parameter
    package let runningMean: Parameter
    package let runningVariance: Parameter
    private let channels: Int
    private let epsilon: Float
    private let momentum: Float

    /// A layer that scales by 1 and shifts by 0, with running mean 0 and variance 1.
    package init(_ name: String, _ channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1) {
        self.channels = channels
        self.epsilon = epsilon
        self.momentum = momentum
        weight = Parameter(name + ".weight", shape: [channels])
        bias = Parameter(name + ".bias", shape: [channels])
        runningMean = Parameter(name + ".running_mean", shape: [channels], kind: .buffer)
        runningVariance = Parameter(name + ".running_var", shape: [channels], kind: .variance)
        weight.fill { 1 }
        runningVariance.fill { 1 }
    }

    /// Every parameter, under its state-dict name.
    package var parameters: [Parameter] { [weight, bias, runningMean, runningVariance] }

    /// The layer's output for `x`, recorded on the pass for backward when it trains.
    package func forward(_ x: FeatureMap, _ pass: Pass) -> FeatureMap {
        let y = FeatureMap(
            pass.activation(x.activation.rows, channels), images: x.images, height: x.height, width: x.width)
        let usesBatch = pass.trains && x.activation.rows > 1
        let statistics = usesBatch ? batchStatistics(x.activation, pass) : runningStatistics(pass)
        let (scale, shift) = (
            pass.workspace.arena.allocate(channels), pass.workspace.arena.allocate(channels)
        )
        for c in 0..<channels {
            scale[c] = weight.values[c] * statistics.rstd[c]
            shift[c] = bias.values[c] - statistics.mean[c] * scale[c]
        }
        apply(x.activation.values, scale, shift, y.activation.values, x.activation.rows, pass)
        pass.record {
            self.backward(x.activation, y.activation, statistics, scale, usesBatch: usesBatch, pass)
        }
        return y
    }

    private typealias Statistics = (mean: UnsafeMutablePointer<Float>, rstd: UnsafeMutablePointer<Float>)

    private func runningStatistics(_ pass: Pass) -> Statistics {
        let (mean, rstd) = (pass.workspace.arena.allocate(channels), pass.workspace.arena.allocate(channels))
        for c in 0..<channels {
            mean[c] = runningMean.values[c]
            rstd[c] = 1 / (runningVariance.values[c] + epsilon).squareRoot()
        }
        return (mean, rstd)
    }

    /// The mean and 1/√(variance + ε) of a batch of several rows; moves the running ones (the variance unbiased, as PyTorch's is).
    private func batchStatistics(_ x: Activation, _ pass: Pass) -> Statistics {
        let (mean, rstd) = (pass.workspace.arena.allocate(channels), pass.workspace.arena.allocate(channels))
        let count = Float(x.rows)
        // The values are shifted by the first row before they are summed, or large means would swallow the digits.
        for c in 0..<channels { (mean[c], rstd[c]) = (x.values[c], 0) }
        moments(x, around: mean, pass) { c, sum, _ in mean[c] += sum / count }
        moments(x, around: mean, pass) { c, _, squares in
            let variance = squares / count
            rstd[c] = 1 / (variance + epsilon).squareRoot()
            let unbiased = squares / (count - 1)
            runningMean.values[c] += momentum * (mean[c] - runningMean.values[c])
            runningVariance.values[c] += momentum * (unbiased - runningVariance.values[c])
        }
        return (mean, rstd)
    }

    private func moments(
        _ x: Activation, around shift: UnsafePointer<Float>, _ pass: Pass, _ body: (Int, Float, Float) -> Void
    ) {
        let mark = pass.workspace.arena.mark()
        let sums = pass.workspace.arena.zeros(2 * channels)
        pass.reduce(rows: x.rows, into: sums, count: 2 * channels) { rows, partial, _ in
            Kernels.moments(
                x.values + rows.lowerBound * channels, shift: shift, sum: partial,
                squares: partial + channels,
                rows.count, channels)
        }
        for c in 0..<channels { body(c, sums[c], sums[channels + c]) }
        pass.workspace.arena.release(to: mark)
    }

    /// y [+]= x · scale + shift.
    private func apply(
        _ x: UnsafePointer<Float>, _ scale: UnsafePointer<Float>, _ shift: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>, _ rows: Int, _ pass: Pass, accumulate: Bool = false
    ) {
        pass.workspace.forEachChunk(of: rows, by: Pass.chunk / channels) { range, _ in
            let at = range.lowerBound * channels
            Kernels.scaleShift(
                x + at, scale: scale, shift: shift, into: y + at, range.count, channels,
                accumulate: accumulate)
        }
    }

    private func backward(
        _ x: Activation, _ y: Activation, _ statistics: Statistics, _ scale: UnsafeMutablePointer<Float>,
        usesBatch: Bool, _ pass: Pass
    ) {
        let dy = pass.gradient(of: y)
        let (dx, accumulate) = pass.sink(for: x)
        let arena = pass.workspace.arena
        let mark = arena.mark()
        let (slope, constant) = (arena.zeros(channels), arena.zeros(channels))
        if pass.trains {
            let (products, sums) = (arena.zeros(channels), arena.zeros(channels))
            pass.reduce(rows: x.rows, into: products, count: channels) { rows, partial, _ in
                let at = rows.lowerBound * channels
                Kernels.sumProducts(x.values + at, dy + at, into: partial, rows.count, channels)
            }
            pass.sumRows(dy, x.rows, channels, into: sums)
            let count = Float(x.rows)
            for c in 0..<channels {
                let (mean, rstd) = (statistics.mean[c], statistics.rstd[c])
                let dgamma = (products[c] - mean * sums[c]) * rstd
                weight.gradient[c] += dgamma
                bias.gradient[c] += sums[c]
                guard usesBatch else { continue }
                slope[c] = -scale[c] * rstd * dgamma / count
                constant[c] = -scale[c] * sums[c] / count - slope[c] * mean
            }
        }
        apply(dy, scale, constant, dx, x.rows, pass, accumulate: accumulate)
        if usesBatch {
            let zero = arena.zeros(channels)
            apply(x.values, slope, zero, dx, x.rows, pass, accumulate: true)
        }
        arena.release(to: mark)
    }
}
