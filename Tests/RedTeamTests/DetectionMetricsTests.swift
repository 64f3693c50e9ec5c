import RedTeam
import Tensor
import Testing

@Suite("Detection metrics")
struct DetectionMetricsTests {
    /// Counts pairs one by one: the definition of AUROC with ties counting half.
    private func pairCount(_ attack: [Double], _ benign: [Double]) -> Double {
        var wins = 0.0
        for a in attack { for b in benign { wins += a > b ? 1 : a == b ? 0.5 : 0 } }
        return wins / Double(attack.count * benign.count)
    }

    @Test("AUROC equals brute-force pair counting, ties and all", arguments: 0..<20)
    func aurocIsPairCount(seed: Int) throws {
        var generator = RandomGenerator(seed: UInt64(seed))
        let attack = (0..<(5 + seed * 7)).map { _ in Double(generator.integer(below: 12)) + 2 }
        let benign = (0..<(3 + seed * 11)).map { _ in Double(generator.integer(below: 12)) }
        let metrics = try #require(DetectionMetrics(attack: attack, benign: benign))
        #expect(abs(metrics.auroc - pairCount(attack, benign)) < 1e-12)
    }

    @Test("perfect separation is 1 with no false positives, and its reverse is 0")
    func perfect() throws {
        let perfect = try #require(DetectionMetrics(attack: [3, 4, 5], benign: [0, 1, 2]))
        #expect(perfect.auroc == 1 && perfect.fpr95 == 0 && perfect.fpr90 == 0 && perfect.aupr == 1)
        let reversed = try #require(DetectionMetrics(attack: [0, 1, 2], benign: [3, 4, 5]))
        #expect(reversed.auroc == 0 && reversed.fpr95 == 1)
    }

    @Test("scores all equal are a coin toss: AUROC ½, FPR equal to TPR")
    func allTied() throws {
        let metrics = try #require(DetectionMetrics(attack: [1, 1], benign: [1, 1, 1]))
        #expect(metrics.auroc == 0.5)
        #expect(abs(metrics.fpr95 - 0.95) < 1e-12 && abs(metrics.fpr90 - 0.90) < 1e-12)
    }

    /// Worked by hand. Scores from the top: attack 5, benign 4, attack 3, benign 2, attack 1, benign 0.
    /// Corners (caught, false): (1,0) (1,1) (2,1) (2,2) (3,2) (3,3). Pairs won: 3 + 2 + 1 = 6 of 9.
    /// 95 % of 3 is 2.85, on the vertical rise at two of three false: FPR ⅔; 90 % likewise.
    /// Precision-recall: (0,1) (⅓,1) (⅓,½) (⅔,⅔) (⅔,½) (1,⅗) (1,½): ⅓ + ⅓·(½+⅔)/2 + ⅓·(½+⅗)/2.
    @Test("a case worked by hand")
    func byHand() throws {
        let metrics = try #require(DetectionMetrics(attack: [5, 3, 1], benign: [4, 2, 0]))
        #expect(abs(metrics.auroc - 6.0 / 9) < 1e-12)
        #expect(abs(metrics.fpr95 - 2.0 / 3) < 1e-12)
        #expect(abs(metrics.fpr90 - 2.0 / 3) < 1e-12)
        #expect(abs(metrics.aupr - (1 + 7.0 / 12 + 11.0 / 20) / 3) < 1e-12)
    }

    /// Ten attacks tied with four of ten benign queries, the others below: the rise is a slope from (0,0) to
    /// (1,0.4).
    @Test("FPR interpolates linearly along a slope of the ROC")
    func interpolates() throws {
        let benign = [Double](repeating: 1, count: 4) + [Double](repeating: 0, count: 6)
        let metrics = try #require(
            DetectionMetrics(attack: [Double](repeating: 1, count: 10), benign: benign))
        #expect(abs(metrics.fpr95 - 0.38) < 1e-12)
        #expect(abs(metrics.fpr90 - 0.36) < 1e-12)
    }

    @Test("an empty sample or a NaN has no metrics; an infinite score is the highest")
    func badInput() throws {
        #expect(DetectionMetrics(attack: [], benign: [1]) == nil)
        #expect(DetectionMetrics(attack: [1], benign: []) == nil)
        #expect(DetectionMetrics(attack: [.nan], benign: [1]) == nil)
        #expect(try #require(DetectionMetrics(attack: [.infinity], benign: [1])).auroc == 1)
    }
}
