import Foundation
import Tensor
import Testing

@testable import SAME

@Suite("What a lower precision does to scores")
struct PrecisionShiftTests {
    static func values(_ count: Int, seed: UInt64, levels: Int) -> [Double] {
        var generator = RandomGenerator(seed: seed)
        return (0..<count).map { _ in Double(generator.integer(below: levels)) }
    }

    @Test("the area under the curve is the share of pairs in order, ties counted half", arguments: 1..<8)
    func auroc(seed: UInt64) {
        let benign = Self.values(40, seed: seed, levels: 9)
        let strange = Self.values(30, seed: seed + 100, levels: 12)
        var wins = 0.0
        for a in strange { for b in benign { wins += a > b ? 1 : a == b ? 0.5 : 0 } }
        #expect(abs(Ranks.auroc(benign: benign, strange: strange) - wins / 1_200) < 1e-12)
    }

    @Test("Spearman's correlation without ties is 1 − 6 Σd² / (n³ − n)", arguments: 1..<6)
    func spearman(seed: UInt64) {
        var generator = RandomGenerator(seed: seed)
        let left = (0..<50).map { _ in Double(generator.uniform(0..<1)) }
        let right = (0..<50).map { _ in Double(generator.uniform(0..<1)) }
        func rank(_ values: [Double]) -> [Double] {
            values.map { value in Double(values.count { $0 <= value }) }
        }
        let squares = zip(rank(left), rank(right)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(abs(Ranks.correlation(left, right) - (1 - 6 * squares / (125_000 - 50))) < 1e-12)
        #expect(Ranks.correlation(left, left) == 1)
        #expect(abs(Ranks.correlation(left, left.map { -$0 }) + 1) < 1e-12)
        #expect(Ranks.correlation([1, 1], [1, 1]) == 1 && Ranks.correlation([1, 1], [1, 2]) == 0)
    }

    /// A shift of 2000 benign scores, where `above` more of them exceed every threshold than before.
    static func shift(above: Int = 0, auroc: Double = 0.9, rank: Double = 0.999) -> PrecisionShift {
        PrecisionShift(
            samples: 2_000,
            exceedances: PrecisionShift.percentiles.map {
                let reference = 1 - $0 / 100
                return .init(
                    percentile: $0, reference: reference, found: reference + Double(above) / 2_000)
            }, referenceAUROC: 0.9, foundAUROC: auroc, rankCorrelation: rank)
    }

    @Test("the tolerances hold to their edges, and what exceeds them is told with its figures")
    func tolerances() {
        #expect(Self.shift().excesses.isEmpty && Self.shift(auroc: 0.96).excesses.isEmpty)
        // Of 2000 queries p99.9 states 2, and 2 more are allowed; p99 states 20, of which a fifth is 4.
        #expect(Self.shift(above: 1).excesses.isEmpty)
        let three = Self.shift(above: 3).excesses
        #expect(three.count == 1 && three[0].hasPrefix("p99.9 is exceeded by 0.25 % of benign queries"))
        #expect(Self.shift(above: 5).excesses.count == 2 && Self.shift(above: 30).excesses.count == 4)
        #expect(Self.shift(auroc: 0.8951).excesses.isEmpty && Self.shift(auroc: 0.894).excesses.count == 1)
        #expect(Self.shift(rank: 0.989).excesses.count == 1 && Self.shift(rank: .nan).excesses.count == 1)
        #expect(Self.shift(auroc: .nan).excesses.count == 1)
    }

    @Test("figures that are no shares are found in a file")
    func defects() {
        #expect(Self.shift().defect == nil)
        #expect(Self.shift(auroc: 1.5).defect != nil && Self.shift(rank: .nan).defect != nil)
        #expect(
            PrecisionShift(
                samples: 1, exceedances: [], referenceAUROC: 1, foundAUROC: 1, rankCorrelation: 1
            ).defect != nil)
    }

    @Test("shares are counted above each threshold, in each precision")
    func counts() {
        let shift = PrecisionShift(
            benign: ((0..<100).map(Double.init), (0..<100).map { Double($0) + 2 }), strange: ([200], [0]),
            thresholds: [94, 96, 98, 99])
        #expect(shift.exceedances.map(\.reference) == [0.05, 0.03, 0.01, 0])
        #expect(shift.exceedances.map(\.found) == [0.07, 0.05, 0.03, 0.02])
        #expect(shift.referenceAUROC == 1 && shift.foundAUROC == 0 && shift.rankCorrelation == 1)
    }

    @Test("a shift comes back from JSON the same")
    func coding() throws {
        let decoded = try JSONDecoder().decode(PrecisionShift.self, from: JSONEncoder().encode(Self.shift()))
        #expect(decoded == Self.shift())
    }
}
