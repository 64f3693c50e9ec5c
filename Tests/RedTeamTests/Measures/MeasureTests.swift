import Foundation
import Policy
import SAME
import Tensor
import Testing

@testable import RedTeam

@Suite("Measures")
struct MeasureTests {
    /// Intervals of R's `prop.test(…, correct = FALSE)`, which is Wilson's.
    @Test(
        "Wilson's interval agrees with published tables",
        arguments: [(10, 1000, 0.005441, 0.018314), (0, 50, 0.0, 0.071348), (50, 50, 0.928652, 1.0)])
    func wilson(hits: Int, count: Int, low: Double, high: Double) {
        let found = CalibrationPoint.wilson(hits, of: count)
        #expect(abs(found.low - low) < 1e-5 && abs(found.high - high) < 1e-5)
    }

    @Test("exponential surprises are calibrated to every stated rate; twice as large ones are seen not to be")
    func calibration() {
        var generator = RandomGenerator(seed: 4)
        let true_ = (0..<20_000).map { _ in -log(1 - generator.uniform()) }
        for point in CalibrationPoint.points(surprises: true_) {
            #expect(point.low <= point.nominal * 1.05 && point.high >= point.nominal * 0.95)
        }
        let doubled = CalibrationPoint.points(surprises: true_.map { 2 * $0 })
        #expect(doubled.allSatisfy { $0.low > $0.nominal })
    }

    @Test("a curve's points lie on the curve and its area is near the exact one")
    func curve() throws {
        var generator = RandomGenerator(seed: 5)
        let benign = (0..<3000).map { _ in generator.normal() }
        let attack = (0..<3000).map { _ in generator.normal() + 1 }
        let points = ROC(attack: attack, benign: benign).points(steps: 100)
        #expect(points.falsePositives.count < 250)
        #expect(points.falsePositives == points.falsePositives.sorted())
        #expect(points.falsePositives.last == 1 && points.truePositives.last == 1)
        var area = 0.0
        for index in points.falsePositives.indices.dropFirst() {
            area +=
                (points.falsePositives[index] - points.falsePositives[index - 1])
                * (points.truePositives[index] + points.truePositives[index - 1]) / 2
        }
        let exact = try #require(DetectionMetrics(attack: attack, benign: benign)).auroc
        #expect(abs(area - exact) < 0.01)
    }

    @Test("true-positive rates at stated false-positive rates are of the whole curve, not of the drawn one")
    func caught() throws {
        let key = EvaluationResult.RunKey(attack: "a", budget: 1000, seed: 1)
        let (low, high) = (0..<1000, 1000..<2000)
        let curves = { (attack: Range<Int>, benign: Range<Int>) in
            RunMeasures(
                key: key, attack: Self.rows(attack.map(Double.init)),
                benign: Self.rows(benign.map(Double.init)),
                kinds: [.same]
            ).curves
        }
        let perfect = curves(high, low)
        #expect(perfect.map(\.caught) == [[1, 1, 1, 1]])
        #expect(curves(low, high).map(\.caught) == [[0, 0, 0, 0]])
        var result = EvaluationResult(
            suite: "test", victim: "v", bundle: "b", alpha: 0.99, victimAccuracy: 0.9,
            falsePositivesAtOnePercent: 0.01, benignCount: 1000, prada: PRADA())
        result.part.curves = perfect
        let summary = AttackTrace.Summary(
            attack: "a", options: [:], seed: 1, budget: 1000, asked: 1000, architecture: nil)
        result.runs.append(.init(key, summary, PRADA()))
        let text = EvaluationReport(result).markdown
        #expect(text.contains("| score | 0.1 % | 1 % | 5 % | 10 % |"))
        #expect(text.contains("| same | 100.00 | 100.00 | 100.00 | 100.00 |"))
    }

    @Test("a rate between two corners of the curve is found on the line between them")
    func between() {
        // From the top: an attack, two benign, then an attack and two benign that are tied.
        let curve = ROC(attack: [5, 3], benign: [4, 4, 3, 3])
        let rates = [0, 0.25, 0.5, 0.75, 1].map { curve.truePositiveRate(atFalsePositiveRate: $0) }
        #expect(rates == [0.5, 0.5, 0.5, 0.75, 1])
    }

    @Test(
        "queries in a wanted proportion: as many as there are, in that proportion",
        arguments: [0.01, 0.1, 0.5, 0.9])
    func ratios(share: Double) {
        let (bad, good) = RunMeasures.counts(1000, 10_000, share: share)
        #expect(bad <= 1000 && good <= 10_000 && (bad == 1000 || good == 10_000))
        #expect(abs(Double(bad) / Double(bad + good) - share) < 0.001)
    }

    // MARK: Windows

    /// Both in closed form: between N(0, I) and N(m, s²I) the Fréchet distance is ‖m‖² + d (s − 1)².
    @Test("the Fréchet distance of large windows is that of their Gaussians")
    func frechet() {
        var generator = RandomGenerator(seed: 6)
        let sample = { (count: Int, mean: Double, scale: Double, generator: inout RandomGenerator) in
            (0..<count).map { _ in (0..<3).map { _ in mean + scale * generator.normal() } }
        }
        let judge = WindowJudge(benign: sample(20_000, 0, 1, &generator))
        let same = judge.score(.frechet, surprises: [], features: sample(4000, 0, 1, &generator))
        #expect(abs(same) < 0.01)
        let moved = judge.score(.frechet, surprises: [], features: sample(20_000, 1, 2, &generator))
        #expect(abs(moved - 6) < 0.25)
    }

    @Test(
        "the mean discrepancy of windows like the reference is around 0, of others above it; surprises are averaged"
    )
    func discrepancy() {
        var generator = RandomGenerator(seed: 7)
        let sample = { (mean: Double, generator: inout RandomGenerator) in
            (0..<64).map { _ in (0..<3).map { _ in mean + generator.normal() } }
        }
        let judge = WindowJudge(benign: (0..<20).flatMap { _ in sample(0, &generator) })
        let own = (0..<20).map { _ in judge.score(.mmd, surprises: [], features: sample(0, &generator)) }
        let other = (0..<20).map { _ in judge.score(.mmd, surprises: [], features: sample(1, &generator)) }
        #expect(abs(own.reduce(0, +) / 20) < 0.01 && (own.max() ?? 1) < (other.min() ?? 0))
        #expect(judge.score(.meanSurprise, surprises: [1, 2, 6], features: []) == 3)
    }

    @Test("ordinary honest accounts are flagged at about the stated rate, whatever the measure")
    func honest() {
        var generator = RandomGenerator(seed: 8)
        let rows = (0..<2000).map { _ -> ScoreBench.Row in
            ScoreBench.Row(
                surprise: -log(1 - generator.uniform()), scores: [:],
                terms: TermValues(reconstruction: 0), features: (0..<4).map { _ in generator.normal() })
        }
        let judge = WindowJudge(benign: rows.prefix(1000).map(\.features))
        let accounts = HonestAccounts(benign: rows, labels: (0..<2000).map { $0 % 5 }, others: [:])
        let entries = accounts.entries(sizes: [8, 24], count: 120, seed: 1, judge: judge)
        #expect(entries.count == 2 * 2 * WindowMeasure.allCases.count)
        // Classes mean nothing here, so that accounts of two are ordinary too.
        #expect(entries.allSatisfy { $0.measured < 0.04 && $0.measuredAllowing <= $0.measured })
    }

    @Test(
        "a client whose pictures score higher is flagged by an ordinary threshold, and not by one that allows for it"
    )
    func otherClients() throws {
        var generator = RandomGenerator(seed: 11)
        let rows = { (mean: Double, generator: inout RandomGenerator) in
            (0..<2000).map { _ in
                ScoreBench.Row(
                    surprise: -mean * log(1 - generator.uniform()), scores: [:],
                    terms: TermValues(reconstruction: 0), features: [generator.normal()])
            }
        }
        let benign = rows(1, &generator)
        let judge = WindowJudge(benign: benign.prefix(1000).map(\.features))
        let accounts = HonestAccounts(
            benign: benign, labels: (0..<2000).map { $0 % 5 }, others: [.reencoded: rows(2, &generator)])
        let entries = accounts.entries(sizes: [16], count: 120, seed: 1, judge: judge)
        let entry = try #require(entries.first { $0.account == .reencoded && $0.measure == .meanSurprise })
        #expect(entry.measured > 0.3 && entry.measuredAllowing < 0.03)
        let bound = try #require(
            accounts.allowingBounds(sizes: [16], count: 500, seed: 1, judge: judge)[16])
        // The mean of 16 exponentials of mean 2 is a gamma of shape 16: its 99th percentile is 2 · 53.486 / 32.
        #expect(bound > 2 * 53.486 / 32 && bound < 2 * 53.486 / 32 + 0.4)
    }

    @Test("a bound on windows holds for pictures that did not set it")
    func confident() throws {
        var held = 0
        for seed in 0..<10 as Range<UInt64> {
            var generator = RandomGenerator(seed: seed, stream: 12)
            let rows = (0..<600).map { _ in
                ScoreBench.Row(
                    surprise: -log(1 - generator.uniform()), scores: [:],
                    terms: TermValues(reconstruction: 0), features: [0])
            }
            let judge = WindowJudge(benign: rows.map { [Double($0.surprise)] })
            let accounts = HonestAccounts(
                benign: rows, labels: [Int](repeating: 0, count: 600), others: [:])
            let bound = try #require(
                accounts.allowingBounds(sizes: [16], count: 200, seed: seed, judge: judge)[16])
            // The 99th percentile of a gamma of shape 16 over 16.
            held += bound > 1.6714 ? 1 : 0
            #expect(bound < 1.6714 * 1.4)
        }
        #expect(held >= 8)
    }

    // MARK: Policy and ablation

    private static func rows(_ scores: [Double]) -> [ScoreBench.Row] {
        scores.map {
            ScoreBench.Row(
                surprise: $0, scores: [.same: $0], terms: TermValues(reconstruction: Float($0)), features: [])
        }
    }

    @Test(
        "policies refuse about their share of honest queries and all that lies far above; work is asked for instead"
    )
    func policy() throws {
        var generator = RandomGenerator(seed: 9)
        let honest = Self.rows((0..<4000).map { _ in generator.uniform() })
        let key = EvaluationResult.RunKey(attack: "a", budget: 1, seed: 1)
        let entries = try PolicyMeasure().entries(
            key, attack: Self.rows([Double](repeating: 9, count: 50)), honest: honest, kinds: [.same])
        let reject = try #require(entries.first { $0.policy == "reject" })
        let work = try #require(entries.first { $0.policy == "proof-of-work" })
        #expect(abs(reject.honestAnswered - 0.95) < 0.02 && reject.attackAnswered == 0)
        #expect(work.honestAnswered == 1 && work.attackAnswered == 1)
        #expect(
            work.attackHashes == PolicyMeasure.work.most && work.honestHashes < PolicyMeasure.work.most / 100)
    }

    @Test("the ablation has every term of the bundle alone and left out, and every other term added")
    func ablation() throws {
        let calibration = try EvaluationTests.bundle().manifest.calibration
        var generator = RandomGenerator(seed: 10)
        let honest = (0..<400).map { _ -> ScoreBench.Row in
            var terms = TermValues(
                reconstruction: Float(generator.uniform()), statistics: 1.1, frame: 0.2, perturbation: 0.3,
                energy: -3,
                neighbour: 0.4,
                deviation: 0.1, doubt: 0.2)
            terms.masked = Float(generator.uniform())
            terms.excess = Float(generator.uniform())
            terms.doubt = Float(generator.uniform())
            return ScoreBench.Row(surprise: 0, scores: [:], terms: terms, features: [])
        }
        let attack = honest.map { row -> ScoreBench.Row in
            var row = row
            row.terms.doubt = 5
            return row
        }
        let key = EvaluationResult.RunKey(attack: "a", budget: 1, seed: 1)
        let entries = Ablation(calibration).entries(key, attack: attack, honest: honest)
        let own = calibration.terms.map(\.term)
        for term in ScoreTerm.allCases {
            #expect(entries.contains { $0.variant == "only \(term.rawValue)" })
            let other = own.contains(term) ? "without" : "with"
            #expect(entries.contains { $0.variant == "\(other) \(term.rawValue)" })
        }
        #expect(entries.first { $0.variant == "only doubt" }?.auroc == 1)
        #expect(abs((entries.first { $0.variant == "all terms" }?.auroc ?? 0) - 0.5) < 0.01)
    }
}
