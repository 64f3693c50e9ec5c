import Digest
import Foundation

/// Changes answers, always in the same way for the same query.
///
/// The change is a keyed function of the query and of the answer, and of nothing about the client: asking again, from any
/// account, gives the same answer. Half of it is drawn for the query, half for the answer in coarse steps. Whoever asks about
/// many pictures that hardly differ averages the first half away, but not the second, which is theirs all; whoever learns what
/// is common to many answers of a kind learns the second half, but not the first.
package struct Perturber: Sendable {
    private let queries: HMACKey
    private let answers: HMACKey

    /// A perturber under `secret`; replicas that share the secret answer alike.
    package init(secret: HMACKey) {
        queries = secret.derived(for: "samegate perturbation 2")
        answers = secret.derived(for: "samegate perturbation 2, by answer")
    }

    /// `probabilities` changed as `plan` says, for the query with canonical digest `row`.
    ///
    /// Shapes: probabilities (C), none negative, summing to about 1; the result has the same length and sum.
    package func apply(_ plan: PerturbationPlan, to probabilities: [Float], row: SHA256Digest) -> [Float] {
        switch plan {
        case .noise(let l1): noise(probabilities, l1: l1, row: row)
        }
    }

    /// Moves `y` toward a keyed random point `t` of the simplex whose largest component is y's most probable class: the middle
    /// of the query's point and the answer's.
    ///
    /// y′ = y + α(t − y) with α = min(1, l1 / ‖t − y‖₁). Both ends lie on the simplex and have the same first
    /// maximum, so every point between does, ties included: of equal classes the first stays the answer and
    /// becomes strictly the largest. Noise that is clipped or projected afterwards would keep neither promise.
    private func noise(_ probabilities: [Float], l1: Double, row: SHA256Digest) -> [Float] {
        guard probabilities.count > 1, let top = Self.argmax(probabilities) else { return probabilities }
        let y = probabilities.map(Double.init)
        let sum = y.reduce(0, +)
        guard sum.isFinite, sum > 0 else { return probabilities }
        let cell = y.map { UInt8(clamping: Int(($0 / sum * Self.steps).rounded())) }
        // One direction within two bounds would lead straight back.
        let bound = withUnsafeBytes(of: l1.bitPattern.bigEndian) { [UInt8]($0) }
        let points = [
            Self.point(under: queries, of: bound + row.bytes, count: y.count, top: top),
            Self.point(under: answers, of: bound + cell, count: y.count, top: top),
        ]
        let target = zip(points[0], points[1]).map { ($0 + $1) / 2 * sum }
        let distance = zip(y, target).reduce(0) { $0 + abs($1.0 - $1.1) }
        // The last bits of Float are kept out of the budget, so that rounding cannot exceed it.
        let budget = l1 - Self.roundingAllowance * sum
        guard distance > 0, budget > 0 else { return probabilities }
        let step = min(1, budget / distance)
        var changed = zip(y, target).map { Float($0 + step * ($1 - $0)) }
        Self.restoreMaximum(at: top, in: &changed)
        return changed
    }

    /// The steps of a probability within which answers are of one kind.
    private static let steps = 32.0

    /// More than the sum of all roundings to Float of a row that sums to 1.
    static let roundingAllowance = 0x1p-20

    /// The first index of the largest value, as numpy.argmax has it; nil for none or a NaN.
    package static func argmax<T: FloatingPoint>(_ values: [T]) -> Int? {
        guard var best = values.indices.first, !values.contains(where: \.isNaN) else { return nil }
        for index in values.indices where values[index] > values[best] { best = index }
        return best
    }

    /// Lowers by rounding's width whatever rounding raised to or above the maximum at `top`.
    private static func restoreMaximum(at top: Int, in values: inout [Float]) {
        for index in values.indices where index != top {
            if index < top, values[index] >= values[top] { values[index] = values[top].nextDown }
            if index > top, values[index] > values[top] { values[index] = values[top] }
        }
    }

    /// A point drawn uniformly from the simplex by normalised exponentials (Dirichlet with all parameters 1), its largest
    /// component at `top`.
    private static func point(under key: HMACKey, of seed: [UInt8], count: Int, top: Int) -> [Double] {
        let exponentials = uniforms(under: key, of: seed, count: count).map { -log($0) }
        let sum = exponentials.reduce(0, +)
        var point = exponentials.map { $0 / sum }
        if let largest = argmax(point) { point.swapAt(top, largest) }
        return point
    }

    /// `count` numbers in (0, 1) with 52 random bits each, from HMAC in counter mode over the seed.
    private static func uniforms(under key: HMACKey, of seed: [UInt8], count: Int) -> [Double] {
        var numbers: [Double] = []
        numbers.reserveCapacity(count + 3)
        var block: UInt32 = 0
        while numbers.count < count {
            let bytes = key.authenticate(seed, withUnsafeBytes(of: block.bigEndian) { [UInt8]($0) })
            bytes.withUnsafeBytes { buffer in
                for offset in stride(from: 0, to: buffer.count, by: 8) {
                    let word = UInt64(
                        bigEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                    numbers.append((Double(word >> 12) + 0.5) * 0x1p-52)
                }
            }
            block += 1
        }
        return Array(numbers.prefix(count))
    }
}
