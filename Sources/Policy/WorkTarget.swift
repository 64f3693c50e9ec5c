import Foundation

/// The number that a proof's hash must stay below: a 128-bit threshold, so that difficulty is continuous.
package struct WorkTarget: Hashable, Sendable {
    /// A hash wins when its first 128 bits, big-endian, are less than this; at least 1.
    package let threshold: UInt128

    /// The target that the expected number of hashes in `demand` leads to: 2¹²⁸ / hashes.
    package init(_ demand: WorkDemand) {
        let hashes = demand.expectedHashes
        // Below 2 the quotient would not fit; NaN takes the hardest target rather than the easiest.
        if hashes.isNaN || hashes >= 0x1p127 {
            threshold = 1
        } else if hashes <= 1 {
            threshold = .max
        } else {
            threshold = UInt128(0x1p128 / hashes.nextUp)
        }
    }

    init(threshold: UInt128) { self.threshold = max(1, threshold) }

    /// 2¹²⁸ / threshold.
    package var expectedHashes: Double { 0x1p128 / Double(threshold) }

    /// 32 hexadecimal digits, for the client's problem document.
    package var hex: String {
        let digits = String(threshold, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
