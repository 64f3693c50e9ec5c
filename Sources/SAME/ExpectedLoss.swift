import Foundation

/// The reconstruction loss that a benign image has by another measure of it, such as its roughness: a line in logarithms.
///
/// A smooth image is reconstructed well whatever it shows, and a rough one never is, so the loss alone mostly
/// measures texture: icons and drawings, smoother than photographs, look more benign by it than benign images
/// do. What remains when the roughness is accounted for tells whether the autoencoder knows the kind of
/// image.
package struct ExpectedLoss: Codable, Hashable, Sendable {
    /// ln of the loss expected where the measure is 1.
    package let intercept: Double
    /// How much ln loss grows for one of ln measure.
    package let slope: Double

    /// Measures below this, and losses too, count as this much: a flat image has no logarithm. About the
    /// roughness that one pixel gives that is off by one step of 8 bits.
    private static let floor = 1e-6

    /// The least-squares line of ln loss on ln measure; level where all measures are the same.
    package init(losses: [Float], measures: [Float]) {
        let x = measures.map(Self.logarithm), y = losses.map(Self.logarithm)
        let count = Double(max(x.count, 1))
        let meanX = x.reduce(0, +) / count, meanY = y.reduce(0, +) / count
        var spread = 0.0, product = 0.0
        for (x, y) in zip(x, y) {
            spread += (x - meanX) * (x - meanX)
            product += (x - meanX) * (y - meanY)
        }
        slope = spread > 0 ? product / spread : 0
        intercept = meanY - slope * meanX
    }

    /// ln of the loss over the loss expected. **Units** nats; 0 is what a benign image has on average.
    package func excess(loss: Float, measure: Float) -> Float {
        Float(Self.logarithm(loss) - intercept - slope * Self.logarithm(measure))
    }

    private static func logarithm(_ value: Float) -> Double { log(max(Double(value), floor)) }
}
