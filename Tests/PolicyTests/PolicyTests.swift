import Foundation
import Testing

@testable import Policy

extension Assessment {
    /// A row at a benign percentile, with the surprise that belongs to it.
    static func make(percentile: Double, score: Double = 0) -> Assessment {
        Assessment(score: score, percentile: percentile, surprise: -log1p(-percentile / 100))
    }
}

extension PolicyEngine {
    static let bands = [
        Band(above: .percentile(97), verdict: .perturb(.noise(l1: 0.2))),
        Band(
            above: .percentile(99), verdict: .proofOfWork(WorkRule(least: 16384, most: 16_777_216, growth: 2))
        ),
        Band(above: .percentile(99.9), verdict: .reject),
    ]
}

@Suite("Policy: bands and verdicts")
struct PolicyEngineTests {
    @Test(
        "the highest band that the row lies above decides",
        arguments: [
            (0, .pass), (96.9, .pass), (97, .pass), (97.0001, .perturb), (99, .perturb),
            (99.01, .proofOfWork),
            (99.9, .proofOfWork), (99.90001, .reject), (99.99987, .reject), (100, .reject),
        ] as [(Double, Severity)])
    func bands(percentile: Double, expected: Severity) throws {
        let engine = try PolicyEngine(bands: PolicyEngine.bands)
        #expect(engine.verdict(for: .make(percentile: percentile)).severity == expected)
    }

    @Test(
        "an assessment that cannot be compared gets the highest band's verdict",
        arguments: [
            Assessment(score: .nan, percentile: 50, surprise: 0.7),
            Assessment(score: 0, percentile: .nan, surprise: 0.7),
            Assessment(score: 0, percentile: 50, surprise: .nan),
            Assessment(score: 0, percentile: -1, surprise: 0),
            Assessment(score: 0, percentile: 101, surprise: 9),
        ])
    func incomparable(assessment: Assessment) throws {
        #expect(try PolicyEngine(bands: PolicyEngine.bands).verdict(for: assessment) == .reject)
        let work = try PolicyEngine(bands: [
            Band(above: .percentile(99), verdict: .proofOfWork(WorkRule(least: 4, most: 64, growth: 2)))
        ])
        #expect(work.verdict(for: assessment) == .proofOfWork(WorkDemand(expectedHashes: 64)))
    }

    @Test("a policy without bands passes everything")
    func empty() throws {
        #expect(try PolicyEngine(bands: []).verdict(for: .make(percentile: 100)) == .pass)
    }

    @Test("raw thresholds compare the raw score, and work grows from the surprise at the threshold")
    func raw() throws {
        let rule = WorkRule(least: 100, most: 1e9, growth: exp(1))
        let engine = try PolicyEngine(
            bands: [Band(above: .raw(2), verdict: .proofOfWork(rule))], surpriseOfScore: { $0 * 3 })
        #expect(engine.verdict(for: Assessment(score: 2, percentile: 99, surprise: 6)) == .pass)
        let verdict = engine.verdict(for: Assessment(score: 2.5, percentile: 99, surprise: 7))
        guard case .proofOfWork(let demand) = verdict else { return #expect(Bool(false), "\(verdict)") }
        #expect(abs(demand.expectedHashes - 100 * exp(1)) < 1e-9)
    }

    @Test("work grows continuously with surprise, by the factor a nat, between its bounds")
    func workRule() {
        let rule = WorkRule(least: 1024, most: 65536, growth: 2)
        #expect(rule.demand(surprise: 5, threshold: 5).expectedHashes == 1024)
        #expect(rule.demand(surprise: 6, threshold: 5).expectedHashes == 2048)
        #expect(abs(rule.demand(surprise: 5.5, threshold: 5).expectedHashes - 1024 * 2.0.squareRoot()) < 1e-6)
        #expect(rule.demand(surprise: 4, threshold: 5).expectedHashes == 1024)
        #expect(rule.demand(surprise: 500, threshold: 5).expectedHashes == 65536)
        #expect(rule.demand(surprise: .infinity, threshold: 5).expectedHashes == 65536)
        #expect(rule.demand(surprise: .nan, threshold: 5).expectedHashes == 65536)
        var last = 0.0
        for surprise in stride(from: 5.0, to: 11, by: 0.01) {
            let hashes = rule.demand(surprise: surprise, threshold: 5).expectedHashes
            #expect(hashes > last)
            last = hashes
        }
        let flat = WorkRule(least: 7, most: 9, growth: 1)
        #expect(flat.demand(surprise: .infinity, threshold: 0).expectedHashes >= 7)
    }

    @Test("every mistake in a policy is listed")
    func problems() {
        let bands = [
            Band(above: .percentile(99), verdict: .reject),
            Band(above: .percentile(98), verdict: .perturb(.noise(l1: 3))),
            Band(above: .raw(.nan), verdict: .proofOfWork(WorkRule(least: 0, most: -1, growth: 0.5))),
            Band(above: .percentile(100), verdict: .reject),
        ]
        do throws(PolicyProblems) {
            _ = try PolicyEngine(bands: bands)
            Issue.record("accepted")
        } catch {
            let byBand = Dictionary(grouping: error.all, by: \.band).mapValues(\.count)
            // Too loud a noise, descending, milder; three of the rule, not finite, mixed; too high, mixed.
            #expect(byBand == [1: 3, 2: 5, 3: 2])
            #expect(error.description.split(separator: "\n").count == error.all.count)
        }
    }

    @Test("a higher band may not be milder, and a raw threshold for work needs a calibration")
    func singleProblems() {
        let milder = [
            Band(above: .percentile(90), verdict: .reject), Band(above: .percentile(99), verdict: .pass),
        ]
        #expect(throws: PolicyProblems.self) { try PolicyEngine(bands: milder) }
        let rule = WorkRule(least: 1, most: 2, growth: 1)
        #expect(throws: PolicyProblems.self) {
            try PolicyEngine(bands: [Band(above: .raw(1), verdict: .proofOfWork(rule))])
        }
    }

    @Test("the most severe row of a batch decides, and the work of all its rows adds up")
    func batch() throws {
        let engine = try PolicyEngine(bands: PolicyEngine.bands)
        let mild = engine.verdict(for: [10, 98, 50].map { Assessment.make(percentile: $0) })
        #expect(mild.outcome == .answer && mild.decidingRow == 1)
        #expect(mild.perturbations.map(\.row) == [1])

        let alone = engine.verdict(for: [99.5].map { Assessment.make(percentile: $0) })
        let thrice = engine.verdict(for: [99.5, 98, 99.5, 1, 99.5].map { Assessment.make(percentile: $0) })
        guard case .proofOfWork(let one) = alone.outcome, case .proofOfWork(let three) = thrice.outcome else {
            return #expect(Bool(false), "work")
        }
        #expect(abs(three.expectedHashes - 3 * one.expectedHashes) < 1e-6)
        #expect(thrice.decidingRow == 0 && thrice.perturbations.map(\.row) == [1])

        let worst = engine.verdict(for: [99.5, 99.99, 1].map { Assessment.make(percentile: $0) })
        #expect(worst.outcome == .reject && worst.decidingRow == 1)
        #expect(engine.verdict(for: [Assessment]()).outcome == .answer)
    }

    @Test(
        "thresholds are read strictly",
        arguments: [
            ("p99.5", .percentile(99.5)), ("p0", .percentile(0)), ("p100", .percentile(100)),
            ("0.25", .raw(0.25)),
            ("-3", .raw(-3)), ("17", .raw(17)),
        ] as [(String, Threshold)])
    func thresholds(text: String, expected: Threshold) {
        #expect(Threshold(parsing: text) == expected)
        #expect(Threshold(parsing: expected.description) == expected)
    }

    @Test(
        "anything else is no threshold",
        arguments: [
            "", "p", "p-1", "p-0", "p101", "P99", "99p", "p99%", "1e3", "+1", " 1", "1.", ".5", "nan", "inf",
            "0x1", "p٩",
        ])
    func notThresholds(text: String) { #expect(Threshold(parsing: text) == nil) }
}
