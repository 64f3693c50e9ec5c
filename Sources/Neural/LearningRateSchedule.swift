import Foundation

/// A learning rate that rises linearly over the first steps and then falls by half a cosine.
package struct LearningRateSchedule: Sendable, Codable, Equatable {
    /// The rate at the end of the warm-up.
    package var peak: Double
    /// The rate that the last steps come down to: that of the step behind them.
    package var final: Double
    /// The number of steps of the rise.
    package var warmupSteps: Int
    /// The number of steps in all.
    package var totalSteps: Int

    package init(peak: Double, final: Double = 0, warmupSteps: Int = 0, totalSteps: Int) {
        self.peak = peak
        self.final = final
        self.warmupSteps = max(0, warmupSteps)
        self.totalSteps = max(1, totalSteps)
    }

    /// The rate for a step counted from 0. Never above the peak; the final rate past the last step.
    package func rate(atStep step: Int) -> Float {
        if step < warmupSteps { return Float(peak * Double(step + 1) / Double(warmupSteps)) }
        let span = max(1, totalSteps - warmupSteps)
        let progress = min(1, Double(step - warmupSteps) / Double(span))
        return Float(final + (peak - final) * 0.5 * (1 + cos(Double.pi * progress)))
    }
}
