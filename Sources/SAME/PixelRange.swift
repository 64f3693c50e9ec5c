/// The values that the darkest and the brightest pixel have in canonical images.
package struct PixelRange: Codable, Hashable, Sendable {
    /// The darkest pixel's value.
    package var low: Float
    /// The brightest pixel's value.
    package var high: Float

    /// The range from `low` to `high`.
    package init(low: Float, high: Float) {
        self.low = low
        self.high = high
    }

    /// −1…1, as the paper's networks take them.
    package static let signed = PixelRange(low: -1, high: 1)
    /// 0…1.
    package static let unit = PixelRange(low: 0, high: 1)

    /// The canonical value of a byte, 0 being the low end and 255 the high one.
    package func canonical(_ byte: UInt8) -> Float { low + (high - low) * (Float(byte) / 255) }

    /// The 256 canonical values, by byte.
    package var table: [Float] { (0...255).map { canonical(UInt8($0)) } }
}
