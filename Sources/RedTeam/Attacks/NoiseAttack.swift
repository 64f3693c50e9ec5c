import SAME
import Tensor

/// Queries without any idea: noise over the whole picture.
package struct NoiseAttack: Attack {
    /// How a pixel is drawn.
    package enum Distribution: String, Sendable, CaseIterable {
        /// Every 8-bit value equally likely.
        case uniform
        /// Normal around mid-grey with a deviation of a quarter of the range, clipped.
        case normal
    }

    /// How a pixel is drawn.
    package let distribution: Distribution
    /// How its substitute is trained.
    package let training: SubstituteTraining

    /// Noise of the given kind.
    package init(_ distribution: Distribution, training: SubstituteTraining = SubstituteTraining()) {
        self.distribution = distribution
        self.training = training
    }

    /// The name in reports.
    package var name: String { "noise-\(distribution.rawValue)" }
    /// What shapes its queries, for reports.
    package var options: [String: String] { training.options }

    /// Asks until the budget is spent, and returns the substitute.
    package func steal(
        through session: AttackSession, generator: inout RandomGenerator
    ) throws -> Classifier {
        while session.remaining > 0 {
            let count = min(session.remaining, AttackSession.rowsAtOnce)
            let values = (0..<count * session.image.count).map { _ in draw(&generator) }
            _ = try session.ask(Tensor(shape: [count, session.image.count], values: values))
        }
        return try training.substitute(from: session, attack: name, generator: &generator)
    }

    private func draw(_ generator: inout RandomGenerator) -> Float {
        switch distribution {
        case .uniform: PixelRange.signed.canonical(UInt8(generator.integer(below: 256)))
        case .normal: Float(min(1, max(-1, 0.5 * generator.normal())))
        }
    }
}
