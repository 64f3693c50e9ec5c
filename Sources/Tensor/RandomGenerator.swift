/// A seeded source of random numbers (xoshiro256++) that gives the same sequence on every platform.
///
/// Only integer arithmetic and the operations IEEE 754 defines exactly are used (no `log` or `cos` of the C
/// library), so a training run repeats bit for bit. The state is four words, for checkpoints.
///
/// Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; seeding by SplitMix64.
package struct RandomGenerator: RandomNumberGenerator, Equatable, Sendable, Codable {
    /// The whole state; never all zero.
    package private(set) var state: SIMD4<UInt64>

    /// A generator for a seed. Different streams of one seed are independent, e.g. one for masks, one for order.
    package init(seed: UInt64, stream: UInt64 = 0) {
        var mixer = seed ^ (stream &* 0xD1B5_4A32_D192_ED03)
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = SIMD4(next(), next(), next(), next())
    }

    /// A generator that goes on where one with this state stopped; nil for the all-zero state, which would
    /// give zeros for ever.
    package init?(state: SIMD4<UInt64>) {
        guard state != SIMD4(repeating: 0) else { return nil }
        self.state = state
    }

    /// 64 uniform bits.
    package mutating func next() -> UInt64 {
        let result = rotate(state[0] &+ state[3], 23) &+ state[0]
        let shifted = state[1] << 17
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = rotate(state[3], 45)
        return result
    }

    private func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { (x << by) | (x >> (64 - by)) }

    /// A double in [0, 1) with 53 random bits.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A float in [low, high).
    package mutating func uniform(_ range: Range<Float>) -> Float {
        range.lowerBound + (range.upperBound - range.lowerBound) * Float(next() >> 40) * 0x1p-24
    }

    /// An integer in 0..<bound, every value equally likely (Lemire's multiplication with rejection; the standard
    /// library's way is its own affair and may change).
    package mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "an empty range has no integer")
        let bound = UInt64(bound)
        let rejected = (0 &- bound) % bound
        while true {
            let product = next().multipliedFullWidth(by: bound)
            if product.low >= rejected { return Int(product.high) }
        }
    }

    /// A standard normal number (Marsaglia's polar method; the second of each pair is dropped, so that the
    /// state is the four words alone).
    package mutating func normal() -> Double {
        while true {
            let u = 2 * uniform() - 1
            let v = 2 * uniform() - 1
            let s = u * u + v * v
            if s > 0, s < 1 { return u * (-2 * Self.naturalLogarithm(s) / s).squareRoot() }
        }
    }

    /// A normal number, drawn again until it lies within the bounds.
    package mutating func truncatedNormal(
        mean: Double = 0, deviation: Double, within bounds: ClosedRange<Double>
    ) -> Double {
        precondition(deviation == 0 || bounds.overlaps(mean - 4 * deviation...mean + 4 * deviation))
        while true {
            let value = mean + deviation * normal()
            if bounds.contains(value) || deviation == 0 { return value }
        }
    }

    /// The integers 0..<count in random order (Fisher and Yates).
    package mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(last, integer(below: last + 1))
        }
        return order
    }

    /// ln x for normal positive x, to about 1e-15, from exactly specified operations only.
    static func naturalLogarithm(_ x: Double) -> Double {
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        if mantissa > 1.414_213_562_373_095 {
            mantissa /= 2
            exponent += 1
        }
        let z = (mantissa - 1) / (mantissa + 1)
        let z2 = z * z
        var series = 0.0
        for term in stride(from: 21.0, through: 1.0, by: -2.0) { series = series * z2 + 1 / term }
        return exponent * 0.693_147_180_559_945_3 + 2 * z * series
    }
}
