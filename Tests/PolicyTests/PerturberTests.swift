import Digest
import Foundation
import TestSupport
import Testing

@testable import Policy

@Suite("Policy: perturbation")
struct PerturberTests {
    static let perturber = Perturber(secret: HMACKey([1, 2, 3]))

    static func l1(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
    }

    /// A random answer of `count` classes, of any sharpness up to one-hot after rounding.
    static func answer(count: Int, _ random: inout SeededGenerator) -> [Float] {
        let sharpness = Double.random(in: 0...40, using: &random)
        let logits = (0..<count).map { _ in sharpness * Double.random(in: -1...1, using: &random) }
        let weights = logits.map { exp($0) }
        let sum = weights.reduce(0, +)
        return weights.map { Float($0 / sum) }
    }

    static func expectBounds(_ y: [Float], l1 budget: Double, seed: String) {
        let row = SHA256.digest(of: seed)
        let changed = perturber.apply(.noise(l1: budget), to: y, row: row)
        let sum = y.reduce(0) { $0 + Double($1) }
        #expect(changed.count == y.count)
        #expect(changed.allSatisfy { $0 >= 0 && $0.isFinite }, "\(seed)")
        #expect(abs(changed.reduce(0) { $0 + Double($1) } - sum) < 1e-6, "\(seed): the sum stays")
        #expect(l1(changed, y) <= budget, "\(seed): \(l1(changed, y)) within \(budget)")
        #expect(Perturber.argmax(changed) == Perturber.argmax(y), "\(seed): \(y) became \(changed)")
        #expect(perturber.apply(.noise(l1: budget), to: y, row: row) == changed, "\(seed): the same again")
    }

    @Test(
        "the result lies on the simplex, within the budget, with the same class on top",
        arguments: 1...8 as ClosedRange<UInt64>)
    func properties(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for index in 0..<400 {
            let count = Int.random(in: 2...(index % 20 == 0 ? 1000 : 30), using: &random)
            let budget = pow(10, Double.random(in: -7...0.3, using: &random))
            Self.expectBounds(
                Self.answer(count: count, &random), l1: budget, seed: "seed \(seed), case \(index)")
        }
    }

    @Test(
        "ties, certainty and rounded sums keep the promises too",
        arguments: [
            [1, 0, 0], [0, 0, 1], [0.5, 0.5], [0.25, 0.25, 0.25, 0.25], [0, 0.5, 0.5], [0.5, 0, 0.5],
            [0.3, 0.4, 0.3], [0.333, 0.333, 0.333], [0.1, 0.1, 0.8005], [1, .leastNonzeroMagnitude, 0],
            [Float(0.5).nextUp, 0.5],
            [0.5, Float(0.5).nextUp], [Float(0.5).nextDown, 0.5, Float(0.5).nextDown],
        ] as [[Float]], [1e-9, 1e-6, 1e-3, 0.2, 2])
    func edges(y: [Float], budget: Double) { Self.expectBounds(y, l1: budget, seed: "\(y) \(budget)") }

    @Test("the budget is used: noise is not a formality")
    func effect() {
        var random = SeededGenerator(seed: 5)
        for index in 0..<100 {
            let y = Self.answer(count: 10, &random)
            let changed = Self.perturber.apply(.noise(l1: 0.2), to: y, row: SHA256.digest(of: "\(index)"))
            #expect(Self.l1(changed, y) > 0.19)
        }
    }

    @Test("the noise depends on the query and on the key, and on nothing else")
    func keying() {
        let y: [Float] = [0.7, 0.2, 0.1]
        let row = SHA256.digest(of: "a")
        let plan = PerturbationPlan.noise(l1: 0.2)
        let changed = Self.perturber.apply(plan, to: y, row: row)
        #expect(Perturber(secret: HMACKey([1, 2, 3])).apply(plan, to: y, row: row) == changed)
        #expect(Perturber(secret: HMACKey([1, 2, 4])).apply(plan, to: y, row: row) != changed)
        #expect(Self.perturber.apply(plan, to: y, row: SHA256.digest(of: "b")) != changed)
    }

    @Test("the same query within two bounds does not tell its answer")
    func bounds() {
        let y: [Float] = [0.55, 0.2, 0.1, 0.08, 0.05, 0.02]
        let row = SHA256.digest(of: "x")
        let near = Self.perturber.apply(.noise(l1: 0.1), to: y, row: row)
        let far = Self.perturber.apply(.noise(l1: 0.2), to: y, row: row)
        // On one line through y these two would lie at distances of 1 to 2.
        let guess = y.indices.map { 2 * near[$0] - far[$0] }
        #expect(Self.l1(guess, y) > 0.02)
    }

    /// The mean of what many answers that hardly differ become, to queries that hardly differ.
    private static func mean(_ perturber: Perturber, of y: [Float], l1: Double) -> [Float] {
        var sums = [Double](repeating: 0, count: y.count)
        for index in 0..<2000 {
            var near = y
            near[0] += Float(index) * 1e-8
            let row = SHA256.digest(of: "variant \(index)")
            for (place, value) in perturber.apply(.noise(l1: l1), to: near, row: row).enumerated() {
                sums[place] += Double(value) / 2000
            }
        }
        return sums.map(Float.init)
    }

    @Test("asking about thousands of nearly equal pictures does not average the noise away")
    func variants() {
        let y: [Float] = [0.55, 0.2, 0.1, 0.08, 0.05, 0.02]
        // What remains after averaging is not known without the key: it differs from key to key.
        let means = (0..<8).map { Self.mean(Perturber(secret: HMACKey([$0, 9])), of: y, l1: 0.2) }
        let common = y.indices.map { place in means.reduce(0) { $0 + $1[place] } / 8 }
        let left = means.reduce(0) { $0 + Self.l1($1, common) } / 8
        #expect(left > 0.03, "\(left)")
    }

    @Test("what answers of a kind have in common is not all of their noise")
    func kinds() {
        let y: [Float] = [0.97, 0.01, 0.01, 0.01]
        let plan = PerturbationPlan.noise(l1: 0.2)
        let changed = (0..<200).map { Self.perturber.apply(plan, to: y, row: SHA256.digest(of: "\($0)")) }
        let common = y.indices.map { place in changed.reduce(0) { $0 + $1[place] } / 200 }
        #expect(changed.reduce(0) { $0 + Self.l1($1, common) } / 200 > 0.02)
    }

    @Test("over many keys the noise has no favourite class but the top one")
    func fairness() {
        let y: [Float] = [0.4, 0.2, 0.2, 0.2]
        var sums = [Double](repeating: 0, count: 4)
        for index in 0..<4000 {
            let perturber = Perturber(secret: HMACKey(Array("\(index)".utf8)))
            let changed = perturber.apply(.noise(l1: 0.1), to: y, row: SHA256.digest(of: "x"))
            for (place, value) in changed.enumerated() { sums[place] += Double(value) }
        }
        let means = sums.map { $0 / 4000 }
        #expect(abs(means[1] - means[2]) < 0.003 && abs(means[2] - means[3]) < 0.003)
    }

    @Test(
        "answers that are no distribution are left alone",
        arguments: [[], [1], [0, 0], [.nan, 1], [.infinity, 0]] as [[Float]])
    func degenerate(y: [Float]) {
        let changed = Self.perturber.apply(.noise(l1: 0.5), to: y, row: SHA256.digest(of: "x"))
        #expect(changed.map(\.bitPattern) == y.map(\.bitPattern))
    }
}
